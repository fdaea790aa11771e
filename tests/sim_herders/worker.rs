//! A worker of the simulation: a real herder, its own reading of the config topic, and tasks that do nothing.

use std::collections::BTreeMap;

use connectctl::protocol::connect_group::Assignment;
use connectctl::worker::assignor::Assignor;
use connectctl::worker::config_log::ConfigLog;
use connectctl::worker::herder::{Herder, HerderSettings};
use connectctl::worker::member::Membership;

/// A task that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) version: String,
    pub(super) is_paused: bool,
    /// Which start of the task it is.
    pub(super) start: u64,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) name: String,
    /// What was under way for an earlier one in this place is void.
    pub(super) life: u64,
    pub(super) herder: Herder,
    pub(super) log: ConfigLog,
    /// Records that were read.
    pub(super) read: usize,
    pub(super) tasks: BTreeMap<(String, i32), Run>,
    pub(super) assignor: Assignor,
    pub(super) is_member: bool,
    /// Waits for rounds.
    pub(super) is_ready: bool,
    /// What it owns, in the frame of the last answer.
    pub(super) assignment: Option<Assignment>,
    pub(super) last_generation: i32,
    /// An assignment that waits for revoked work to end.
    pub(super) held: Option<Membership>,
}

impl Worker {
    pub(super) fn new(slot: usize, life: u64, max_delay: u64) -> Self {
        let settings = HerderSettings {
            max_delay,
            epoch: 1_000_000,
            ..HerderSettings::default()
        };
        Self {
            name: format!("w{slot}.{life}"),
            life,
            herder: Herder::new(settings),
            log: ConfigLog::new("configs"),
            read: 0,
            tasks: BTreeMap::new(),
            assignor: Assignor::new(max_delay),
            is_member: false,
            is_ready: false,
            assignment: None,
            last_generation: -1,
            held: None,
        }
    }
}
