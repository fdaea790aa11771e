//! The language of the scripts in `fixtures/scripts/herder`: a herder with a config log.

use std::fmt::Write as _;

use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{SessionKey, session_key_record};
use connectctl::protocol::connect_group::{Assignment, ConnectProtocol, Work};
use connectctl::worker::config_log::ConfigLog;
use connectctl::worker::herder::{
    Action, Event, Herder, HerderSettings, Request, RequestId, TaskState, WorkState, WriteFailure,
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
        let defaults = HerderSettings::default();
        let settings = HerderSettings {
            key_ttl: settings.number("key-ttl").unwrap_or(defaults.key_ttl),
            // Scripts begin with a key in the log, which is not too old.
            epoch: 1_000,
            ..defaults
        };
        Self {
            herder: Herder::new(settings),
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
        if self.herder.is_stopping() {
            state.push_str(" stopping");
        }
        if let Some(at) = self.herder.deadline() {
            write!(state, " deadline={at}").expect("a String takes all");
        }
        state
    }
}

impl Worker {
    /// Reads records written as `key; connector a 2; target a STOPPED; task a 0; commit a 1; delete a; marker`.
    fn read(&mut self, records: &str) -> Vec<connectctl::model::storage_records::ConfigChange> {
        let mut changes = Vec::new();
        for record in records.split(';').map(str::trim) {
            let words: Vec<&str> = record.split_whitespace().collect();
            let config = r#"{"properties":{"v":"1"}}"#;
            let (key, value) = match words[..] {
                ["key"] => {
                    let key = SessionKey {
                        key: vec![7; 32],
                        algorithm: "HmacSHA256".to_owned(),
                        creation_timestamp: 1_000,
                    };
                    let (key, value) = session_key_record(&key);
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    (text(&key), Some(text(&value)))
                }
                ["connector", name, version] => {
                    let value = format!(r#"{{"properties":{{"v":"{version}"}}}}"#);
                    (format!("connector-{name}"), Some(value))
                }
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
                ["restart", name, ..] => {
                    let (tasks, failed) = (!words.contains(&"alone"), words.contains(&"failed"));
                    let value = format!(r#"{{"include-tasks":{tasks},"only-failed":{failed}}}"#);
                    (format!("restart-connector-{name}"), Some(value))
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
            "connector" => {
                let outcome = words
                    .get("failed")
                    .map_or(Ok(()), |trace| Err(trace.to_owned()));
                let connector = words.get("name").expect("a name").to_owned();
                Event::Connector { connector, outcome }
            }
            "tasks" => {
                let connector = words.get("name").expect("a name").to_owned();
                let outcome = match words.get("failed") {
                    Some(trace) => Err(trace.to_owned()),
                    None => Ok(task_configs(words)),
                };
                Event::TaskConfigs { connector, outcome }
            }
            "forwarded" => {
                let outcome = words
                    .get("failed")
                    .map_or(Ok(()), |why| Err(why.to_owned()));
                let connector = words.get("name").expect("a name").to_owned();
                Event::Forwarded {
                    connector,
                    number: words.reference(),
                    outcome,
                }
            }
            "task" => {
                let (connector, task) = item(words.get("of").expect("a task"));
                let state = match words.get("state") {
                    Some("RUNNING") => TaskState::Running,
                    Some("PAUSED") => TaskState::Paused,
                    Some("STOPPED") => TaskState::Stopped,
                    _ => TaskState::Failed {
                        trace: words.get("failed").expect("a state").to_owned(),
                    },
                };
                Event::Task {
                    connector,
                    task,
                    state,
                }
            }
            "ended" => Event::Ended(work(words.rest())),
            "timeout" => Event::Timeout,
            "stop" => Event::Stop,
            "put" | "create" | "delete" | "target" | "put-tasks" | "restart"
            | "restart-connector" | "restart-task" => {
                Event::Request(RequestId(words.reference()), request(words))
            }
            _ => words.unknown(),
        }
    }
}

/// Reads `count=2 v=1`: as many tasks as that, of a connector of that version.
fn task_configs(words: &Words) -> Vec<indexmap::IndexMap<String, String>> {
    let version = words.get("v").unwrap_or("1").to_owned();
    let config = [("v".to_owned(), version)].into();
    vec![config; words.number("count").expect("a count")]
}

fn item(text: &str) -> (String, i32) {
    let work = work(text);
    let (connector, task) = work.iter().next().expect("an item");
    (connector.to_owned(), task)
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
        "put-tasks" => Request::PutTasks {
            connector,
            configs: task_configs(words),
        },
        "restart-connector" => Request::RestartConnector { connector },
        "restart-task" => Request::RestartTask {
            connector,
            task: words.number("task").expect("a task"),
        },
        "restart" => Request::Restart {
            connector,
            include_tasks: words.has("include-tasks"),
            only_failed: words.has("only-failed"),
        },
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

/// `assigned generation=1 offset=3 owns=[a a-0] protocol=sessioned leader mismatch`; only a sessioned group signs
fn membership(words: &Words) -> Membership {
    let protocol = words.get("protocol").unwrap_or("compatible");
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
        Action::Write {
            generation,
            records,
        } => {
            let fence = generation.map_or("none".to_owned(), |g| g.to_string());
            let mut text = format!("write fence={fence}");
            for record in records {
                let key = String::from_utf8_lossy(&record.key);
                let value = record.value.as_deref().map(String::from_utf8_lossy);
                let value = value.as_deref().unwrap_or("null");
                write!(text, " {key} {value}").expect("a String takes all");
            }
            text
        }
        Action::WriteSessionKey {
            generation,
            algorithm,
            size,
            created,
        } => format!("write-session-key fence={generation} {algorithm} {size} created={created}"),
        Action::StartConnector { connector, state } => {
            let version = state.properties.settings.get("v").cloned().flatten();
            format!("start {connector} v={}", version.unwrap_or_default())
        }
        Action::MakeTaskConfigs { connector, .. } => format!("make-tasks {connector}"),
        Action::ForwardTasks {
            connector,
            number,
            leader_url,
            configs,
        } => format!(
            "forward-tasks {connector} {} #{number} to {leader_url}",
            configs.len()
        ),
        Action::StartTask {
            connector,
            task,
            state,
            generation,
        } => {
            let paused = match state.target {
                TargetState::Started => "",
                TargetState::Paused | TargetState::Stopped => " paused",
            };
            format!("start {connector}-{task} generation={generation}{paused}")
        }
        Action::PauseTasks(work) => format!("pause {work}"),
        Action::ResumeTasks(work) => format!("resume {work}"),
        Action::StopTasks(work) => format!("stop {work}"),
        Action::Reply(request, Ok(())) => format!("reply #{} done", request.0),
        Action::Reply(request, Err(error)) => format!("reply #{} {error}", request.0),
        Action::Status(status) => {
            let task = status.task.map(|task| format!("-{task}"));
            let state = match &status.state {
                WorkState::Running => "RUNNING",
                WorkState::Paused => "PAUSED",
                WorkState::Stopped => "STOPPED",
                WorkState::Restarting => "RESTARTING",
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
