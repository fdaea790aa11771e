//! Who runs what: the leader's decision in each round (`EagerAssignor`, `IncrementalCooperativeAssignor`; KIP-415).
//!
//! The decisions are those of a JVM leader, to the item, so that it does not matter to a group which of the two leads. Where
//! Java leaves a choice to the order of a hash map, the order in which the broker lists the members takes its place:
//!
//! * which of the members above the average keep one more than it, and
//! * in which order members that joined during a delay get what was lost.
//!
//! A member above the average gives up the first of its items by name; a JVM leader takes them as the member listed them.

mod balance;
mod cooperative;
mod delay;
mod eager;
mod error;
mod item;
mod load;
mod round;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use cooperative::Memory;
pub use delay::Delay;
pub use error::AssignorError;
pub use round::{Assigned, Configured, Round};

use crate::protocol::connect_group::{Assignment, ConnectProtocol};
use crate::worker::Millis;

use round::Share;

/// The assignors of one worker, which outlive its time as a leader.
#[derive(Debug, Clone)]
pub struct Assignor {
    max_delay: Millis,
    memory: Memory,
}

impl Assignor {
    /// Creates an assignor that waits `max_delay` (`scheduled.rebalance.max.delay.ms`) for a worker that left.
    pub fn new(max_delay: Millis) -> Self {
        Self {
            max_delay: max_delay.min(LONGEST_DELAY),
            memory: Memory::default(),
        }
    }

    /// Returns what the next incremental round starts from.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Decides who runs what.
    ///
    /// `joined_with` is the configuration at the leader's own join, `fresh` the one of now, which counts only if a member has
    /// read more than the first. If one has read more than the second too, everybody gets
    /// [`Assignment::CONFIG_MISMATCH`] and its offset, and nothing changes.
    pub fn assign(
        &mut self,
        now: Millis,
        round: &Round,
        joined_with: &Configured,
        fresh: &Configured,
    ) -> Result<Assigned, AssignorError> {
        let offset = round.highest_offset()?;
        let (config_offset, configured) = if joined_with.offset >= offset {
            (offset, &joined_with.work)
        } else if fresh.offset >= offset {
            (fresh.offset, &fresh.work)
        } else {
            return round.answer(Assignment::CONFIG_MISMATCH, offset, 0, nothing(round));
        };
        let (shares, delay) = if round.protocol == ConnectProtocol::Eager {
            (eager::shares(round, configured), 0)
        } else {
            self.memory.decide(now, self.max_delay, round, configured)
        };
        round.answer(Assignment::OK, config_offset, delay, shares)
    }
}

/// Kafka counts delays in an int.
const LONGEST_DELAY: Millis = 0x7fff_ffff;

fn nothing(round: &Round) -> BTreeMap<String, Share> {
    let members = round.members.iter();
    members
        .map(|(member, _)| (member.clone(), Share::default()))
        .collect()
}
