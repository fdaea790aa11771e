//! What a principal lacks when a broker refuses it, and the command with which an administrator grants it.

use std::fmt;

use crate::model::shell::quoted;
use crate::protocol::errors::ErrorCode;

/// Who asks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `User:alice`, as `DefaultKafkaPrincipalBuilder` makes it unless the broker maps names; `None`: only the broker
    /// can tell, as with tokens.
    pub principal: Option<String>,
    /// Bootstrap servers, separated by commas.
    pub bootstrap: String,
}

/// What a request was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    Topic(Box<str>),
    Partition {
        topic: Box<str>,
        partition: i32,
    },
    Group(Box<str>),
    /// Group, topic, partition.
    Committed(Box<(String, String, i32)>),
    TransactionalId(Box<str>),
    Broker(i32),
    Cluster,
    /// Anything else, in words.
    Other(Box<str>),
}

impl Resource {
    pub fn topic(name: &str) -> Self {
        Self::Topic(name.into())
    }

    pub fn partition(topic: &str, partition: i32) -> Self {
        let topic = topic.into();
        Self::Partition { topic, partition }
    }

    pub fn group(id: &str) -> Self {
        Self::Group(id.into())
    }

    pub fn transactional_id(id: &str) -> Self {
        Self::TransactionalId(id.into())
    }

    pub fn committed(group: &str, topic: &str, partition: i32) -> Self {
        Self::Committed(Box::new((group.to_owned(), topic.to_owned(), partition)))
    }
}

impl From<String> for Resource {
    fn from(words: String) -> Self {
        Self::Other(words.into())
    }
}

impl From<&str> for Resource {
    fn from(words: &str) -> Self {
        Self::Other(words.into())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Partition { topic, partition } => write!(f, "partition {topic}-{partition}"),
            Self::Group(id) => write!(f, "group {id}"),
            Self::Committed(place) => {
                let (group, topic, partition) = &**place;
                write!(f, "group {group}, partition {topic}-{partition}")
            }
            Self::TransactionalId(id) => write!(f, "transactional id {id}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Cluster => f.write_str("the cluster"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// What an ACL is about, as the flags of `kafka-acls.sh` name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Topic(String),
    Group(String),
    TransactionalId(String),
    Cluster,
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Group(id) => write!(f, "group {id}"),
            Self::TransactionalId(id) => write!(f, "transactional id {id}"),
            Self::Cluster => f.write_str("the cluster"),
        }
    }
}

/// A permission: an operation by its name in `kafka-acls.sh`, and what on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    pub operation: &'static str,
    pub on: Pattern,
}

impl Acl {
    /// Returns the permission whose lack a broker's answer means; `None` where the answer does not tell.
    pub fn lacking(request: &str, resource: &Resource, code: ErrorCode) -> Option<Self> {
        let (_, operation) = *OPERATIONS.iter().find(|(name, _)| *name == request)?;
        let on = if code.is_about_the_cluster() {
            Pattern::Cluster
        } else {
            match resource {
                Resource::Topic(topic) | Resource::Partition { topic, .. } => {
                    Pattern::Topic(topic.to_string())
                }
                Resource::Committed(place) if code.is_about_a_group() => {
                    Pattern::Group(place.0.clone())
                }
                Resource::Committed(place) => Pattern::Topic(place.1.clone()),
                Resource::Group(id) => Pattern::Group(id.to_string()),
                Resource::TransactionalId(id) => Pattern::TransactionalId(id.to_string()),
                Resource::Broker(_) | Resource::Cluster => Pattern::Cluster,
                Resource::Other(_) => return None,
            }
        };
        Some(Self { operation, on })
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.operation, self.on)
    }
}

impl Caller {
    /// Returns the command that allows this caller all the operations on all the patterns.
    pub fn grant(&self, operations: &[&str], on: &[Pattern]) -> String {
        let principal = self.principal.as_deref().unwrap_or("User:NAME");
        let mut words = vec![
            "kafka-acls.sh".to_owned(),
            "--bootstrap-server".to_owned(),
            quoted(&self.bootstrap),
            "--command-config".to_owned(),
            "ADMIN.properties".to_owned(),
            "--add".to_owned(),
            "--allow-principal".to_owned(),
            quoted(principal),
        ];
        for operation in operations {
            words.extend(["--operation".to_owned(), (*operation).to_owned()]);
        }
        for pattern in on {
            match pattern {
                Pattern::Topic(name) => words.extend(["--topic".to_owned(), quoted(name)]),
                Pattern::Group(id) => words.extend(["--group".to_owned(), quoted(id)]),
                Pattern::TransactionalId(id) => {
                    words.extend(["--transactional-id".to_owned(), quoted(id)]);
                }
                Pattern::Cluster => words.push("--cluster".to_owned()),
            }
        }
        words.join(" ")
    }

    /// Returns the commands that allow this caller these permissions and no others.
    ///
    /// `kafka-acls.sh` grants every operation that it is given on every resource that it is given: what is alike goes into one
    /// command.
    pub fn grants(&self, wanted: &[Acl]) -> Vec<String> {
        let mut by_resource: Vec<(&Pattern, Vec<&str>)> = Vec::new();
        for acl in wanted {
            match by_resource.iter_mut().find(|(on, _)| **on == acl.on) {
                Some((_, operations)) if operations.contains(&acl.operation) => {}
                Some((_, operations)) => operations.push(acl.operation),
                None => by_resource.push((&acl.on, vec![acl.operation])),
            }
        }
        let mut commands: Vec<(Vec<&str>, Vec<Pattern>)> = Vec::new();
        for (on, operations) in by_resource {
            match commands.iter_mut().find(|(alike, _)| *alike == operations) {
                Some((_, patterns)) => patterns.push(on.clone()),
                None => commands.push((operations, vec![on.clone()])),
            }
        }
        let commands = commands.into_iter();
        commands
            .map(|(operations, on)| self.grant(&operations, &on))
            .collect()
    }

    /// Returns who that is, for the start of a sentence.
    pub fn name(&self) -> &str {
        self.principal.as_deref().unwrap_or("The principal")
    }
}

/// The operation that a request needs, as in Kafka's security documentation ("Operations and Resources on Protocols").
const OPERATIONS: &[(&str, &str)] = &[
    ("ConsumerGroupDescribe", "Describe"),
    ("CreateTopics", "Create"),
    ("DeleteGroups", "Delete"),
    ("DeleteTopics", "Delete"),
    ("DescribeConfigs", "DescribeConfigs"),
    ("DescribeGroups", "Describe"),
    ("EndTxn", "Write"),
    ("Fetch", "Read"),
    ("FindCoordinator", "Describe"),
    ("Heartbeat", "Read"),
    ("IncrementalAlterConfigs", "AlterConfigs"),
    ("InitProducerId", "IdempotentWrite"),
    ("JoinGroup", "Read"),
    ("LeaveGroup", "Read"),
    ("ListGroups", "Describe"),
    ("ListOffsets", "Describe"),
    ("Metadata", "Describe"),
    ("OffsetCommit", "Read"),
    ("OffsetFetch", "Describe"),
    ("Produce", "Write"),
    ("SyncGroup", "Read"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::errors;

    fn lacking(request: &str, resource: &Resource, code: i16) -> String {
        let acl = Acl::lacking(request, resource, ErrorCode::of(code));
        acl.map_or_else(|| "unknown".to_owned(), |acl| acl.to_string())
    }

    #[test]
    fn what_is_lacking_follows_from_the_request_and_the_answer() {
        let place = Resource::committed("g", "t", 3);
        for (request, resource, code, expected) in [
            (
                "CreateTopics",
                &Resource::topic("t"),
                errors::TOPIC_AUTHORIZATION_FAILED,
                "Create on topic t",
            ),
            (
                "Produce",
                &Resource::partition("t", 3),
                errors::TOPIC_AUTHORIZATION_FAILED,
                "Write on topic t",
            ),
            (
                "OffsetFetch",
                &place,
                errors::TOPIC_AUTHORIZATION_FAILED,
                "Describe on topic t",
            ),
            (
                "OffsetCommit",
                &place,
                errors::GROUP_AUTHORIZATION_FAILED,
                "Read on group g",
            ),
            (
                "DescribeConfigs",
                &Resource::Broker(1),
                errors::CLUSTER_AUTHORIZATION_FAILED,
                "DescribeConfigs on the cluster",
            ),
            (
                "Produce",
                &Resource::partition("t", 3),
                errors::CLUSTER_AUTHORIZATION_FAILED,
                "Write on the cluster",
            ),
            (
                "FindCoordinator",
                &Resource::transactional_id("x"),
                errors::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                "Describe on transactional id x",
            ),
            (
                "SaslHandshake",
                &Resource::Cluster,
                errors::CLUSTER_AUTHORIZATION_FAILED,
                "unknown",
            ),
        ] {
            assert_eq!(
                lacking(request, resource, code),
                expected,
                "{request} {resource}"
            );
        }
    }

    #[test]
    fn nothing_is_granted_that_is_not_lacking() {
        let caller = Caller {
            principal: Some("User:a".to_owned()),
            bootstrap: "b:1".to_owned(),
        };
        let acl = |operation, on| Acl { operation, on };
        let topic = |name: &str| Pattern::Topic(name.to_owned());
        let commands = caller.grants(&[
            acl("Read", topic("t")),
            acl("Write", topic("t")),
            acl("Read", topic("u")),
            acl("Read", topic("t")),
            acl("Read", Pattern::Group("g".into())),
            acl(
                "Write",
                Pattern::TransactionalId("connect-cluster-g".into()),
            ),
        ]);
        let ends: Vec<_> = commands
            .iter()
            .filter_map(|command| command.split_once("User:a "))
            .map(|(_, end)| end)
            .collect();
        assert_eq!(
            ends,
            [
                "--operation Read --operation Write --topic t",
                "--operation Read --topic u --group g",
                "--operation Write --transactional-id connect-cluster-g",
            ]
        );
    }

    #[test]
    fn the_command_can_be_typed_whatever_the_names_are() {
        let caller = Caller {
            principal: Some("User:CN=o'neil,O=my org".to_owned()),
            bootstrap: "a:1,[::1]:2".to_owned(),
        };
        assert_eq!(
            caller.grant(
                &["Create", "Describe"],
                &[
                    Pattern::Topic("t".into()),
                    Pattern::Group("my group".into()),
                    Pattern::Cluster
                ]
            ),
            "kafka-acls.sh --bootstrap-server 'a:1,[::1]:2' --command-config ADMIN.properties --add --allow-principal \
             'User:CN=o'\\''neil,O=my org' --operation Create --operation Describe --topic t --group 'my group' --cluster"
        );
        let unknown = Caller {
            principal: None,
            bootstrap: "a:1".to_owned(),
        };
        assert!(
            unknown
                .grant(&["Read"], &[])
                .contains("--allow-principal User:NAME ")
        );
        assert_eq!(unknown.name(), "The principal");
    }
}
