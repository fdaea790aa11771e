//! A worker without tasks: the real member and assignor, and a herder that only notes what would run.

use std::collections::VecDeque;

use connectctl::protocol::connect_group::{ConnectProtocol, Work};
use connectctl::worker::assignor::Assignor;
use connectctl::worker::member::{Action, Member, MemberSettings, MemberState, Membership};

/// How long requests other than JoinGroup wait for an answer.
pub(super) const REQUEST_TIMEOUT: u64 = 8_000;
pub(super) const SESSION_TIMEOUT: u64 = 10_000;
pub(super) const REBALANCE_TIMEOUT: u64 = 20_000;

/// What the herder of a worker is busy with; when it is done the next action gets its turn.
#[derive(Debug, Clone)]
pub(super) enum Job {
    Stop(Work),
    Start(Box<Membership>),
    /// Reads the config topic to its end, and then looks at the assignment again.
    Read(Box<Membership>),
    /// Finds that the config topic can not be read in time.
    GiveUpReading,
    /// Reads the config topic to its end, after it had left the group for that.
    ReadAgain,
    /// Stops everything and leaves.
    Close,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) member: Member,
    pub(super) assignor: Assignor,
    /// Whoever restarts begins another; what was under way for an earlier one is void.
    pub(super) life: u64,
    pub(super) connection: u64,
    /// The broker to which it is connected, as a count of brokers that were coordinators.
    pub(super) coordinator: u64,
    pub(super) is_alive: bool,
    /// It stops its work and will leave.
    pub(super) is_closing: bool,
    pub(super) running: Work,
    /// Index of the last configuration that it has read, and at its last join.
    pub(super) seen: usize,
    pub(super) joined_with: usize,
    /// Its last join was under a cooperative protocol: it had stopped nothing before.
    pub(super) joined_running: bool,
    pub(super) todo: VecDeque<Action>,
    pub(super) is_busy: bool,
    /// Does not do anything until then; what runs runs on.
    pub(super) paused_until: u64,
    /// Sends and gets nothing until then.
    pub(super) cut_off_until: u64,
    /// Can not read the config topic until then.
    pub(super) blind_until: u64,
    /// The last generation in whose round it took part.
    pub(super) took_part_in: Option<i32>,
}

impl Worker {
    pub(super) fn new(
        index: usize,
        life: u64,
        protocol: ConnectProtocol,
        max_delay: u64,
        seen: usize,
    ) -> Self {
        let settings = MemberSettings {
            protocol,
            session_timeout: SESSION_TIMEOUT,
            rebalance_timeout: REBALANCE_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
            ..MemberSettings::new(format!("http://w{index}:8083/"), life)
        };
        Self {
            member: Member::new(settings).expect("the intervals fit"),
            assignor: Assignor::new(max_delay),
            life,
            connection: life,
            coordinator: 0,
            is_alive: true,
            is_closing: false,
            running: Work::default(),
            seen,
            joined_with: seen,
            joined_running: false,
            todo: VecDeque::new(),
            is_busy: false,
            paused_until: 0,
            cut_off_until: 0,
            blind_until: 0,
            took_part_in: None,
        }
    }

    pub(super) fn die(&mut self) {
        self.is_alive = false;
        self.running = Work::default();
        self.todo.clear();
        self.is_busy = false;
    }

    /// True for a member that has dealt with everything that it was told.
    pub(super) fn is_at_rest(&self) -> bool {
        self.member.state() == MemberState::Stable && !self.is_busy && self.todo.is_empty()
    }

    /// When the member wants to be told the time.
    pub(super) fn deadline(&self) -> Option<u64> {
        let deadline = self.member.deadline().filter(|_| self.is_alive)?;
        Some(deadline.max(self.paused_until))
    }
}
