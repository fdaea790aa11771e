//! What the doctor says of one thing that a worker needs.

use std::fmt;
use std::time::Duration;

use crate::io::kafka::acl::{Acl, Caller};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::model::worker_config::StorageRole;

/// One thing that a worker needs, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A worker starts with this file.
    Settings,
    /// A bootstrap server answers, takes the login and describes the cluster.
    Cluster,
    /// Every broker does so at its advertised address.
    Brokers,
    /// A storage topic is there and right, or may be created.
    Topic(StorageRole),
    Reading,
    Writing,
    /// The principal may be a member of the Connect group.
    Group,
    /// A scratch group can be joined, led and left.
    Round,
    /// Only with `exactly.once.source.support`.
    TransactionalIds,
    /// The clients that a worker makes for its connectors.
    Producers,
    Consumers,
    AdminClients,
    /// The groups of the sinks that are registered.
    SinkGroups,
    AdvertisedAddress,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "worker settings",
            Self::Cluster => "cluster",
            Self::Brokers => "brokers",
            Self::Topic(StorageRole::Config) => "config topic",
            Self::Topic(StorageRole::Offset) => "offset topic",
            Self::Topic(StorageRole::Status) => "status topic",
            Self::Reading => "reading",
            Self::Writing => "writing",
            Self::Group => "group",
            Self::Round => "round",
            Self::TransactionalIds => "transactional ids",
            Self::Producers => "producers",
            Self::Consumers => "consumers",
            Self::AdminClients => "admin clients",
            Self::SinkGroups => "sink groups",
            Self::AdvertisedAddress => "advertised address",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    Broken,
    /// It could not be asked, or what was found stops no worker.
    NotKnown,
}

/// What can be done about something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// An administrator grants permissions.
    Grant {
        /// Who lacks them.
        caller: Caller,
        lacking: Vec<Acl>,
        /// What to grant: what is lacking, and what would be lacking next.
        wanted: Vec<Acl>,
    },
    /// `connectctl topics create`.
    CreateTopics,
    /// `connectctl topics repair`.
    RepairTopics,
    /// Anything else, as a sentence.
    Hint(String),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    pub detail: String,
    pub remedies: Vec<Remedy>,
}

/// Returns the commands of all grants together, one for what is alike, in the order in which they are asked for.
pub fn grants(checks: &[Check]) -> Vec<String> {
    let mut wanted: Vec<(&Caller, Vec<Acl>)> = Vec::new();
    for remedy in checks.iter().flat_map(|check| &check.finding.remedies) {
        if let Remedy::Grant {
            caller, wanted: of, ..
        } = remedy
        {
            match wanted.iter_mut().find(|(known, _)| *known == caller) {
                Some((_, acls)) => acls.extend_from_slice(of),
                None => wanted.push((caller, of.clone())),
            }
        }
    }
    let commands = wanted.into_iter();
    commands
        .flat_map(|(caller, acls)| caller.grants(&acls))
        .collect()
}

/// A need with what was found, and how long it took to find out.
#[derive(Debug, Clone)]
pub struct Check {
    pub need: Need,
    pub finding: Finding,
    /// `None` where nothing was asked.
    pub took: Option<Duration>,
}

impl Finding {
    pub(super) fn kept(detail: impl Into<String>) -> Self {
        Self::new(Verdict::Kept, detail)
    }

    pub(super) fn broken(detail: impl Into<String>) -> Self {
        Self::new(Verdict::Broken, detail)
    }

    pub(super) fn not_known(detail: impl Into<String>) -> Self {
        Self::new(Verdict::NotKnown, detail)
    }

    fn new(verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            verdict,
            detail: detail.into(),
            remedies: Vec::new(),
        }
    }

    /// Returns what a failure of the cluster, or of the way to it, means.
    pub(super) fn failed(error: &KafkaError) -> Self {
        match error.broker() {
            Some(answer) => Self::refused(answer),
            None => Self::broken(error.to_string()).hint(error.hint()),
        }
    }

    /// Returns what a broker's answer means; for a missing permission, with the command that grants it.
    pub(super) fn refused(error: &BrokerError) -> Self {
        let finding = Self::broken(error.to_string());
        match (error.lacking(), &error.caller) {
            (Some(acl), Some(caller)) => finding.grant(
                caller,
                std::slice::from_ref(&acl),
                std::slice::from_ref(&acl),
            ),
            _ => finding.hint(error.hint()),
        }
    }

    /// Returns that permissions are lacking.
    pub(super) fn lacking(caller: &Caller, lacking: &[Acl]) -> Self {
        let named: Vec<_> = lacking.iter().map(ToString::to_string).collect();
        Self::broken(format!("{} is not allowed", named.join(", "))).grant(caller, lacking, lacking)
    }

    /// Adds that an administrator grants `wanted`, which is at least what is lacking.
    pub(super) fn grant(mut self, caller: &Caller, lacking: &[Acl], wanted: &[Acl]) -> Self {
        self.remedies.push(Remedy::Grant {
            caller: caller.clone(),
            lacking: lacking.to_vec(),
            wanted: wanted.to_vec(),
        });
        self
    }

    pub(super) fn remedy(mut self, remedy: Remedy) -> Self {
        if !self.remedies.contains(&remedy) {
            self.remedies.push(remedy);
        }
        self
    }

    pub(super) fn hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.remedy(Remedy::Hint(hint)),
            None => self,
        }
    }

    /// Says that what is broken stops no worker.
    pub(super) fn softened(mut self, why: &str) -> Self {
        if self.verdict == Verdict::Broken {
            self.verdict = Verdict::NotKnown;
            self.detail = format!("{} ({why})", self.detail);
        }
        self
    }
}
