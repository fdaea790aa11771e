//! What the members of a Connect group tell each other in JoinGroup and SyncGroup (KIP-415, KIP-507).
//!
//! * [`ConnectProtocol`]: which encodings a worker offers, best first.
//! * [`Subscription`]: a member's metadata in JoinGroup.
//! * [`Assignment`]: the leader's answer in SyncGroup, and inside a subscription what the member owns.
//! * [`Work`]: a set of connectors and tasks.
//!
//! Versions 1 and 2 have the same layout. Readers are as lenient as the JVM's: trailing bytes are ignored, trailing fields
//! may be missing, text that is not UTF-8 is read with U+FFFD.

mod assignment;
mod error;
mod protocol;
mod subscription;
#[cfg(test)]
mod tests;
mod wire;
mod work;

pub use assignment::Assignment;
pub use error::ConnectGroupError;
pub use protocol::ConnectProtocol;
pub use subscription::Subscription;
pub use work::{CONNECTOR_TASK, Work};
