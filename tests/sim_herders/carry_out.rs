//! What the herders want done.

use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{SessionKey, session_key_record};
use connectctl::protocol::connect_group::Work;
use connectctl::worker::herder::{
    Action, Event, Record, Request, RequestError, TaskConfigs, TaskState, WorkState, WorkStatus,
};
use connectctl::worker::member;

use super::cluster::{Cluster, Fate, Happening};
use super::worker::{Run, Worker};

impl Cluster {
    pub(super) fn carry_out(&mut self, slot: usize, action: Action) {
        let life = self.worker(slot).life;
        match action {
            Action::Member(event) => self.member(slot, event),
            Action::ReadToEnd { .. } => self.soon(30, Happening::Reads(slot, life, true)),
            Action::Write {
                generation,
                records,
            } => self.soon(20, Happening::Writes(slot, life, generation, records)),
            Action::WriteSessionKey {
                generation,
                algorithm,
                size,
                created,
            } => {
                let (key, value) = session_key_record(&SessionKey {
                    key: vec![7; size],
                    algorithm,
                    creation_timestamp: created,
                });
                let value = Some(value);
                let records = vec![Record { key, value }];
                self.soon(20, Happening::Writes(slot, life, Some(generation), records));
            }
            Action::Reply(request, outcome) => self.reply(slot, request.0, outcome),
            Action::Status(status) => self.publish(slot, status),
            Action::PruneStatuses(config) => self.statuses.retain(|(name, task), _| {
                let connector = config.connectors.get(name);
                connector.is_some_and(|c| task.is_none_or(|t| t < c.task_count.unwrap_or(0)))
            }),
            Action::StartConnector { connector, .. } => {
                let is_bad = connector.starts_with("bad");
                let outcome = if is_bad {
                    Err("no class".to_owned())
                } else {
                    Ok(())
                };
                let started = Event::Connector { connector, outcome };
                self.soon(5, Happening::Event(slot, life, started));
            }
            Action::MakeTaskConfigs { connector, state } => {
                let setting = |key: &str| state.properties.settings[key].clone().expect("a string");
                let config = [("v".to_owned(), setting("v"))].into();
                let count = setting("n").parse().expect("a count");
                let outcome = Ok(vec![config; count]);
                let made = Event::TaskConfigs { connector, outcome };
                self.soon(5, Happening::Event(slot, life, made));
            }
            Action::ForwardTasks {
                connector,
                number,
                configs,
                ..
            } => self.forward(slot, connector, number, configs),
            Action::StartTask {
                connector,
                task,
                state,
                ..
            } => {
                let version = state.tasks[&task].settings["v"].clone().expect("a string");
                let is_paused = state.target != TargetState::Started;
                self.start_task(slot, (connector, task), version, is_paused);
            }
            Action::PauseTasks(work) => self.pause(slot, &work, true),
            Action::ResumeTasks(work) => self.pause(slot, &work, false),
            Action::StopTasks(work) => self.soon(2_000, Happening::Ends(slot, life, work)),
        }
    }

    fn member(&mut self, slot: usize, event: member::Event) {
        match event {
            member::Event::Poll => {
                let worker = self.worker(slot);
                worker.is_ready = true;
                if !worker.is_member {
                    worker.is_member = true;
                    let name = worker.name.clone();
                    self.members.push(name);
                    self.want_round();
                }
            }
            member::Event::Rejoin => self.want_round(),
            member::Event::Leave { .. } => {
                let name = self.worker(slot).name.clone();
                self.members.retain(|id| *id != name);
                self.worker(slot).is_member = false;
                if self.worker(slot).herder.has_stopped() {
                    if !self.worker(slot).tasks.is_empty() {
                        self.broken = Some(format!("{name} leaves with tasks that run"));
                    }
                    self.note(|| format!("{name} has left"));
                    self.slots[slot] = None;
                }
                self.want_round();
            }
            other => panic!("no herder says {other:?}"),
        }
    }

    fn reply(&mut self, slot: usize, id: u64, outcome: Result<(), RequestError>) {
        let Some((_, _, tasks_of)) = self.requests.remove(&id) else {
            self.broken = Some(format!("#{id} is answered twice"));
            return;
        };
        self.note(|| format!("w{slot} answers #{id} {outcome:?}"));
        if let Some((owner, life, connector, number)) = tasks_of {
            let outcome = outcome.map_err(|error| error.to_string());
            let forwarded = Event::Forwarded {
                connector,
                number,
                outcome,
            };
            self.soon(20, Happening::Event(owner, life, forwarded));
        }
    }

    fn forward(&mut self, slot: usize, connector: String, number: u64, configs: TaskConfigs) {
        let life = self.worker(slot).life;
        let put = Request::PutTasks {
            connector: connector.clone(),
            configs,
        };
        let fate = self.fate(5);
        let failed = match self.leader() {
            Some(leader) if fate == Fate::Done => {
                return self.request(leader, put, Some((slot, life, connector, number)));
            }
            Some(leader) if fate == Fate::Unanswered => {
                self.request(leader, put, None);
                "no answer"
            }
            Some(_) => "no answer",
            None => "the leader is gone",
        };
        let outcome = Err(failed.to_owned());
        let forwarded = Event::Forwarded {
            connector,
            number,
            outcome,
        };
        self.soon(20, Happening::Event(slot, life, forwarded));
    }

    /// `StatusBackingStore`, with its safe writes.
    fn publish(&mut self, slot: usize, status: WorkStatus) {
        let (state, is_safe) = match status.state {
            WorkState::Running => ("RUNNING", false),
            WorkState::Paused => ("PAUSED", false),
            WorkState::Stopped => ("STOPPED", false),
            WorkState::Restarting => ("RESTARTING", false),
            WorkState::Failed { .. } => ("FAILED", true),
            WorkState::Unassigned => ("UNASSIGNED", true),
        };
        let name = self.worker(slot).name.clone();
        let key = (status.connector, status.task);
        let known = self.statuses.get(&key);
        if !is_safe || known.is_none_or(|(w, _, g)| *w == name || *g <= status.generation) {
            self.statuses.insert(key, (name, state, status.generation));
        }
    }

    fn start_task(&mut self, slot: usize, key: (String, i32), version: String, is_paused: bool) {
        let runs = |w: &Worker| w.tasks.contains_key(&key);
        let other = self.workers().find(|w| runs(w)).map(|w| w.name.clone());
        if let Some(other) = other {
            self.broken = Some(format!("w{slot} starts {key:?}, which {other} runs"));
            return;
        }
        self.started += 1;
        self.count += 1;
        let start = self.count;
        let before = self.last.insert(key.clone(), slot);
        self.moved += u64::from(before.is_some_and(|before| before != slot));
        let run = Run {
            version,
            is_paused,
            start,
        };
        let worker = self.worker(slot);
        worker.tasks.insert(key.clone(), run);
        let life = worker.life;
        let state = if !self.is_healing && self.random.percent(10) {
            self.worker(slot).tasks.remove(&key);
            TaskState::Failed {
                trace: "disk full".to_owned(),
            }
        } else if is_paused {
            TaskState::Paused
        } else {
            TaskState::Running
        };
        self.says(slot, life, key, state);
    }

    fn says(&mut self, slot: usize, life: u64, (connector, task): (String, i32), state: TaskState) {
        let at = self.now + 1;
        let said = Event::Task {
            connector,
            task,
            state,
        };
        self.at(at, Happening::Event(slot, life, said));
    }

    fn pause(&mut self, slot: usize, work: &Work, is_paused: bool) {
        let life = self.worker(slot).life;
        for (connector, task) in work.tasks() {
            let key = (connector.to_owned(), task);
            if let Some(run) = self.worker(slot).tasks.get_mut(&key)
                && run.is_paused != is_paused
            {
                run.is_paused = is_paused;
                let state = if is_paused {
                    TaskState::Paused
                } else {
                    TaskState::Running
                };
                self.says(slot, life, key, state);
            }
        }
    }
}
