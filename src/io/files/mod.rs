//! Files: read with a hash, replaced atomically, backed up before they change.

mod backup;
mod error;
mod read;
mod replace;

pub use backup::back_up;
pub use error::{FileError, Kind};
pub use read::{InputFile, LARGEST_CONFIG, LARGEST_OFFSETS, read, sha256_hex};
pub use replace::{Replacement, Written, make_folder, replace, set_aside, sync_folder};
