//! A distributed worker as small machines of one shape. Pure.
//!
//! Each machine is told what happened with the time at which it did, `step(now, event)`, and says what to do, a list of
//! actions; `deadline()` is when it wants to be told that nothing did. None has a clock, a socket or a thread.
//!
//! * [`assignor`]: who runs what, as the leader of the group decides in each round.
//! * [`config_log`]: the config topic as it is read.
//! * [`control`]: the control run of `migrate --verify control`.
//! * [`fencing`]: whether sources of the group are fenced.
//! * [`herder`]: what happens between the group and the config topic.
//! * [`member`]: membership in the group.

pub mod assignor;
pub mod config_log;
pub mod control;
pub mod fencing;
pub mod herder;
pub mod member;
mod trouble;

pub use trouble::Trouble;

/// Milliseconds on a clock that does not go back; only differences count.
pub type Millis = u64;
