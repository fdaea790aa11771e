//! What goes wrong in a run: made from a seed, printed when an invariant breaks.

use std::fmt;

use connectctl::protocol::connect_group::ConnectProtocol;

use crate::support::random::Random;

/// Workers that a run can have at once.
pub(super) const SLOTS: usize = 6;

/// How long things go wrong, in milliseconds.
pub(super) const TROUBLE: u64 = 90_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A worker starts in a free slot, with or without a delay from the last to die there.
    Start(usize, ConnectProtocol),
    /// It dies at once and tells nobody.
    Crash(usize),
    /// It stops its work and leaves.
    Close(usize),
    /// A worker does nothing for so long, but what it runs runs on.
    Pause(usize, u64),
    /// No message comes through to or from a worker.
    CutOff(usize, u64),
    /// A worker can not read the config topic.
    Blind(usize, u64),
    /// A worker's connection to the coordinator breaks.
    Disconnect(usize),
    /// A tenth of all messages gets lost.
    LoseMessages(u64),
    /// The coordinator is away; another broker takes its place then, and knows the last complete round.
    CoordinatorAway(u64),
    /// Another broker takes the coordinator's place, and workers learn it from the old one.
    CoordinatorMoves,
    /// This many connectors, with so many tasks each.
    Configure(u64, u64),
}

#[derive(Debug, Clone)]
pub(super) struct Script {
    /// `scheduled.rebalance.max.delay.ms`.
    pub(super) max_delay: u64,
    /// `group.initial.rebalance.delay.ms`.
    pub(super) initial_delay: u64,
    /// By time, in milliseconds.
    pub(super) troubles: Vec<(u64, Trouble)>,
}

impl Script {
    pub(super) fn new(random: &mut Random) -> Self {
        let is_mixed = random.percent(15);
        let mut troubles = vec![(0, configure(random))];
        for slot in 0..=random.index(4) {
            let start = Trouble::Start(slot, protocol(random, is_mixed));
            troubles.push((random.below(2_000), start));
        }
        for _ in 0..=random.below(16) {
            troubles.push((random.below(TROUBLE), trouble(random, is_mixed)));
        }
        troubles.sort_by_key(|(at, _)| *at);
        Self {
            max_delay: *random.pick(&[0, 1_000, 30_000]),
            initial_delay: *random.pick(&[0, 3_000]),
            troubles,
        }
    }

    /// True when workers start and are configured, and nothing else happens.
    pub(super) fn is_calm(&self) -> bool {
        let is_calm = |trouble| matches!(trouble, Trouble::Start(..) | Trouble::Configure(..));
        self.troubles.iter().all(|(_, trouble)| is_calm(*trouble))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "max delay {}, initial delay {}",
            self.max_delay, self.initial_delay
        )?;
        let mut troubles = self.troubles.iter();
        troubles.try_for_each(|(at, trouble)| writeln!(f, "{at:>7} {trouble:?}"))
    }
}

fn trouble(random: &mut Random, is_mixed: bool) -> Trouble {
    let slot = random.index(SLOTS - 1);
    let soon = random.below(5_000);
    let late = random.below(40_000);
    match random.below(13) {
        0 | 1 => Trouble::Start(slot, protocol(random, is_mixed)),
        2 | 3 => Trouble::Crash(slot),
        4 => Trouble::Close(slot),
        5 => Trouble::Pause(slot, late),
        6 => Trouble::CutOff(slot, late),
        7 => Trouble::Blind(slot, soon * 2),
        8 => Trouble::Disconnect(slot),
        9 => Trouble::LoseMessages(late),
        10 => Trouble::CoordinatorAway(soon * 2),
        11 => Trouble::CoordinatorMoves,
        _ => configure(random),
    }
}

fn configure(random: &mut Random) -> Trouble {
    Trouble::Configure(random.below(8), random.below(4))
}

fn protocol(random: &mut Random, is_mixed: bool) -> ConnectProtocol {
    if is_mixed {
        *random.pick(ConnectProtocol::Sessioned.offered())
    } else {
        ConnectProtocol::Sessioned
    }
}
