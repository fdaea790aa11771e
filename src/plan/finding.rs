//! A finding: one of the pitfalls of `docs/findings.md` as it was met in this plan.

/// What a finding means for the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Stops the plan (exit 5) unless accepted by id.
    Block,
    Warn,
    /// The plan itself mends it.
    Fixed,
    Info,
}

/// One thing the plan has to say about the deployment or the cluster.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// `P1`…`P60` of `docs/findings.md`, or a named refusal such as `source-not-stopped`.
    pub id: String,
    pub class: Class,
    /// What it is about: a connector, a topic, a key, a file.
    pub subject: String,
    /// What was found, with the place.
    pub message: String,
    /// What to do, or what the plan did.
    pub remedy: String,
    /// A blocking finding that `--accept` names.
    pub accepted: bool,
}
