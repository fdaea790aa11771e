//! The language of the scripts in `fixtures/scripts/herder`: a herder with a config log.

use std::fmt::Write as _;

use connectctl::model::connector_config::TargetState;
use connectctl::protocol::connect_group::{Assignment, ConnectProtocol, Work};
use connectctl::worker::config_log::ConfigLog;
use connectctl::worker::herder::{
    Action, Conduct, Event, Herder, HerderSettings, Request, RequestId, WorkState, WriteFailure,
};
use connectctl::worker::member::{self, Membership};

use super::script::{self, Machine, Words};
use super::work;

#[test]
fn a_herder_does_what_the_scripts_say() {
    script::run_all::<Worker>("herder");
}

/// A herder, the log that it reads, and the place in it that the coming records have.
struct Worker {
    herder: Herder,
    log: ConfigLog,
    offset: i64,
}

impl Machine for Worker {
    fn with(settings: &Words) -> Self {
        let conduct = match settings.get("conduct") {
            Some("hold") => Conduct::Hold,
            _ => Conduct::Serve,
        };
        Self {
            herder: Herder::new(HerderSettings::new(conduct)),
            log: ConfigLog::new("configs"),
            offset: 0,
        }
    }

    fn step(&mut self, now: u64, event: &Words) -> Vec<String> {
        let actions = match event.name() {
            // Records come to the log before the herder knows of them.
            "log" => {
                self.read(event.rest());
                Vec::new()
            }
            "news" => {
                let changes = self.read(event.rest());
                let news = Event::Config(changes, self.log.snapshot());
                self.herder.step(now, news)
            }
            _ => {
                let event = self.event_of(event);
                self.herder.step(now, event)
            }
        };
        actions.iter().map(rendered).collect()
    }

    fn state(&self) -> String {
        let mut state = format!("config={}", self.herder.config().offset);
        let generation = self.herder.membership().map(|m| m.generation);
        if let Some(generation) = generation {
            let resolved = if self.herder.is_resolved() {
                "resolved"
            } else {
                "unresolved"
            };
            write!(state, " generation={generation} {resolved}").expect("a String takes all");
        }
        write!(state, " owns=[{}]", self.herder.running()).expect("a String takes all");
        if let Some(at) = self.herder.deadline() {
            write!(state, " deadline={at}").expect("a String takes all");
        }
        state
    }
}

impl Worker {
    /// Reads records written as `connector a; target a STOPPED; task a 0; commit a 1; delete a; marker`.
    fn read(&mut self, records: &str) -> Vec<connectctl::model::storage_records::ConfigChange> {
        let mut changes = Vec::new();
        for record in records.split(';').map(str::trim) {
            let words: Vec<&str> = record.split_whitespace().collect();
            let config = r#"{"properties":{"v":"1"}}"#;
            let (key, value) = match words[..] {
                ["connector", name] => (format!("connector-{name}"), Some(config.to_owned())),
                ["delete", name] => (format!("connector-{name}"), None),
                ["task", name, task] => (format!("task-{name}-{task}"), Some(config.to_owned())),
                ["commit", name, count] => {
                    let value = format!(r#"{{"tasks":{count}}}"#);
                    (format!("commit-{name}"), Some(value))
                }
                ["target", name, state] => {
                    let value = format!(r#"{{"state.v2":"{state}"}}"#);
                    (format!("target-state-{name}"), Some(value))
                }
                ["restart", name] => {
                    let value = r#"{"include-tasks":true,"only-failed":false}"#;
                    (format!("restart-connector-{name}"), Some(value.to_owned()))
                }
                // Of a transaction: it takes an offset and is no record.
                ["marker"] => {
                    self.offset += 1;
                    continue;
                }
                _ => panic!("'{record}' is no record"),
            };
            let value = value.as_deref().map(str::as_bytes);
            let read = self.log.read(self.offset, Some(key.as_bytes()), value);
            changes.push(read.expect("the record is valid"));
            self.offset += 1;
        }
        changes
    }

    fn event_of(&mut self, words: &Words) -> Event {
        match words.name() {
            "started" => {
                self.log.start();
                Event::Started(self.log.snapshot())
            }
            "assigned" => Event::Assigned(membership(words)),
            "revoked" => Event::Revoked(work(words.rest())),
            "read" => Event::Read(self.log.snapshot()),
            "unread" => Event::Unread,
            "written" => Event::Written(Ok(())),
            "fenced" => Event::Written(Err(WriteFailure::Fenced)),
            "failed" => Event::Written(Err(WriteFailure::Failed(words.rest().to_owned()))),
            "timeout" => Event::Timeout,
            "stop" => Event::Stop,
            "put" | "create" | "delete" | "target" => {
                Event::Request(RequestId(words.reference()), request(words))
            }
            _ => words.unknown(),
        }
    }
}

fn request(words: &Words) -> Request {
    let connector = words.get("connector").expect("a connector").to_owned();
    let target = words.get("state").map(|state| match state {
        "STARTED" => TargetState::Started,
        "PAUSED" => TargetState::Paused,
        "STOPPED" => TargetState::Stopped,
        _ => words.unknown(),
    });
    match words.name() {
        "delete" => Request::Delete { connector },
        "target" => Request::SetTarget {
            connector,
            target: target.expect("a state"),
        },
        name => Request::Put {
            connector,
            config: [("v".to_owned(), "1".to_owned())].into(),
            initial: target,
            replace: name == "put",
        },
    }
}

/// `assigned generation=1 offset=3 owns=[a a-0] protocol=sessioned leader mismatch`
fn membership(words: &Words) -> Membership {
    let protocol = words.get("protocol").unwrap_or("sessioned");
    let is_leader = words.has("leader");
    Membership {
        generation: words.number("generation").expect("a generation"),
        member_id: "m".to_owned(),
        protocol: ConnectProtocol::from_name(protocol).expect("a protocol"),
        is_leader,
        assignment: Assignment {
            version: 2,
            error: i16::from(words.has("mismatch")),
            leader: if is_leader { "m" } else { "l" }.to_owned(),
            leader_url: "http://leader/".to_owned(),
            config_offset: words.number("offset").expect("an offset"),
            assigned: work(words.get("owns").unwrap_or_default()),
            revoked: Work::default(),
            delay_ms: 0,
        },
    }
}

fn rendered(action: &Action) -> String {
    match action {
        Action::Member(member::Event::Poll) => "member poll".to_owned(),
        Action::Member(member::Event::Rejoin) => "member rejoin".to_owned(),
        Action::Member(member::Event::Leave { reason }) => format!("member leave: {reason}"),
        Action::Member(other) => panic!("no herder says {other:?}"),
        Action::ReadToEnd { timeout } => format!("read-to-end within={timeout}"),
        Action::Write { generation, record } => {
            let fence = generation.map_or("none".to_owned(), |g| g.to_string());
            let value = record.value.as_deref().map(String::from_utf8_lossy);
            format!(
                "write fence={fence} {} {}",
                String::from_utf8_lossy(&record.key),
                value.as_deref().unwrap_or("null")
            )
        }
        Action::Reply(request, Ok(())) => format!("reply #{} done", request.0),
        Action::Reply(request, Err(error)) => format!("reply #{} {error}", request.0),
        Action::Status(status) => {
            let task = status.task.map(|task| format!("-{task}"));
            let state = match status.state {
                WorkState::Stopped => "STOPPED",
                WorkState::Failed { .. } => "FAILED",
                WorkState::Unassigned => "UNASSIGNED",
            };
            format!(
                "status {}{} {state} generation={}",
                status.connector,
                task.unwrap_or_default(),
                status.generation
            )
        }
        Action::PruneStatuses(config) => {
            let names: Vec<_> = config.connectors.keys().map(String::as_str).collect();
            format!("prune-statuses but=[{}]", names.join(" "))
        }
    }
}
