//! What a herder's words add up to, and which of them it may say after which.

use std::collections::BTreeMap;

use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::ConfigState;
use connectctl::protocol::connect_group::{CONNECTOR_TASK, Work};
use connectctl::worker::herder::{Herder, TaskState, WorkState, WorkStatus};
use connectctl::worker::member;

/// How often something was said: a trial in which it never is proves nothing of it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) started: u64,
    pub(super) paused: u64,
    pub(super) resumed: u64,
    pub(super) stopped: u64,
    pub(super) statuses: u64,
    pub(super) forwarded: u64,
    pub(super) pruned: u64,
    pub(super) rounds: u64,
    /// Moments at which nothing was under way, and all was as it should be.
    pub(super) calm: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.started += other.started;
        self.paused += other.paused;
        self.resumed += other.resumed;
        self.stopped += other.stopped;
        self.statuses += other.statuses;
        self.forwarded += other.forwarded;
        self.pruned += other.pruned;
        self.rounds += other.rounds;
        self.calm += other.calm;
    }
}

/// What has become of everything that the herder has spoken of.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Tasks that were started, have not failed and were not told to stop.
    live: Work,
    failed: Work,
    /// Of the live ones, those that are to stand still.
    paused: Work,
    /// Told to stop, and not ended.
    stopping: Work,
    /// The last word on each connector.
    told: BTreeMap<String, WorkState>,
    /// What this step has said.
    said: Vec<WorkStatus>,
    /// Polls for which there was a reason.
    polls: u32,
    /// There was none since the last assignment.
    is_unpolled: bool,
    /// The config topic could not be read in this step.
    unread: bool,
    forwards: u64,
    pub(super) counts: Counts,
}

/// The herder after a step, and its configuration before: what it says goes by one of the two.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) herder: &'a Herder,
    pub(super) before: &'a ConfigState,
    /// The step, for messages.
    pub(super) after: &'a str,
}

impl Seen<'_> {
    fn goes_by(&self, holds: impl Fn(&ConfigState) -> bool) -> bool {
        holds(self.before) || holds(self.herder.config())
    }

    fn has_target(&self, connector: &str, target: TargetState) -> bool {
        self.goes_by(|config| {
            let state = config.connectors.get(connector);
            state.is_some_and(|state| state.target == target)
        })
    }
}

impl Expected {
    /// A step begins with something that makes the herder poll: the first reading, or an assignment.
    pub(super) fn calls_for_poll(&mut self) {
        self.polls += 1;
        self.is_unpolled = true;
    }

    /// A step begins: the config topic was read to its end, or was not.
    pub(super) fn begin(&mut self, unread: bool) {
        self.said.clear();
        self.unread = unread;
    }

    /// Returns whether the herder waits for what a task says.
    pub(super) fn is_known(&self, connector: &str, task: i32) -> bool {
        self.live.contains(connector, task) || self.stopping.contains(connector, task)
    }

    /// One that has failed may be forgotten, or not.
    fn may_be_known(&self, connector: &str, task: i32) -> bool {
        self.is_known(connector, task) || self.failed.contains(connector, task)
    }

    /// A task says what it is; one that is told to stop is not taken for failed.
    pub(super) fn task_says(&mut self, connector: &str, task: i32, state: &TaskState) {
        if matches!(state, TaskState::Failed { .. }) && self.live.remove(connector, task) {
            self.paused.remove(connector, task);
            self.failed.insert(connector, task);
        }
    }

    /// What a task that is known says is published in the same step, and of another nothing is.
    #[track_caller]
    pub(super) fn expect_published(
        &self,
        connector: &str,
        task: i32,
        was_known: bool,
        after: &str,
    ) {
        let of_it =
            |status: &&WorkStatus| status.connector == connector && status.task == Some(task);
        let published = self.said.iter().filter(of_it).count();
        assert!(
            published > 0 || !was_known,
            "{connector} {task} is not published after {after}"
        );
        let is_foreign = !was_known && !self.may_be_known(connector, task);
        assert!(
            published == 0 || !is_foreign,
            "{connector} {task} is published after {after}"
        );
    }

    #[track_caller]
    pub(super) fn starts(&mut self, connector: &str, task: i32, seen: Seen<'_>) {
        let after = seen.after;
        let runs = self.live.contains(connector, task) || self.stopping.contains(connector, task);
        assert!(!runs, "{connector} {task} starts twice after {after}");
        let is_configured = |config: &ConfigState| {
            let state = config.connectors.get(connector);
            state.is_some_and(|state| (0..state.task_count.unwrap_or(0)).contains(&task))
        };
        assert!(
            seen.goes_by(is_configured),
            "{connector} {task} starts after {after} and is not configured"
        );
        self.failed.remove(connector, task);
        self.live.insert(connector, task);
        self.counts.started += 1;
    }

    /// What a task is started with says whether it is to move.
    pub(super) fn starts_as(&mut self, connector: &str, task: i32, target: TargetState) {
        if target != TargetState::Started {
            self.paused.insert(connector, task);
        }
    }

    #[track_caller]
    pub(super) fn pauses(&mut self, work: &Work, seen: Seen<'_>) {
        self.expect_told(work, TargetState::Paused, seen);
        self.paused = self.paused.union(work);
        self.counts.paused += 1;
    }

    #[track_caller]
    pub(super) fn resumes(&mut self, work: &Work, seen: Seen<'_>) {
        self.expect_told(work, TargetState::Started, seen);
        self.paused = self.paused.difference(work);
        self.counts.resumed += 1;
    }

    /// Tasks are paused and resumed that are there, and because their connector's target says so.
    #[track_caller]
    fn expect_told(&self, work: &Work, target: TargetState, seen: Seen<'_>) {
        let after = seen.after;
        assert!(!work.is_empty(), "nobody is to be {target:?} after {after}");
        let gone = work.difference(&self.live);
        assert!(gone.is_empty(), "{gone} is to be {target:?} after {after}");
        for (connector, _) in work.tasks() {
            let is_so = seen.has_target(connector, target);
            assert!(is_so, "{connector} is to be {target:?} after {after}");
        }
    }

    /// Only what runs is stopped, and it is stopped once.
    #[track_caller]
    pub(super) fn stops(&mut self, work: &Work, after: &str) {
        assert!(!work.is_empty(), "nothing stops after {after}");
        let gone = work.difference(&self.live);
        assert!(gone.is_empty(), "{gone} stops after {after}");
        self.live = self.live.difference(work);
        self.paused = self.paused.difference(work);
        self.stopping = self.stopping.union(work);
        self.counts.stopped += 1;
    }

    pub(super) fn ended(&mut self, work: &Work) {
        self.stopping = self.stopping.difference(work);
    }

    /// A follower hands on the tasks of a connector that it runs, to the leader of the round, each time under a new number.
    #[track_caller]
    pub(super) fn forwards(
        &mut self,
        connector: &str,
        number: u64,
        leader_url: &str,
        seen: Seen<'_>,
    ) {
        let after = seen.after;
        let membership = seen.herder.membership();
        let is_to_leader = |m: &member::Membership| {
            !m.is_leader && m.assignment.leader_url == leader_url && !m.assignment.failed()
        };
        assert!(
            membership.is_some_and(is_to_leader),
            "tasks go to {leader_url} after {after}: {membership:?}"
        );
        let told = self.told.get(connector);
        assert_eq!(told, Some(&WorkState::Running), "{connector} after {after}");
        assert!(number > self.forwards, "{number} comes again after {after}");
        self.forwards = number;
        self.counts.forwarded += 1;
    }

    /// Only a leader knows what nobody has, and only by the configuration that was assigned by.
    #[track_caller]
    pub(super) fn prunes(&mut self, config: &ConfigState, seen: Seen<'_>) {
        let membership = seen.herder.membership();
        let knows =
            |m: &member::Membership| m.is_leader && m.assignment.config_offset == config.offset;
        let after = seen.after;
        assert!(membership.is_some_and(knows), "it prunes after {after}");
        self.counts.pruned += 1;
    }

    #[track_caller]
    pub(super) fn tells_member(&mut self, event: &member::Event, seen: Seen<'_>) {
        let after = seen.after;
        match event {
            member::Event::Poll => {
                assert!(self.polls > 0, "it polls for nothing after {after}");
                self.polls -= 1;
                self.is_unpolled = false;
            }
            member::Event::Rejoin => {
                let is_void = !seen.herder.is_resolved();
                assert!(is_void, "a round is wanted after {after}, and goes on");
                self.counts.rounds += 1;
            }
            // Others may start then what ran here.
            member::Event::Leave { .. } if seen.herder.has_stopped() => {
                let left = self.live.union(&self.stopping);
                assert!(left.is_empty(), "it leaves after {after} with {left}");
            }
            member::Event::Leave { .. } => {
                assert!(self.unread, "it leaves after {after}");
                self.polls += 1;
            }
            other => panic!("{other:?} is no business of a herder, after {after}"),
        }
    }

    /// A status is of this generation, of what this worker has, and true.
    #[track_caller]
    pub(super) fn publishes(&mut self, status: WorkStatus, allowed: &Work, seen: Seen<'_>) {
        let after = seen.after;
        let generation = seen.herder.membership().map_or(-1, |m| m.generation);
        assert_eq!(status.generation, generation, "{status:?} after {after}");
        let is_true = match status.task {
            None => self.is_true_of_connector(&status, allowed, seen),
            Some(task) => self.is_true_of_task(&status, task, allowed),
        };
        assert!(is_true, "{status:?} after {after}");
        if status.task.is_none() {
            let told = status.state.clone();
            self.told.insert(status.connector.clone(), told);
        }
        self.said.push(status);
        self.counts.statuses += 1;
    }

    fn is_true_of_connector(&self, status: &WorkStatus, allowed: &Work, seen: Seen<'_>) -> bool {
        let connector = &*status.connector;
        let is_ours = allowed.contains(connector, CONNECTOR_TASK);
        match &status.state {
            WorkState::Running => is_ours && seen.has_target(connector, TargetState::Started),
            WorkState::Paused => is_ours && seen.has_target(connector, TargetState::Paused),
            WorkState::Stopped => is_ours && seen.has_target(connector, TargetState::Stopped),
            WorkState::Failed { .. } | WorkState::Restarting => is_ours,
            // What has failed, or was never there, leaves nothing to be taken back.
            WorkState::Unassigned => matches!(
                self.told.get(connector),
                Some(WorkState::Running | WorkState::Paused | WorkState::Stopped)
            ),
        }
    }

    fn is_true_of_task(&self, status: &WorkStatus, task: i32, allowed: &Work) -> bool {
        let connector = &*status.connector;
        match &status.state {
            WorkState::Running | WorkState::Paused => self.may_be_known(connector, task),
            WorkState::Failed { .. } => self.failed.contains(connector, task),
            WorkState::Unassigned => self.stopping.contains(connector, task),
            WorkState::Restarting => allowed.contains(connector, task),
            WorkState::Stopped => false,
        }
    }

    /// What holds after every step; and when nothing is under way, everything that is assigned is there and is what the
    /// configuration wants it to be.
    #[track_caller]
    pub(super) fn expect_order(&mut self, allowed: &Work, is_calm: bool, seen: Seen<'_>) {
        let after = seen.after;
        self.failed = self.failed.intersection(allowed);
        let foreign = self.live.difference(allowed);
        assert!(foreign.is_empty(), "{foreign} runs on after {after}");
        let herder = seen.herder;
        if !is_calm || !herder.is_resolved() || herder.is_stopping() || herder.has_stopped() {
            return;
        }
        assert!(!self.is_unpolled, "it has not polled after {after}");
        let config = herder.config();
        for (connector, task) in herder.running().tasks() {
            let Some(state) = config.connectors.get(connector) else {
                continue;
            };
            let is_configured = (0..state.task_count.unwrap_or(0)).contains(&task);
            let runs = self.live.contains(connector, task) || self.failed.contains(connector, task);
            assert!(
                runs || !is_configured,
                "{connector} {task} does not run after {after}"
            );
            let is_paused = self.paused.contains(connector, task);
            let is_as_wanted = match state.target {
                TargetState::Started => !is_paused,
                TargetState::Paused => is_paused,
                TargetState::Stopped => true,
            };
            assert!(
                is_as_wanted || !self.live.contains(connector, task),
                "{connector} {task} is not {:?} after {after}",
                state.target
            );
        }
        self.counts.calm += 1;
    }
}
