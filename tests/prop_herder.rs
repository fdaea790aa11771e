//! One herder, and whatever may happen to it in any order: rounds that come and are void, leaders that change in the middle of
//! a write, reads that fail, news that come late, requests at any time, tasks that end when they like.
//!
//! What holds after every step: only what is assigned is taken up; only the leader of the present generation writes what is the
//! leader's to write, and says which generation that is; one thing is written or read at a time; and in the end every request has been
//! answered once. What else it says is true when it says it ([`expected`]): tasks are started once, paused, resumed and stopped while
//! they run and because they should be; statuses are of what is owned and as it is; followers alone hand tasks to a leader, leaders
//! alone prune; and the member is told to join, poll and leave when there is a reason.

mod expected;

use std::collections::BTreeMap;
use std::sync::Arc;

use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{
    ConfigChange, ConfigState, commit_record, connector_record, target_state_record, task_record,
};
use connectctl::protocol::connect_group::{Assignment, CONNECTOR_TASK, ConnectProtocol, Work};
use connectctl::worker::config_log::ConfigLog;
use connectctl::worker::herder::{
    Action, Event, Herder, HerderSettings, Record, Request, RequestId, TaskState, WriteFailure,
};
use connectctl::worker::member::Membership;
use indexmap::IndexMap;

use crate::support::random::Random;
use expected::{Counts, Expected, Seen};

const SEEDS: u64 = 1_000;
const EVENTS: u64 = 250;
const CONNECTORS: [&str; 3] = ["a", "b", "c"];

/// What the herder waits for.
#[derive(Debug)]
enum Question {
    Read,
    Write(Vec<Record>),
    Key,
    Connector(String),
    Tasks(String),
    Forward(String, u64),
    Ended(Work),
}

impl Question {
    /// Of these one is asked at a time.
    fn is_of_the_log(&self) -> bool {
        matches!(self, Self::Read | Self::Write(_) | Self::Key)
    }
}

struct Trial {
    random: Random,
    herder: Herder,
    now: u64,
    steps: u64,
    log: ConfigLog,
    offset: i64,
    /// News of the log that the herder was not told.
    news: Vec<ConfigChange>,
    questions: Vec<Question>,
    asked: u64,
    answers: BTreeMap<RequestId, u32>,
    /// The last assignment, without what was revoked since.
    allowed: Work,
    generation: i32,
    has_begun: bool,
    stopped: bool,
    expected: Expected,
    /// Batches: a trial in which nothing happens proves nothing.
    written: u64,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let mut log = ConfigLog::new("configs");
        log.start();
        Self {
            random: Random::new(seed),
            herder: Herder::new(HerderSettings::default()),
            now: 0,
            steps: 0,
            log,
            offset: 0,
            news: Vec::new(),
            questions: Vec::new(),
            asked: 0,
            answers: BTreeMap::new(),
            allowed: Work::default(),
            generation: 0,
            has_begun: false,
            stopped: false,
            expected: Expected::default(),
            written: 0,
        }
    }

    fn step(&mut self, event: Event) {
        self.now += self.random.below(2_000);
        self.steps += 1;
        let said = format!("step {}, {event:?}", self.steps);
        let before = Arc::clone(self.herder.config());
        self.expected.begin(matches!(event, Event::Unread));
        if matches!(event, Event::Started(_) | Event::Assigned(_)) {
            self.expected.calls_for_poll();
        }
        for action in self.herder.step(self.now, event) {
            self.take(action, &before, &said);
        }
        let foreign = self.herder.running().difference(&self.allowed);
        assert!(foreign.is_empty(), "{foreign} is taken up after {said}");
        let is_calm = !self.questions.iter().any(Question::is_of_the_log);
        let seen = Seen {
            herder: &self.herder,
            before: &before,
            after: &said,
        };
        self.expected.expect_order(&self.allowed, is_calm, seen);
    }

    fn take(&mut self, action: Action, before: &ConfigState, after: &str) {
        let seen = Seen {
            herder: &self.herder,
            before,
            after,
        };
        match action {
            Action::ReadToEnd { .. } => self.ask_alone(Question::Read, after),
            Action::Write {
                generation,
                records,
            } => {
                self.expect_allowed_write(generation, &records, after);
                self.ask_alone(Question::Write(records), after);
            }
            Action::WriteSessionKey { generation, .. } => {
                self.expect_leader(generation, after);
                self.ask_alone(Question::Key, after);
            }
            Action::Reply(request, _) => *self.answers.entry(request).or_default() += 1,
            Action::StartConnector { connector, .. } => {
                self.expect_assigned(&connector, CONNECTOR_TASK, after);
                self.questions.push(Question::Connector(connector));
            }
            Action::MakeTaskConfigs { connector, .. } => {
                self.expect_assigned(&connector, CONNECTOR_TASK, after);
                self.questions.push(Question::Tasks(connector));
            }
            Action::ForwardTasks {
                connector,
                number,
                leader_url,
                configs,
            } => {
                assert_eq!(configs, [config()], "after {after}");
                self.expected
                    .forwards(&connector, number, &leader_url, seen);
                self.questions.push(Question::Forward(connector, number));
            }
            Action::StartTask {
                connector,
                task,
                state,
                ..
            } => {
                self.expected.starts(&connector, task, seen);
                self.expected.starts_as(&connector, task, state.target);
                self.expect_assigned(&connector, task, after);
            }
            Action::StopTasks(work) => {
                self.expected.stops(&work, after);
                self.questions.push(Question::Ended(work));
            }
            Action::PauseTasks(work) => self.expected.pauses(&work, seen),
            Action::ResumeTasks(work) => self.expected.resumes(&work, seen),
            Action::Status(status) => self.expected.publishes(status, &self.allowed, seen),
            Action::PruneStatuses(config) => self.expected.prunes(&config, seen),
            Action::Member(event) => self.expected.tells_member(&event, seen),
        }
    }

    #[track_caller]
    fn expect_assigned(&self, connector: &str, task: i32, after: &str) {
        let is_assigned = self.allowed.contains(connector, task);
        assert!(is_assigned, "{connector} {task} starts after {after}");
    }

    #[track_caller]
    fn expect_leader(&self, generation: i32, after: &str) {
        let leads = self.herder.membership();
        let leads = leads.is_some_and(|m| m.is_leader && m.generation == generation);
        assert!(leads, "it writes as leader of {generation} after {after}");
    }

    #[track_caller]
    fn expect_allowed_write(&self, generation: Option<i32>, records: &[Record], after: &str) {
        if let Some(generation) = generation {
            return self.expect_leader(generation, after);
        }
        let is_anybodys = |record: &Record| {
            let value = record.value.as_deref().unwrap_or_default();
            let value = String::from_utf8_lossy(value);
            record.key.starts_with(b"target-state-") && !value.contains("STOPPED")
        };
        assert!(
            records.iter().all(is_anybodys),
            "{records:?} without a generation after {after}"
        );
    }

    /// One thing is written or read at a time.
    #[track_caller]
    fn ask_alone(&mut self, question: Question, after: &str) {
        let other = self.questions.iter().find(|asked| asked.is_of_the_log());
        assert!(
            other.is_none(),
            "{question:?} beside {other:?} after {after}"
        );
        self.questions.push(question);
    }

    fn write(&mut self, records: Vec<Record>) {
        for Record { key, value } in records {
            let change = self.log.read(self.offset, Some(&key), value.as_deref());
            self.news.extend(change.ok());
            self.offset += 1;
        }
    }

    /// Somebody else writes.
    fn somebody_writes(&mut self) {
        let name = *self.random.pick(&CONNECTORS);
        let records = match self.random.index(8) {
            0 | 1 => vec![connector_record(name, &config())],
            2..=4 => vec![task_record(name, 0, &config()), commit_record(name, 1)],
            5 | 6 => vec![target_state_record(name, *self.random.pick(&TARGETS))],
            _ => {
                let (key, _) = connector_record(name, &config());
                return self.write(vec![Record { key, value: None }]);
            }
        };
        let records = records.into_iter();
        let records = records.map(|(key, value)| Record {
            key,
            value: Some(value),
        });
        self.write(records.collect());
    }

    fn tell_news(&mut self) {
        let news = std::mem::take(&mut self.news);
        if !news.is_empty() {
            self.step(Event::Config(news, self.log.snapshot()));
        }
    }

    /// A round is over, with any result; what it takes away was revoked before.
    fn assign(&mut self, is_right: bool) {
        let mut assigned = Work::default();
        for name in CONNECTORS {
            for task in [CONNECTOR_TASK, 0] {
                if self.random.percent(50) {
                    assigned.insert(name, task);
                }
            }
        }
        // Under the eager protocol a member gives up everything before it joins.
        let before = self.herder.membership().map(|m| m.protocol);
        let revoked = match before {
            Some(ConnectProtocol::Eager) => self.herder.running().clone(),
            _ => self.herder.running().difference(&assigned),
        };
        if !revoked.is_empty() {
            self.allowed = self.allowed.difference(&revoked);
            self.step(Event::Revoked(revoked));
        }
        // The member waits until what it revoked has ended.
        self.end_tasks();
        self.generation += 1;
        let is_leader = self.random.percent(60);
        let off_by = if is_right {
            0
        } else {
            *self.random.pick(&[0, 0, 0, 1, -1])
        };
        let failed = !is_right && self.random.percent(10);
        // When it failed nothing is assigned, and what was owned before still is.
        self.allowed = if failed {
            self.herder.running().clone()
        } else {
            assigned.clone()
        };
        let protocols = [
            ConnectProtocol::Eager,
            ConnectProtocol::Compatible,
            ConnectProtocol::Sessioned,
        ];
        let protocol = *self.random.pick(&protocols);
        self.step(Event::Assigned(Membership {
            generation: self.generation,
            member_id: "me".to_owned(),
            protocol,
            is_leader,
            assignment: Assignment {
                version: 2,
                error: if failed {
                    Assignment::CONFIG_MISMATCH
                } else {
                    Assignment::OK
                },
                leader: if is_leader { "me" } else { "other" }.to_owned(),
                leader_url: "http://leader:8083/".to_owned(),
                config_offset: self.log.state().offset + off_by,
                assigned: if failed { Work::default() } else { assigned },
                revoked: Work::default(),
                delay_ms: 0,
            },
        }));
    }

    fn end_tasks(&mut self) {
        while let Some(at) = self
            .questions
            .iter()
            .position(|q| matches!(q, Question::Ended(_)))
        {
            self.answer(at, true);
        }
    }

    /// Answers one question, well or badly.
    fn answer(&mut self, at: usize, well: bool) {
        let well = well || self.random.percent(70);
        let failed = || "no".to_owned();
        match self.questions.swap_remove(at) {
            Question::Read if well => {
                // They come while it reads.
                self.questions.push(Question::Read);
                self.tell_news();
                self.questions
                    .retain(|asked| !matches!(asked, Question::Read));
                self.step(Event::Read(self.log.snapshot()));
            }
            Question::Read => self.step(Event::Unread),
            Question::Write(records) if well => {
                self.write(records);
                self.written += 1;
                self.step(Event::Written(Ok(())));
            }
            Question::Write(_) | Question::Key => {
                let failures = [WriteFailure::Fenced, WriteFailure::Failed(failed())];
                let failure = self.random.pick(&failures).clone();
                self.step(Event::Written(Err(failure)));
            }
            Question::Connector(connector) => {
                let outcome = if well { Ok(()) } else { Err(failed()) };
                self.step(Event::Connector { connector, outcome });
            }
            Question::Tasks(connector) => {
                let outcome = if well {
                    Ok(vec![config()])
                } else {
                    Err(failed())
                };
                self.step(Event::TaskConfigs { connector, outcome });
            }
            Question::Forward(connector, number) => {
                let outcome = if well { Ok(()) } else { Err(failed()) };
                self.step(Event::Forwarded {
                    connector,
                    number,
                    outcome,
                });
            }
            Question::Ended(work) => {
                // Their last words come before.
                for (connector, task) in work.tasks() {
                    self.task_says(connector, task, TaskState::Stopped);
                }
                self.expected.ended(&work);
                self.step(Event::Ended(work));
            }
        }
    }

    fn request(&mut self) {
        let connector = (*self.random.pick(&CONNECTORS)).to_owned();
        let request = match self.random.index(7) {
            0 => Request::Put {
                connector,
                config: config(),
                initial: self.random.percent(50).then_some(TargetState::Stopped),
                replace: self.random.percent(50),
            },
            1 => Request::Delete { connector },
            2 => Request::SetTarget {
                connector,
                target: *self.random.pick(&TARGETS),
            },
            3 => Request::PutTasks {
                connector,
                configs: vec![config()],
            },
            4 => Request::RestartConnector { connector },
            5 => Request::RestartTask { connector, task: 0 },
            _ => Request::Restart {
                connector,
                include_tasks: true,
                only_failed: self.random.percent(50),
            },
        };
        let id = RequestId(self.asked);
        self.asked += 1;
        self.answers.insert(id, 0);
        self.step(Event::Request(id, request));
    }

    fn task_says(&mut self, connector: &str, task: i32, state: TaskState) {
        let was_known = self.expected.is_known(connector, task);
        self.expected.task_says(connector, task, &state);
        let said = format!("{connector} {task} said {state:?}");
        self.step(Event::Task {
            connector: connector.to_owned(),
            task,
            state,
        });
        self.expected
            .expect_published(connector, task, was_known, &said);
    }

    fn something_happens(&mut self) {
        match self.random.index(12) {
            0 | 10 => self.somebody_writes(),
            1 => self.tell_news(),
            2 | 3 => self.request(),
            4 if !self.has_begun => {
                self.has_begun = true;
                self.news.clear();
                self.step(Event::Started(self.log.snapshot()));
            }
            5 if self.has_begun && !self.stopped => self.assign(false),
            7 => self.step(Event::Timeout),
            8 => {
                let states = [
                    TaskState::Running,
                    TaskState::Paused,
                    TaskState::Failed {
                        trace: "no".to_owned(),
                    },
                ];
                let connector = *self.random.pick(&CONNECTORS);
                let state = self.random.pick(&states).clone();
                self.task_says(connector, 0, state);
            }
            9 if self.random.percent(3) && self.has_begun => {
                self.stopped = true;
                self.step(Event::Stop);
            }
            _ if !self.questions.is_empty() => {
                let at = self.random.index(self.questions.len());
                self.answer(at, false);
            }
            _ => {}
        }
    }

    /// Gives every question its answer, a round that holds, and then the end.
    fn come_to_rest(&mut self) {
        if !self.has_begun {
            self.has_begun = true;
            self.news.clear();
            self.step(Event::Started(self.log.snapshot()));
        }
        for _ in 0..200 {
            if self.questions.is_empty() {
                break;
            }
            self.answer(0, true);
        }
        if !self.stopped {
            self.step(Event::Stop);
        }
        self.end_tasks();
        assert!(self.herder.has_stopped(), "{:?}", self.questions);
    }
}

const TARGETS: [TargetState; 3] = [
    TargetState::Started,
    TargetState::Paused,
    TargetState::Stopped,
];

fn config() -> IndexMap<String, String> {
    let settings = [("name", "x"), ("connector.class", "X"), ("tasks.max", "1")];
    settings
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[test]
fn in_any_order_of_events_only_assigned_work_starts_leaders_alone_write_and_every_request_is_answered_once()
 {
    let (mut counts, mut written, mut asked) = (Counts::default(), 0, 0);
    for seed in 0..SEEDS {
        let trial = std::panic::catch_unwind(|| {
            let mut trial = Trial::new(seed);
            for _ in 0..EVENTS {
                trial.something_happens();
            }
            trial.come_to_rest();
            let wrong: Vec<_> = trial
                .answers
                .iter()
                .filter(|(_, times)| **times != 1)
                .collect();
            assert!(wrong.is_empty(), "answered so many times: {wrong:?}");
            trial
        });
        let trial = trial.unwrap_or_else(|_| panic!("seed {seed}, see above"));
        counts.add(trial.expected.counts);
        written += trial.written;
        asked += trial.asked;
    }
    assert!(
        written > SEEDS / 2 && asked > 10 * SEEDS,
        "{written} {asked}"
    );
    let Counts {
        started,
        paused,
        resumed,
        stopped,
        statuses,
        forwarded,
        pruned,
        rounds,
        calm,
    } = counts;
    let said = [
        started, paused, resumed, stopped, statuses, forwarded, pruned, rounds, calm,
    ];
    assert!(said.iter().all(|times| *times >= 10), "{counts:?}");
}
