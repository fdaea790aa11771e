//! Scripts: `> what happened`, and below it what the run wants done.

mod ending;
mod group;

use indexmap::IndexMap;
use proptest::prelude::*;

use super::{
    Action, Check, Connector, Control, Event, Finding, Job, Record, Registration, Report, Verdict,
    WriteFailure,
};
use crate::model::connector_config::TargetState;
use crate::model::storage_records::{ConfigState, zero_task_commit_record};
use crate::worker::{Millis, Trouble};

const PATIENCE: u64 = 30_000;
const SESSION: u64 = 10_000;

fn connector(name: &str, registration: Registration, final_state: TargetState) -> Connector {
    Connector {
        name: name.to_owned(),
        config: IndexMap::from([("name".to_owned(), name.to_owned())]),
        registration,
        final_state,
    }
}

fn new_ones(names: &[&str]) -> Vec<Connector> {
    let new = |name: &&str| connector(name, Registration::Create, TargetState::Started);
    names.iter().map(new).collect()
}

fn control(connectors: Vec<Connector>) -> Control {
    Control::new(Job {
        connectors,
        patience: PATIENCE,
        session: SESSION,
    })
}

/// Reads an event at a time.
fn event(now: Millis, words: &str) -> Event {
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    let list = || rest.split(' ').filter(|w| !w.is_empty()).map(str::to_owned);
    let failed = |why| Event::WriteFailed {
        reason: rest.into(),
        why,
    };
    match first {
        "start" => Event::Start,
        "group" => Event::Group(Ok(list().collect())),
        "group-unknown" => Event::Group(Err(rest.into())),
        "joined" => Event::Joined {
            generation: 1,
            sent: now,
        },
        "confirmed" => Event::Confirmed { sent: now },
        "confirmed-after" => Event::Confirmed {
            sent: now - rest.parse::<Millis>().expect("milliseconds"),
        },
        "others" => Event::OtherMembers {
            others: list().collect(),
            left: Ok(()),
        },
        "others-unsure" => Event::OtherMembers {
            others: list().collect(),
            left: Err("no answer".into()),
        },
        "group-failed" => Event::GroupFailed(rest.into()),
        "written" => Event::Written,
        "too-large" => failed(WriteFailure::TooLarge),
        "passing" => failed(WriteFailure::Passing),
        "lasting" => failed(WriteFailure::Lasting),
        "good" => checked(rest, Finding::Good(String::new())),
        "unseen" => checked(rest, Finding::Unseen("not all".into())),
        "bad" => checked(rest, Finding::Bad("wrong".into())),
        "left" => Event::Left(Ok(())),
        "not-left" => Event::Left(Err(rest.into())),
        "timeout" => Event::Timeout {
            failed: (!rest.is_empty()).then(|| rest.into()),
        },
        "interrupt" => Event::Interrupted,
        _ => panic!("no event: {words}"),
    }
}

fn checked(name: &str, finding: Finding) -> Event {
    let all = [
        Check::Topics,
        Check::Connectors,
        Check::Offsets,
        Check::Sinks,
        Check::Rest,
        Check::States,
    ];
    let check = all
        .into_iter()
        .find(|check| format!("{check:?}").to_lowercase() == name);
    Event::Checked {
        check: check.expect("a check"),
        finding,
    }
}

fn shown(action: &Action) -> String {
    match action {
        Action::LookAtGroup => "look at the group".to_owned(),
        Action::Check(check) => format!("check {check:?}").to_lowercase(),
        Action::Join => "join".to_owned(),
        Action::Confirm => "confirm".to_owned(),
        Action::Leave => "leave".to_owned(),
        Action::Write { records, .. } => {
            let keys: Vec<_> = records.iter().map(record).collect();
            format!("write {}", keys.join(", "))
        }
        Action::Finish(report) => format!("finish: {report}"),
    }
}

fn record(record: &Record) -> String {
    let key = String::from_utf8_lossy(&record.key);
    let value = String::from_utf8_lossy(&record.value);
    let state = ["STOPPED", "PAUSED", "STARTED"];
    let state = state.into_iter().find(|state| value.contains(state));
    match state.filter(|_| key.starts_with("target-state-")) {
        Some(state) => format!("{key}={state}"),
        None => key.into_owned(),
    }
}

/// Plays a script, which must say every action, and returns the report if the run has finished.
fn play(control: &mut Control, script: &str) -> Option<Report> {
    let mut now = 0;
    let mut report = None;
    let mut played = String::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let Some(words) = line.strip_prefix("> ") else {
            continue;
        };
        played += line;
        played += "\n";
        now += 1;
        let words = match words.strip_prefix("later ") {
            Some(words) => {
                now += 2 * PATIENCE;
                words
            }
            None => words,
        };
        for action in control.step(now, event(now, words)) {
            played += &shown(&action);
            played += "\n";
            if let Action::Finish(finished) = action {
                report = Some(finished);
            }
        }
    }
    let expected: String = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(played, expected);
    report
}

const JOINED: &str = "
    > start
    look at the group
    > group
    check topics
    > good topics
    join
    > joined
    confirm
";

#[test]
fn what_to_do_about_a_broken_promise_is_part_of_the_report() {
    let hinted = |what: &str, hint: &str| Trouble {
        what: what.to_owned(),
        hint: Some(hint.to_owned()),
    };
    let mut run = control(new_ones(&["a"]));
    play(&mut run, JOINED);
    play(&mut run, "> confirmed\nwrite target-state-a=STOPPED");
    run.step(
        10,
        Event::WriteFailed {
            reason: hinted("no ACL", "Grant it."),
            why: WriteFailure::Lasting,
        },
    );
    let finding = Finding::Bad(hinted("not readable", "Read it."));
    let check = Check::Offsets;
    run.step(11, Event::Checked { check, finding });
    let report = play(
        &mut run,
        "> good sinks\nleave\n> left\nfinish: broken: connectors stored as STOPPED, offsets found as a worker finds them",
    );
    let report = report.unwrap();
    let told: Vec<_> = report
        .promises
        .iter()
        .filter_map(|p| Some((p.detail.as_str(), p.hint.as_deref()?)))
        .collect();
    let expected = [
        ("not written: no ACL", "Grant it."),
        ("not readable", "Read it."),
    ];
    assert_eq!(told, expected);
}

fn verdicts(report: &Report) -> Vec<(&'static str, Verdict)> {
    let verdict = |p: &super::Promise| (p.subject.promise(), p.verdict);
    report.promises.iter().map(verdict).collect()
}

#[test]
fn target_states_come_before_connectors_and_final_states_after_leaving() {
    let mut run = control(new_ones(&["a", "b"]));
    play(&mut run, JOINED);
    let report = play(
        &mut run,
        "
        > confirmed
        write target-state-a=STOPPED, target-state-b=STOPPED
        > written
        confirm
        > confirmed
        write connector-a, connector-b
        > written
        check connectors
        check offsets
        check sinks
        check rest
        > good offsets
        > good connectors
        > good rest
        > good sinks
        leave
        > left
        write target-state-a=STARTED, target-state-b=STARTED
        > written
        check states
        > good states
        finish: every promise kept
        ",
    );
    let report = report.unwrap();
    assert!(report.registered && !report.is_broken());
    assert!(
        report.promises.iter().all(|p| p.took.is_some()),
        "{report:?}"
    );
}

#[test]
fn a_group_with_members_is_not_joined_and_the_rest_is_looked_at_from_outside() {
    let report = play(
        &mut control(new_ones(&["a"])),
        "
        > start
        look at the group
        > group connect-1 connect-2
        check topics
        > good topics
        check offsets
        check sinks
        > good offsets
        > good sinks
        finish: broken: group joined and left, connectors stored as STOPPED
        ",
    );
    let report = report.unwrap();
    assert!(!report.registered);
    assert!(report.promises[0].detail.contains("connect-1, connect-2"));
}

const REGISTERED: &str = "
    > confirmed
    write target-state-a=STOPPED
    > written
    confirm
    > confirmed
    write connector-a
    > written
    check connectors
    check offsets
    check sinks
    check rest
";

#[test]
fn any_broken_promise_leaves_every_connector_stopped() {
    for broken in ["connectors", "offsets", "sinks", "rest"] {
        let mut run = control(new_ones(&["a"]));
        play(&mut run, JOINED);
        play(&mut run, REGISTERED);
        let mut report = Vec::new();
        for check in ["connectors", "offsets", "sinks", "rest"] {
            let verdict = if check == broken { "bad" } else { "good" };
            report = run.step(50, event(50, &format!("{verdict} {check}")));
        }
        assert_eq!(report, [Action::Leave]);
        let last = run.step(51, Event::Left(Ok(())));
        let [Action::Finish(report)] = &last[..] else {
            panic!("{last:?}");
        };
        assert!(report.is_broken() && report.registered, "{broken}");
        assert_eq!(verdicts(report)[6].1, Verdict::NotPerformed);
    }
}

#[test]
fn leaving_without_an_answer_leaves_every_connector_stopped() {
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
        > not-left no coordinator
        finish: broken: group joined and left
        ",
    );
}

#[test]
fn a_write_that_may_pass_is_tried_again_after_a_fresh_confirmation() {
    let mut run = control(new_ones(&["a"]));
    play(&mut run, JOINED);
    play(
        &mut run,
        "
        > confirmed
        write target-state-a=STOPPED
        > passing the leader moved
        confirm
        > joined
        write target-state-a=STOPPED
        > lasting no ACL
        check offsets
        check sinks
        > good offsets
        > good sinks
        leave
        > left
        finish: broken: connectors stored as STOPPED
        ",
    );
}

#[test]
fn a_batch_that_is_too_large_is_halved_until_one_connector_is_left() {
    let mut run = control(new_ones(&["a", "b"]));
    play(&mut run, JOINED);
    play(
        &mut run,
        "
        > confirmed
        write target-state-a=STOPPED, target-state-b=STOPPED
        > written
        confirm
        > confirmed
        write connector-a, connector-b
        > too-large
        confirm
        > confirmed
        write connector-a
        > written
        confirm
        > confirmed
        write connector-b
        > too-large
        check offsets
        check sinks
        ",
    );
}

#[test]
fn a_changed_connector_loses_its_tasks_before_it_is_stopped() {
    let changed = connector("a", Registration::Update, TargetState::Paused);
    let present = connector("b", Registration::Present, TargetState::Stopped);
    let mut run = control(vec![changed, present]);
    play(&mut run, JOINED);
    play(
        &mut run,
        "
        > confirmed
        write commit-a, target-state-a=STOPPED
        > written
        confirm
        > confirmed
        write connector-a
        > written
        check connectors
        check offsets
        check sinks
        check rest
        > good connectors
        > good offsets
        > good sinks
        > good rest
        leave
        > left
        write target-state-a=PAUSED
        > written
        check states
        > good states
        finish: every promise kept
        ",
    );
    let mut state = ConfigState::new();
    let (key, value) = zero_task_commit_record("a");
    let connector = state.apply(0, Some(b"connector-a"), Some(br#"{"properties":{}}"#));
    connector.unwrap();
    state.apply(1, Some(&key), Some(&value)).unwrap();
    assert_eq!(state.connectors["a"].task_count, Some(0));
}

#[test]
fn ctrl_c_leaves_the_group_and_writes_no_final_state() {
    let mut run = control(new_ones(&["a"]));
    play(&mut run, JOINED);
    let report = play(
        &mut run,
        "
        > confirmed
        write target-state-a=STOPPED
        > interrupt
        leave
        > written
        > interrupt
        > left
        finish: interrupted
        ",
    );
    assert!(report.unwrap().interrupted);
    play(
        &mut control(new_ones(&["a"])),
        "
        > start
        look at the group
        > interrupt
        finish: interrupted
        ",
    );
}

fn final_state() -> impl Strategy<Value = TargetState> {
    prop::sample::select(
        &[
            TargetState::Started,
            TargetState::Paused,
            TargetState::Stopped,
        ][..],
    )
}

/// What a worker makes of the first so many records that a run writes.
fn after(written: &[Record]) -> ConfigState {
    let mut state = ConfigState::new();
    for (offset, record) in (0..).zip(written) {
        let applied = state.apply(offset, Some(&record.key), Some(&record.value));
        applied.expect("a record that workers know");
    }
    state
}

proptest! {
    /// Killed after any record, a run leaves connectors absent or STOPPED; with all records each has its final state.
    #[test]
    fn half_a_registration_never_runs(
        finals in prop::collection::vec(final_state(), 1..40),
        limit in 1_usize..2000,
        answers in prop::collection::vec(0_u8..6, 400),
    ) {
        let connectors = finals.iter().enumerate().map(|(number, state)| {
            connector(&format!("c{number}"), Registration::Create, *state)
        });
        let mut run = control(connectors.collect());
        run.waves.limit = limit;
        let mut written = Vec::new();
        let mut left_at = None;
        let mut todo = std::collections::VecDeque::from([Event::Start]);
        let mut answers = answers.into_iter();
        while let Some(event) = todo.pop_front() {
            for action in run.step(1, event) {
                match action {
                    Action::LookAtGroup => todo.push_back(Event::Group(Ok(Vec::new()))),
                    Action::Check(check) => todo.push_back(Event::Checked {
                        check,
                        finding: Finding::Good(String::new()),
                    }),
                    Action::Join => todo.push_back(self::event(1, "joined")),
                    Action::Confirm => todo.push_back(self::event(1, "confirmed")),
                    Action::Write { records, until } => {
                        prop_assert_eq!(until.is_some(), left_at.is_none());
                        prop_assert!(!records.is_empty());
                        match answers.next() {
                            Some(0) => todo.push_back(self::event(1, "passing x")),
                            // The answer is lost, and the records are there.
                            Some(1) => {
                                written.extend(records);
                                todo.push_back(self::event(1, "passing x"));
                            }
                            _ => {
                                written.extend(records);
                                todo.push_back(Event::Written);
                            }
                        }
                    }
                    Action::Leave => {
                        left_at = Some(written.len());
                        todo.push_back(Event::Left(Ok(())));
                    }
                    Action::Finish(report) => {
                        if !report.is_broken() {
                            let state = after(&written);
                            prop_assert_eq!(state.connectors.len(), finals.len());
                            for (number, wanted) in finals.iter().enumerate() {
                                prop_assert_eq!(state.connectors[&format!("c{number}")].target, *wanted);
                            }
                        }
                    }
                }
            }
        }
        for killed in 0..=left_at.unwrap_or(written.len()) {
            let state = after(&written[..killed]);
            prop_assert!(state.connectors.values().all(|c| c.target == TargetState::Stopped && !c.has_run));
        }
    }
}
