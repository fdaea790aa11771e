//! What the herder wants done.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ending::Ending;
use super::engine::{Done, Engine, Reading};
use super::plugins::{PluginError, strings};
use super::rest::{self, TaskPost};
use crate::io::embedded::rest_server::read;
use crate::io::kafka::offsets::OffsetSpec;
use crate::io::kafka::seeder::SeedRecord;
use crate::io::kafka::writer::Writer;
use crate::io::native::TaskSpec;
use crate::model::connector_config::TargetState;
use crate::model::storage_records::{
    ConfigState, ConnectorState, Status, StatusRecord, session_key_record,
};
use crate::protocol::connect_group::Work;
use crate::worker::Millis;
use crate::worker::herder::{
    Action, Event, Record, TaskConfigs, TaskState, WorkState, WorkStatus, WriteFailure,
};

/// Pause after a write that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// How long a write that every worker may make can take (`KafkaConfigBackingStore`'s budget).
const WRITE: Duration = Duration::from_secs(30);

impl Engine {
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            // The last word: the loop ends with it.
            Action::Member(_) if self.parts.herder.has_stopped() => {}
            Action::Member(event) => self.parts.membership.tell(event),
            Action::ReadToEnd { timeout } => self.read_to_end(timeout),
            Action::Write {
                generation: None,
                records,
            } => self.write(records, Instant::now() + WRITE),
            Action::Write {
                generation: Some(generation),
                records,
            } => self.write_confirmed(generation, records),
            Action::WriteSessionKey {
                generation,
                algorithm,
                size,
                created,
            } => self.write_session_key(generation, &algorithm, size, created),
            Action::Reply(request, outcome) => self.reply(request, outcome),
            Action::Status(status) => self.status(status),
            Action::PruneStatuses(config) => self.prune_statuses(&config),
            Action::StartConnector { connector, state } => {
                let plugins = Arc::clone(&self.parts.shares.plugins);
                let start = move || plugins.start(&state).map_err(|error| error.to_string());
                self.call(&connector, start, started);
            }
            Action::MakeTaskConfigs { connector, state } => {
                let plugins = Arc::clone(&self.parts.shares.plugins);
                let make = move || {
                    let configs = plugins.task_configs(&state);
                    configs.map_err(|error| error.to_string())
                };
                let made = |connector, outcome| Event::TaskConfigs { connector, outcome };
                self.call(&connector, make, made);
            }
            Action::ForwardTasks {
                connector,
                number,
                leader_url,
                configs,
            } => self.forward_tasks(connector, number, leader_url, configs),
            Action::StartTask {
                connector,
                task,
                state,
                generation,
            } => self.start_task(connector, task, &state, generation),
            Action::PauseTasks(work) => {
                for task in self.handles(&work) {
                    task.pause();
                }
            }
            Action::ResumeTasks(work) => {
                for task in self.handles(&work) {
                    task.resume();
                }
            }
            Action::StopTasks(work) => self.stop_tasks(work),
        }
    }

    fn read_to_end(&mut self, timeout: Millis) {
        let number = self.reading.as_ref().map_or(0, |reading| reading.number) + 1;
        // A reading that was given up is told from this one by its end.
        let number = number.max(self.now());
        self.reading = Some(Reading {
            end: None,
            until: Instant::now() + Duration::from_millis(timeout),
            number,
        });
        let (cluster, topic) = (self.parts.cluster.clone(), self.parts.config_topic.clone());
        self.work.spawn(async move {
            let ends = cluster.offsets(&topic, OffsetSpec::LatestStable).await;
            let end = ends.map(|ends| ends.get(&0).copied().unwrap_or(0));
            Done::End(number, end)
        });
    }

    fn write_session_key(&mut self, generation: i32, algorithm: &str, size: usize, created: i64) {
        if let Some(key) = rest::new_key(algorithm, size, created) {
            let (key, value) = session_key_record(&key);
            let value = Some(value);
            self.write_confirmed(generation, vec![Record { key, value }]);
        } else {
            let reason = "this host has no random numbers".to_owned();
            let failed = Err(WriteFailure::Failed(reason));
            self.events.push_back(Event::Written(failed));
        }
    }

    fn write_confirmed(&mut self, generation: i32, records: Vec<Record>) {
        self.unconfirmed = Some(records);
        self.parts.membership.confirm(generation);
    }

    pub(super) fn write(&mut self, records: Vec<Record>, until: Instant) {
        let writer = Arc::clone(&self.parts.config_writer);
        self.work.spawn(async move {
            let written = write(&writer, records, until).await;
            Done::Event(Event::Written(written))
        });
    }

    fn status(&mut self, status: WorkStatus) {
        let is_safe = matches!(
            status.state,
            WorkState::Failed { .. } | WorkState::Unassigned
        );
        if is_safe && !self.may_say(&status) {
            return;
        }
        // Whoever gets the work next says more of it; a failure stands until it has been mended.
        let only_in = (status.state == WorkState::Unassigned).then_some(status.generation);
        let record = self.status_record(status);
        self.last_words.said(&record);
        let writer = &self.parts.status_writer;
        match only_in {
            Some(generation) => writer.send_in(generation, &record),
            None => writer.send(&record),
        }
    }

    fn status_record(&self, status: WorkStatus) -> StatusRecord {
        let (state, trace) = match status.state {
            WorkState::Running => ("RUNNING", None),
            WorkState::Paused => ("PAUSED", None),
            WorkState::Stopped => ("STOPPED", None),
            WorkState::Restarting => ("RESTARTING", None),
            WorkState::Unassigned => ("UNASSIGNED", None),
            WorkState::Failed { trace } => ("FAILED", Some(trace)),
        };
        let connector = status.connector;
        let said = Some(Status {
            state: state.to_owned(),
            trace,
            worker_id: self.parts.worker_id.clone(),
            generation: i64::from(status.generation),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        });
        match status.task {
            None => StatusRecord::Connector {
                connector,
                status: said,
            },
            Some(task) => StatusRecord::Task {
                connector,
                task,
                status: said,
            },
        }
    }

    /// Returns whether nobody else has said something later (`StatusBackingStore.putSafe`).
    fn may_say(&self, status: &WorkStatus) -> bool {
        read(&self.parts.shares.shown, |shown| {
            let known = match status.task {
                None => shown.statuses.connectors.get(&status.connector),
                Some(task) => shown.statuses.tasks.get(&(status.connector.clone(), task)),
            };
            known.is_none_or(|known| {
                known.worker_id == self.parts.worker_id
                    || known.generation <= i64::from(status.generation)
            })
        })
    }

    fn prune_statuses(&mut self, config: &ConfigState) {
        let gone = read(&self.parts.shares.shown, |shown| {
            let statuses = &shown.statuses;
            let connectors = statuses.connectors.keys();
            let connectors = connectors.filter(|name| !config.connectors.contains_key(*name));
            let connectors = connectors.map(|name| StatusRecord::Connector {
                connector: name.clone(),
                status: None,
            });
            let tasks = statuses.tasks.keys();
            let tasks = tasks.filter(|(name, task)| !is_configured(config, name, *task));
            let tasks = tasks.map(|(name, task)| StatusRecord::Task {
                connector: name.clone(),
                task: *task,
                status: None,
            });
            let topics = statuses.topics.iter();
            let topics = topics.filter(|(name, _)| !config.connectors.contains_key(*name));
            let topics = topics.flat_map(|(name, topics)| {
                topics.iter().map(|topic| StatusRecord::Topic {
                    topic: topic.clone(),
                    connector: name.clone(),
                    discovery: None,
                })
            });
            connectors.chain(tasks).chain(topics).collect::<Vec<_>>()
        });
        for status in gone {
            self.last_words.said(&status);
            self.parts.status_writer.send(&status);
        }
    }

    /// Asks a connector's code beside the loop.
    fn call<T, F>(&mut self, connector: &str, call: F, told: fn(String, Result<T, String>) -> Event)
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, String> + Send + 'static,
    {
        let called = self.plugin_calls.begin(connector, call, told);
        self.work.spawn(async { Done::Called(called.await) });
    }

    fn forward_tasks(
        &mut self,
        connector: String,
        number: u64,
        leader_url: String,
        configs: TaskConfigs,
    ) {
        let (is_sessioned, key) = read(&self.parts.shares.shown, |shown| {
            (shown.is_sessioned, shown.config.session_key.clone())
        });
        let post = TaskPost {
            leader_url,
            connector: connector.clone(),
            configs,
            signed: key
                .filter(|_| is_sessioned)
                .map(|key| (self.parts.settings.signature, key)),
        };
        let http = self.parts.shares.http.clone();
        self.work.spawn(async move {
            let outcome = rest::post_tasks(&http, post).await;
            if let Err(reason) = &outcome {
                tracing::warn!(
                    connector,
                    reason,
                    "the leader did not take the tasks; they are sent again"
                );
            }
            Done::Event(Event::Forwarded {
                connector,
                number,
                outcome,
            })
        });
    }

    fn start_task(
        &mut self,
        connector: String,
        task: i32,
        state: &ConnectorState,
        generation: i32,
    ) {
        let fenced_off = self.is_fenced_off(&connector, state);
        let spec = spec(&connector, task, state, generation).map_err(|error| error.to_string());
        match fenced_off.map_or(spec, Err) {
            Ok(spec) => {
                let handle = self.parts.host.spawn(spec, self.reports.clone());
                self.tasks.insert((connector, task), handle);
            }
            Err(trace) => self.events.push_back(Event::Task {
                connector,
                task,
                state: TaskState::Failed { trace },
            }),
        }
    }

    fn handles<'a>(
        &'a self,
        work: &'a Work,
    ) -> impl Iterator<Item = &'a crate::io::native::TaskHandle> {
        let keys = work.tasks().map(|(name, task)| (name.to_owned(), task));
        keys.filter_map(|key| self.tasks.get(&key))
    }

    fn stop_tasks(&mut self, work: Work) {
        let mut handles = Vec::new();
        for (connector, task) in work.tasks() {
            let key = (connector.to_owned(), task);
            if let Some(handle) = self.tasks.remove(&key) {
                handle.stop();
                self.stopping.insert(key.clone(), handle.incarnation());
                handles.push((key, handle));
            }
        }
        let graceful = Instant::now() + self.parts.settings.graceful;
        let ending = self.ending.as_ref().map(Ending::tasks_until);
        let until = ending.map_or(graceful, |ending| ending.min(graceful));
        self.work.spawn(async move {
            for ((connector, task), handle) in handles {
                let within = until.saturating_duration_since(Instant::now());
                if !handle.ended(within).await {
                    tracing::warn!(
                        connector,
                        task,
                        "the task did not end in time and is given up"
                    );
                }
            }
            Done::Ended(work)
        });
    }
}

fn started(connector: String, outcome: Result<(), String>) -> Event {
    if let Err(error) = &outcome {
        tracing::error!(connector, %error, "a connector can not run");
    }
    Event::Connector { connector, outcome }
}

/// Tries until the records are there or the time is up.
async fn write(writer: &Writer, records: Vec<Record>, until: Instant) -> Result<(), WriteFailure> {
    let records: Vec<_> = records.into_iter().map(outgoing).collect();
    loop {
        match writer.write_by(&records, until).await {
            Ok(_) => return Ok(()),
            Err(error) if error.kafka().passes() && Instant::now() + PAUSE < until => {
                tracing::debug!(%error, "the config topic could not be written, and is written again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(WriteFailure::Failed(error.to_string())),
        }
    }
}

fn outgoing(record: Record) -> SeedRecord {
    SeedRecord {
        key: record.key,
        value: record.value,
    }
}

fn is_configured(config: &ConfigState, connector: &str, task: i32) -> bool {
    let state = config.connectors.get(connector);
    state.is_some_and(|state| {
        !state.inconsistent && (0..state.task_count.unwrap_or(0)).contains(&task)
    })
}

/// Returns what a task is started with; it follows references itself, in the moment it starts.
fn spec(
    connector: &str,
    task: i32,
    state: &ConnectorState,
    generation: i32,
) -> Result<TaskSpec, PluginError> {
    let connector_config = strings(&state.properties)?;
    let task_config = match state.tasks.get(&task) {
        Some(config) => strings(config)?,
        None => return Err(PluginError::NoTask { task }),
    };
    Ok(TaskSpec {
        connector: connector.to_owned(),
        task: u32::try_from(task).unwrap_or_default(),
        connector_config: Arc::new(connector_config),
        task_config,
        paused: state.target != TargetState::Started,
        generation,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::storage_records::ConnectorProperties;

    #[test]
    fn a_task_is_started_with_references_as_they_are() {
        let reference = "${file:/run/secrets:password}";
        let setting = ("producer.override.x".to_owned(), Some(reference.to_owned()));
        let properties = ConnectorProperties {
            settings: [setting].into_iter().collect(),
            not_strings: Vec::new(),
        };
        let state = ConnectorState {
            properties: properties.clone(),
            target: TargetState::Started,
            has_run: true,
            may_have_run: false,
            task_count: Some(1),
            tasks: BTreeMap::from([(0, properties)]),
            is_applied: true,
            inconsistent: false,
        };
        let spec = spec("c", 0, &state, 3).unwrap();
        assert_eq!(spec.connector_config["producer.override.x"], reference);
        assert_eq!(spec.task_config["producer.override.x"], reference);
        let missing = super::spec("c", 1, &state, 3).unwrap_err();
        assert_eq!(missing, PluginError::NoTask { task: 1 });
    }
}
