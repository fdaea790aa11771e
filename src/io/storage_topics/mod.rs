//! The storage topics on a cluster: look at them, create what is missing, mend what can be mended.
//!
//! Desired minus observed: every function may be called again at any time, also by two programs at once.

mod create;
mod look;
mod refusal;
mod repair;

pub use create::{Ensured, Outcome, ensure, refusals};
pub use look::{Existing, Found, look};
pub use refusal::{FOR_LOOKING, FOR_WORKERS, Refusal, remedy};
pub use repair::{TopicRepair, repair, repairs};
