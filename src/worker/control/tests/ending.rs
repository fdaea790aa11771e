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
