//! One storage topic in a report: what it is, what was wanted, what is wrong.

use serde::Serialize;

use crate::cli::listing::Listing;
use crate::cli::table::table;
use crate::io::storage_topics::Found;
use crate::model::worker_config::StorageTopic;
use crate::plan::storage_topics::{Judgement, judge};

/// The keys of `-o json`, for every verb.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// `config`, `offset` or `status`.
    pub(super) role: String,
    pub(super) topic: String,
    /// `created`, `right`, `wrong`, `unavailable`, `missing`, `refused`, `repaired` or `unknown`.
    pub(super) state: &'static str,
    /// Of the topic that exists; as wanted when there is none (-1: the broker's default).
    pub(super) partitions: i64,
    pub(super) replication_factor: i64,
    pub(super) cleanup_policy: Option<String>,
    /// What is wrong, or why it was refused.
    pub(super) problems: Vec<String>,
    /// Where the topic differs from the worker file, or from full health, without being wrong.
    pub(super) differences: Vec<String>,
    /// Settings that were set on the topic itself.
    pub(super) settings: std::collections::BTreeMap<String, String>,
}

impl Row {
    /// Returns a row for a topic that is not there.
    pub(super) fn absent(topic: &StorageTopic, state: &'static str) -> Self {
        Self {
            role: topic.role.to_string(),
            topic: topic.name.clone(),
            state,
            partitions: topic.partitions.into(),
            replication_factor: topic.replication_factor.into(),
            cleanup_policy: None,
            problems: Vec::new(),
            differences: Vec::new(),
            settings: std::collections::BTreeMap::new(),
        }
    }

    /// Returns what the cluster has under the topic's name, judged.
    pub(super) fn of_found(topic: &StorageTopic, found: &Found) -> Self {
        let existing = match found {
            Found::Missing => return Self::absent(topic, "missing"),
            Found::Hidden(error) => {
                let mut row = Self::absent(topic, "unknown");
                row.problems.push(error.to_string());
                return row;
            }
            Found::Exists(existing) => existing,
        };
        let observed = existing.observed();
        let mut row = Self::absent(topic, "right");
        row.partitions = i64::try_from(observed.partitions).unwrap_or(i64::MAX);
        row.replication_factor = i64::try_from(observed.replication_factor).unwrap_or(i64::MAX);
        row.cleanup_policy = observed.configs.get("cleanup.policy").cloned();
        row.settings = existing.own_settings();
        row.judged(&judge(topic, &observed))
    }

    /// Adds what a comparison with the worker file says.
    pub(super) fn judged(mut self, judgement: &Judgement) -> Self {
        let (serious, harmless): (Vec<_>, Vec<_>) =
            judgement.outages.iter().partition(|o| o.is_serious());
        if !judgement.faults.is_empty() {
            self.state = "wrong";
        } else if !serious.is_empty() {
            self.state = "unavailable";
        } else if !judgement.settings_known {
            self.state = "unknown";
        }
        self.problems
            .extend(judgement.faults.iter().map(ToString::to_string));
        self.problems
            .extend(serious.iter().map(ToString::to_string));
        if !judgement.settings_known {
            self.problems
                .push("its settings may not be read, so cleanup.policy is not known".to_owned());
        }
        self.differences
            .extend(judgement.differences.iter().map(ToString::to_string));
        self.differences
            .extend(harmless.iter().map(ToString::to_string));
        self
    }

    /// A topic that is not there has no number of anything: the document has what is wanted.
    fn told(&self, number: i64) -> String {
        if self.state == "missing" {
            "-".to_owned()
        } else {
            number.to_string()
        }
    }

    /// Returns one line for a person.
    pub(super) fn line(&self) -> String {
        let mut line = format!("{} topic {}: ", self.role, self.topic);
        line.push_str(match self.state {
            "created" => "created",
            "right" => "already right",
            "missing" => "missing",
            "repaired" => "repaired",
            "wrong" => "exists and is wrong",
            "unavailable" => "exists and cannot be used now",
            "refused" => "cannot be created",
            _ => "may or may not be right",
        });
        for (n, problem) in self.problems.iter().enumerate() {
            line.push_str(if n == 0 { ": " } else { "; " });
            line.push_str(problem);
        }
        for difference in &self.differences {
            line.push_str(" (");
            line.push_str(difference);
            line.push(')');
        }
        line
    }
}

/// All rows of one answer.
#[derive(Debug)]
pub(super) struct Rows(pub(super) Vec<Row>);

impl Listing for Rows {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn table(&self, wide: bool) -> String {
        let cells = |row: &Row| {
            let mut notes = row.problems.clone();
            notes.extend(row.differences.clone());
            [
                row.role.clone(),
                row.topic.clone(),
                row.state.to_owned(),
                row.told(row.partitions),
                row.told(row.replication_factor),
                row.cleanup_policy.clone().unwrap_or_default(),
                notes.join("; "),
            ]
        };
        if wide {
            let headings = [
                "role",
                "topic",
                "state",
                "partitions",
                "replicas",
                "policy",
                "settings",
                "notes",
            ];
            return table(
                headings,
                self.0.iter().map(|row| {
                    let [role, topic, state, partitions, replicas, policy, notes] = cells(row);
                    let set = row.settings.iter().map(|(k, v)| format!("{k}={v}"));
                    let set = set.collect::<Vec<_>>().join(",");
                    [role, topic, state, partitions, replicas, policy, set, notes]
                }),
            );
        }
        let headings = [
            "role",
            "topic",
            "state",
            "partitions",
            "replicas",
            "policy",
            "notes",
        ];
        table(headings, self.0.iter().map(cells))
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|row| row.topic.clone()).collect()
    }
}
