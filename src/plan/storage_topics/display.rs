//! What is said of a storage topic.

use std::fmt;

use super::{Outage, TopicDifference, TopicFault};

impl fmt::Display for TopicFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CleanupPolicy { found } => {
                write!(
                    f,
                    "cleanup.policy is {found}, a worker accepts only compact"
                )
            }
            Self::ConfigPartitions { found } => {
                write!(
                    f,
                    "the config topic has {found} partitions, a worker accepts only 1"
                )
            }
            Self::Unwritable {
                min_insync_replicas,
                replication_factor,
            } => write!(
                f,
                "min.insync.replicas is {min_insync_replicas} with replication factor {replication_factor}: nothing can \
                 be written to it"
            ),
            Self::MinInsyncReplicas { found, wanted } => write!(
                f,
                "min.insync.replicas is {found}, the worker file asks for {wanted}"
            ),
        }
    }
}

impl fmt::Display for TopicDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            found,
            wanted,
        } = self;
        write!(f, "{what} is {found}, the worker file says {wanted}")
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = Listed(self.partitions());
        match self {
            Self::Offline { .. } => {
                write!(
                    f,
                    "{of} without a leader: they can be neither read nor written"
                )
            }
            Self::Unwritable {
                min_insync_replicas,
                ..
            } => write!(
                f,
                "{of} with fewer replicas in sync than min.insync.replicas={min_insync_replicas}: nothing can be written"
            ),
            Self::UnderReplicated { .. } => write!(f, "{of} with a replica that is not in sync"),
        }
    }
}

/// How many partitions, and the first of them.
struct Listed<'a>(&'a [i32]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        let Self(partitions) = self;
        let s = if partitions.len() == 1 { "" } else { "s" };
        write!(f, "{} partition{s} (", partitions.len())?;
        for (at, partition) in partitions.iter().take(SHOWN).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{partition}")?;
        }
        f.write_str(if partitions.len() > SHOWN {
            ", …)"
        } else {
            ")"
        })
    }
}
