//! Final states that are not all acknowledged: what the topic has is what counts.

use super::super::{Action, Check, Event, Finding, Verdict};
use super::{JOINED, PATIENCE, REGISTERED, control, event, new_ones, play, verdicts};

const LEFT: &str = "
    > good connectors
    > good offsets
    > good sinks
    > good rest
    leave
    > left
    write target-state-a=STARTED
";

#[test]
fn final_states_that_are_refused_are_read_back_and_told() {
    let mut run = control(new_ones(&["a"]));
    for part in [JOINED, REGISTERED, LEFT] {
        play(&mut run, part);
    }
    play(&mut run, "> lasting no ACL\ncheck states");
    let found = Finding::Bad("a is Stopped".into());
    let check = Check::States;
    let last = run.step(
        60,
        Event::Checked {
            check,
            finding: found,
        },
    );
    let [Action::Finish(report)] = &last[..] else {
        panic!("{last:?}");
    };
    assert_eq!(verdicts(report)[6].1, Verdict::Broken);
    assert_eq!(
        report.promises[6].detail,
        "not all were written: no ACL; all but these have theirs: a is Stopped"
    );
}

#[test]
fn a_final_state_whose_answer_alone_was_lost_is_kept() {
    let mut run = control(new_ones(&["a"]));
    for part in [JOINED, REGISTERED, LEFT] {
        play(&mut run, part);
    }
    play(
        &mut run,
        "> passing no answer\nwrite target-state-a=STARTED",
    );
    let late = PATIENCE + 1_000;
    assert_eq!(
        run.step(late, event(late, "passing no answer")),
        [Action::Check(Check::States)]
    );
    play(&mut run, "> good states\nfinish: every promise kept");
}

#[test]
fn a_check_that_had_nothing_to_look_at_keeps_no_promise_and_breaks_none() {
    let mut run = control(new_ones(&["a"]));
    for part in [JOINED, REGISTERED] {
        play(&mut run, part);
    }
    let nothing = Event::Checked {
        check: Check::Offsets,
        finding: Finding::Nothing("no source has any".into()),
    };
    assert_eq!(run.step(50, nothing), []);
    play(
        &mut run,
        "> good connectors\n> good sinks\n> good rest\nleave",
    );
    _ = run.step(51, Event::Left(Ok(())));
    play(&mut run, "> written\ncheck states");
    let last = run.step(60, event(60, "good states"));
    let [Action::Finish(report)] = &last[..] else {
        panic!("{last:?}");
    };
    assert!(!report.is_broken());
    assert_eq!(verdicts(report)[3].1, Verdict::NotPerformed);
    assert_eq!(report.promises[3].detail, "no source has any");
}

#[test]
fn what_was_not_looked_at_is_not_called_kept() {
    let mut run = control(new_ones(&["a"]));
    let unseen = LEFT.replace("> good offsets", "> unseen offsets");
    for part in [JOINED, REGISTERED, &unseen] {
        play(&mut run, part);
    }
    play(
        &mut run,
        "> written
        check states
        > good states
        finish: nothing broken; not known: offsets found as a worker finds them",
    );
}
