//! What becomes of a run when the group does not stay as it was: others come, answers come late or not at all.

use super::super::{Action, Event};
use super::{JOINED, PATIENCE, REGISTERED, control, new_ones, play};

#[test]
fn others_in_the_middle_of_registration_end_it_and_every_state_stays_stopped() {
    for middle in ["", "> confirmed\nwrite target-state-a=STOPPED\n"] {
        let mut run = control(new_ones(&["a"]));
        play(&mut run, JOINED);
        play(&mut run, middle);
        let report = play(
            &mut run,
            "
            > others connect-1
            check offsets
            check sinks
            > written
            > confirmed
            > good offsets
            > good sinks
            finish: broken: group joined and left, connectors stored as STOPPED
            ",
        );
        assert!(!report.unwrap().registered);
    }
}

#[test]
fn others_after_registration_change_nothing_but_the_moment_of_leaving() {
    let mut run = control(new_ones(&["a"]));
    play(&mut run, JOINED);
    play(&mut run, REGISTERED);
    let report = play(
        &mut run,
        "
        > good connectors
        > others connect-1
        > good offsets
        > good sinks
        > good rest
        write target-state-a=STARTED
        > written
        check states
        > good states
        finish: every promise kept
        ",
    );
    assert!(report.unwrap().promises[0].detail.contains("connect-1"));
    let mut run = control(new_ones(&["a"]));
    play(&mut run, JOINED);
    play(&mut run, REGISTERED);
    play(
        &mut run,
        "
        > good connectors
        > good offsets
        > good sinks
        > good rest
        leave
        > others connect-1
        write target-state-a=STARTED
        > left
        ",
    );
}

#[test]
fn others_without_an_answer_to_leaving_leave_every_connector_stopped() {
    for (before, after) in [
        ("", "> good rest\nfinish: broken: group joined and left\n"),
        (
            "> good rest\nleave\n",
            "finish: broken: group joined and left\n",
        ),
    ] {
        let mut run = control(new_ones(&["a"]));
        play(&mut run, JOINED);
        play(&mut run, REGISTERED);
        play(
            &mut run,
            "> good connectors\n> good offsets\n> good sinks\n",
        );
        play(&mut run, before);
        let (told, after) = match before {
            "" => ("> others-unsure connect-1\n".to_owned(), after),
            _ => (format!("> others-unsure connect-1\n{after}"), ""),
        };
        let first = play(&mut run, &told);
        let report = first.or_else(|| play(&mut run, after)).unwrap();
        let detail = &report.promises[0].detail;
        assert!(
            detail.contains("connect-1") && detail.contains("no answer"),
            "{detail}"
        );
    }
}

#[test]
fn a_write_ends_before_the_session_that_began_when_the_heartbeat_was_sent() {
    let mut run = control(new_ones(&["a"]));
    play(&mut run, JOINED);
    let until = |actions: &[Action]| match actions {
        [Action::Write { until, .. }] => *until,
        _ => panic!("{actions:?}"),
    };
    let written = run.step(6_000, Event::Confirmed { sent: 1_000 });
    assert_eq!(until(&written), Some(8_500));
    assert_eq!(run.step(6_001, Event::Written), [Action::Confirm]);
    // Whatever the answer said, the session may be over by now.
    let late = run.step(11_002, Event::Confirmed { sent: 6_001 });
    assert_eq!(late, [Action::Confirm]);
    let written = run.step(11_003, Event::Confirmed { sent: 11_002 });
    assert_eq!(until(&written), Some(18_502));
}

#[test]
fn answers_that_always_come_too_late_end_the_run() {
    let mut run = control(new_ones(&["a"]));
    play(&mut run, JOINED);
    let report = play(
        &mut run,
        "
        > confirmed-after 1
        write target-state-a=STOPPED
        > passing the leader moved
        confirm
        > later confirmed-after 5001
        confirm
        > later timeout
        check offsets
        check sinks
        > good offsets
        > good sinks
        leave
        > left
        finish: broken: group joined and left, connectors stored as STOPPED
        ",
    );
    let detail = &report.unwrap().promises[0].detail;
    assert!(detail.contains("5001 ms to answer a heartbeat"), "{detail}");
}

#[test]
fn a_group_that_does_not_answer_ends_the_run() {
    let mut run = control(new_ones(&["a"]));
    play(&mut run, JOINED);
    assert_eq!(run.deadline(), Some(4 + PATIENCE));
    let report = play(
        &mut run,
        "
        > timeout
        > later timeout
        check offsets
        check sinks
        > bad offsets
        > good sinks
        leave
        > left
        finish: broken: group joined and left, connectors stored as STOPPED, offsets found as a worker finds them
        ",
    );
    assert_eq!(run.deadline(), None);
    let group = &report.unwrap().promises[0];
    assert_eq!(
        group.detail,
        "the group's coordinator gave no answer within 30000 ms"
    );
}

#[test]
fn a_join_that_is_not_answered_in_time_names_the_broker_s_delay_and_what_to_type() {
    let mut run = control(new_ones(&["a"]));
    let report = play(
        &mut run,
        "
        > start
        look at the group
        > group
        check topics
        > good topics
        join
        > later timeout
        check offsets
        check sinks
        > good offsets
        > good sinks
        leave
        > left
        finish: broken: group joined and left, connectors stored as STOPPED
        ",
    );
    let group = &report.unwrap().promises[0];
    assert!(
        group.detail.contains("group.initial.rebalance.delay.ms"),
        "{group:?}"
    );
    assert!(
        group
            .hint
            .as_ref()
            .is_some_and(|hint| hint.contains("--timeout")),
        "{group:?}"
    );
}
