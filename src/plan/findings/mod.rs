//! What the plan has to say about the deployment and the cluster: the pitfalls of `docs/findings.md`, by theme.
//!
//! A block is for what would really lose, repeat or break. Everything that many connectors share is one finding per
//! connector with a count inside, never one per record.

mod catalogue;
mod cluster;
mod connectors;
mod moved;
pub(super) mod offsets;
pub(super) mod own_store;
mod running;
mod sinks;
mod topics;
mod worker;

use std::collections::BTreeSet;

pub use catalogue::{CATALOGUE, Listing, Pitfall, table};

use crate::model::properties::Properties;
use crate::model::worker_config::StorageTopics;
use crate::plan::connectors::Moving;
use crate::plan::positions::Positions;
use crate::plan::seed::Seeding;
use crate::plan::stopped::Judgement;
use crate::plan::worker_file::Converted;
use crate::plan::{Choices, Class, Deployment, Finding, Observed, Ownership, TopicPlan};

/// The finding that only a running Connect cluster can register what is left.
pub const GROUP_IN_USE: &str = "group-in-use";

/// What a finding about the standalone worker is about.
pub(super) const STANDALONE: &str = "standalone worker";

/// Everything that findings are drawn from.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub deployment: &'a Deployment,
    pub choices: &'a Choices,
    pub observed: Option<&'a Observed>,
    /// The standalone worker's settings.
    pub source: &'a Properties,
    pub converted: &'a Converted,
    pub moving: &'a [Moving<'a>],
    pub positions: &'a Positions,
    pub seeding: &'a Seeding,
    pub storage: &'a StorageTopics,
    pub topics: &'a [TopicPlan],
    pub ownership: &'a Ownership,
    pub judgement: &'a Judgement,
}

impl<'a> Evidence<'a> {
    /// Returns the generated worker file's settings.
    fn worker(&self) -> &'a Properties {
        &self.converted.properties
    }

    /// Returns the connectors that the cluster does not run yet, with their index.
    fn to_move(&self) -> impl Iterator<Item = (usize, &'a Moving<'a>)> {
        let moving = self.moving.iter().enumerate();
        moving.filter(|(_, m)| !m.moved)
    }

    /// Returns the number of brokers; `None` offline.
    fn brokers(&self) -> Option<usize> {
        self.observed.map(|o| o.brokers.len()).filter(|b| *b > 0)
    }

    /// Returns `FILE:LINE` of a setting of the standalone file, or the file when the setting is new.
    fn place(&self, key: &str) -> String {
        let worker = &self.deployment.worker;
        match worker.document.line_of(key) {
            Some(line) => format!("{}:{line}", worker.path.display()),
            None => worker.path.display().to_string(),
        }
    }
}

/// Returns all findings, the ones that stop the plan first.
pub(super) fn all(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = Findings::new(&evidence.choices.accept);
    let themes = [
        cluster::find,
        topics::find,
        worker::find,
        offsets::find,
        running::find,
        connectors::find,
        sinks::find,
    ];
    for find in themes {
        find(evidence, &mut findings);
    }
    findings.sorted()
}

/// Collects findings and knows which of them the user accepts.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    accept: &'a BTreeSet<String>,
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(accept: &'a BTreeSet<String>) -> Self {
        Self {
            accept,
            found: Vec::new(),
        }
    }

    /// Returns them, the ones that stop the plan first.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        let place = |id: &str| CATALOGUE.iter().position(|p| p.id == id);
        self.found
            .sort_by_cached_key(|f| (f.class, f.accepted, place(&f.id).unwrap_or(usize::MAX)));
        self.found
    }

    pub(super) fn block(
        &mut self,
        id: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Class::Block, id, subject, message, remedy);
    }

    pub(super) fn warn(
        &mut self,
        id: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Class::Warn, id, subject, message, remedy);
    }

    pub(super) fn fixed(
        &mut self,
        id: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Class::Fixed, id, subject, message, remedy);
    }

    fn info(
        &mut self,
        id: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Class::Info, id, subject, message, remedy);
    }

    fn add(
        &mut self,
        class: Class,
        id: &str,
        subject: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let subject = subject.into();
        self.found.push(Finding {
            accepted: class == Class::Block && self.is_accepted(id, &subject),
            id: id.to_owned(),
            class,
            subject,
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    /// `--accept ID` takes every finding of that id, `--accept ID:SUBJECT` one of them.
    fn is_accepted(&self, id: &str, subject: &str) -> bool {
        self.accept.iter().any(|accepted| {
            let (accepted, of) = match accepted.split_once(':') {
                Some((accepted, of)) => (accepted, Some(of)),
                None => (accepted.as_str(), None),
            };
            accepted.eq_ignore_ascii_case(id) && of.is_none_or(|of| of == subject)
        })
    }
}

/// Joins names for a message: the first few and how many more.
fn some_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = names.into_iter().collect();
    match names.len() {
        0..=SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}
