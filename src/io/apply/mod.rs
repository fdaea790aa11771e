//! An approved plan → done, step by step. Every step is idempotent; what is already there is left alone.
//!
//! The order is the safe one: files, topics, offsets, read back, groups, registration as STOPPED, comparison, final states,
//! and only then what is to be deleted. A run that stops anywhere is finished by running it again.

mod error;
mod files;
mod groups;
mod journal;
mod offsets;
mod register;
mod topics;

use std::path::Path;
use std::time::Duration;

pub use error::ApplyError;
pub use journal::{Entry, Journal, Progress};

use crate::io::connect_rest::ConnectRest;
use crate::io::consent::Approved;
use crate::io::kafka::cluster::Cluster;
use crate::io::offset_store::WatchedFile;
use crate::plan::{Observed, Plan};

/// What a plan is applied with.
#[derive(Debug)]
pub struct Means<'a> {
    /// Output folder.
    pub out: &'a Path,
    /// The target cluster as it was seen after the yes; `None` offline.
    pub target: Option<Target<'a>>,
    /// Connect cluster to register on.
    pub rest: Option<&'a ConnectRest>,
    /// The standalone worker's offsets file as it was read.
    pub offsets_file: Option<WatchedFile>,
    /// How long a connector may take to reach a state.
    pub timeout: Duration,
    pub journal: &'a Journal,
}

#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub cluster: &'a Cluster,
    pub observed: &'a Observed,
}

/// Does what the plan says.
pub async fn apply(approved: &Approved<Plan>, means: &Means<'_>) -> Result<(), ApplyError> {
    let done = steps(approved, means).await;
    if let Err(error) = &done {
        means.journal.fail(error);
    }
    done
}

async fn steps(approved: &Approved<Plan>, means: &Means<'_>) -> Result<(), ApplyError> {
    let plan = approved.plan();
    files::write(plan, means)?;
    let Some(target) = means.target else {
        return Ok(());
    };
    topics::create(plan, target, means.journal).await?;
    offsets::seed(plan, target, means).await?;
    groups::copy(plan, target, means).await?;
    if let Some(rest) = means.rest {
        register::register(plan, target, rest, means).await?;
    }
    groups::delete(plan, target, means).await
}
