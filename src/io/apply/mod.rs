//! An approved plan → done, step by step. Every step is idempotent; what is already there is left alone.
//!
//! The order is the safe one: files, topics, offsets, read back, groups, registration as STOPPED (over REST or by an embedded
//! worker), comparison, final states. What is to be deleted waits for the verification. A run that stops anywhere is finished
//! by running it again.

mod connect_cluster;
mod control;
mod error;
mod files;
mod groups;
mod journal;
mod offsets;
mod register;
mod run;
mod topics;

use std::path::Path;
use std::time::Duration;

pub use error::ApplyError;
pub use journal::{Entry, Journal, Progress};
pub use run::{Reached, RunReport};

use crate::io::connect_rest::ConnectRest;
use crate::io::consent::Approved;
use crate::io::interrupt::Interrupt;
use crate::io::kafka::cluster::Cluster;
use crate::io::offset_store::WatchedFile;
use crate::plan::{Observed, Plan};
use crate::worker::control::Report;

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
    /// Ctrl-C, for the control run, which leaves its group first.
    pub interrupt: &'a Interrupt,
}

#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub cluster: &'a Cluster,
    pub observed: &'a Observed,
}

/// What an embedded worker reports.
#[derive(Debug, Default)]
pub struct Applied {
    /// `None`: there was no control run.
    pub control: Option<Report>,
    /// `None`: no connector ran here.
    pub run: Option<RunReport>,
}

/// Does what the plan says, and returns the reports of the control run and of the run where there were any.
///
/// After a control run that broke a promise or was interrupted, nothing more is done. A run that came to nothing because its
/// worker ended is not an error here: its report tells of every connector how far it came.
pub async fn apply(approved: &Approved<Plan>, means: &Means<'_>) -> Result<Applied, ApplyError> {
    let done = steps(approved, means).await;
    if let Err(error) = &done {
        means.journal.fail(error);
    }
    done
}

async fn steps(approved: &Approved<Plan>, means: &Means<'_>) -> Result<Applied, ApplyError> {
    let plan = approved.plan();
    files::write(plan, means).await?;
    let Some(target) = means.target else {
        return Ok(Applied::default());
    };
    topics::create(plan, target, means.journal).await?;
    offsets::seed(plan, target, means).await?;
    groups::copy(plan, target, means).await?;
    if let Some(rest) = means.rest {
        register::register(plan, target, rest, means).await?;
    }
    if !plan.is_verified_by_control() {
        return Ok(Applied::default());
    }
    let control = control::run(plan, target, means).await?;
    let goes_on = control.registered && !control.is_broken() && !control.interrupted;
    let run = if goes_on && plan.runs {
        Some(Box::pin(run::run(plan, target, means)).await?)
    } else {
        None
    };
    Ok(Applied {
        control: Some(control),
        run,
    })
}

/// Deletes what renames left under old names. For a plan that was applied and verified.
pub async fn delete_old(approved: &Approved<Plan>, means: &Means<'_>) -> Result<(), ApplyError> {
    let Some(target) = means.target else {
        return Ok(());
    };
    let deleted = async {
        offsets::delete(approved.plan(), target, means).await?;
        groups::delete(approved.plan(), target, means).await
    };
    let done = deleted.await;
    if let Err(error) = &done {
        means.journal.fail(error);
    }
    done
}
