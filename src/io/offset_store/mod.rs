//! Where positions of source connectors are kept, each store read and written in one place: a standalone worker's file,
//! an offset topic, and whatever stands behind a worker's REST API.

mod error;
mod file;
mod own;
mod rest;
mod topic;
mod write;

pub use error::OffsetStoreError;
pub use file::{parse, read_file};
pub use own::{Reading, read_own};
pub use rest::{RestOffsets, read_rest};
pub use topic::read_topic;
pub use write::{Seeding, WatchedFile, Written, compare, place, write};
