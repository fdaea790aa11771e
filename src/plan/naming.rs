//! Names that the plan invents: storage topics and files of the output folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::model::worker_config::StorageRole;

/// Kafka's longest topic name, in characters (`org.apache.kafka.common.internals.Topic`).
pub const LONGEST_TOPIC: usize = 249;

/// Longest file stem that is kept, in bytes: file systems allow 255, and a backup adds `.json.bak-<timestamp>`.
const LONGEST_STEM: usize = 180;

/// Returns the default storage topic of a group: `_<group>.<role>` with every character outside `[A-Za-z0-9]` of the
/// group as `_`, the group cut so that the whole fits into Kafka's 249 characters.
pub fn storage_topic(group: &str, role: &str) -> String {
    let room = LONGEST_TOPIC - role.len() - 2;
    let group: String = group
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(room)
        .collect();
    format!("_{group}.{role}")
}

/// Returns whether another group would get the same default topics.
pub fn is_lossy(group: &str) -> bool {
    group.chars().count() > LONGEST_TOPIC - "._offset".len()
        || !group.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Names that storage topics cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    #[error("{name:?} is not a legal topic name for the {role} topic: {why}")]
    Illegal {
        role: StorageRole,
        name: String,
        why: &'static str,
    },
    #[error(
        "the {first_role} topic {first:?} and the {second_role} topic {second:?} are the same name to Kafka, where '.' and '_' collide"
    )]
    Collide {
        first_role: StorageRole,
        first: String,
        second_role: StorageRole,
        second: String,
    },
}

impl TopicNameError {
    /// Returns the topic that should be named otherwise.
    pub fn role(&self) -> StorageRole {
        match self {
            Self::Illegal { role, .. } => *role,
            Self::Collide { second_role, .. } => *second_role,
        }
    }
}

/// Checks that Kafka takes these names, and takes them for three topics.
pub fn check_storage_topics<'a>(
    names: impl IntoIterator<Item = (StorageRole, &'a str)>,
) -> Result<(), TopicNameError> {
    let mut seen: Vec<(StorageRole, &str)> = Vec::new();
    for (role, name) in names {
        if let Some(why) = topic_name_problem(name) {
            let name = name.to_owned();
            return Err(TopicNameError::Illegal { role, name, why });
        }
        if let Some((first_role, first)) = seen.iter().find(|(_, other)| collides(other, name)) {
            return Err(TopicNameError::Collide {
                first_role: *first_role,
                first: (*first).to_owned(),
                second_role: role,
                second: name.to_owned(),
            });
        }
        seen.push((role, name));
    }
    Ok(())
}

/// Returns why Kafka refuses a topic name; `None`: it is legal.
fn topic_name_problem(name: &str) -> Option<&'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("it is a folder's name"),
        name if name.chars().count() > LONGEST_TOPIC => Some("it is longer than 249 characters"),
        name if !name.chars().all(legal) => {
            Some("it may hold only letters, digits, '.', '_' and '-'")
        }
        _ => None,
    }
}

/// Returns whether Kafka treats two topic names as one in its metrics, where `.` becomes `_`
/// (`Topic.hasCollision`); a broker refuses to create the second.
pub fn collides(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.replace('.', "_") == b.replace('.', "_")
}

/// Returns a file stem for each connector: the name itself where every file system takes it, otherwise the readable
/// part of it and the start of its SHA-256. Distinct for distinct names, also where case does not count.
pub fn file_stems<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, String> {
    let names: BTreeSet<&str> = names.into_iter().collect();
    let mut of_one_fold: BTreeMap<String, usize> = BTreeMap::new();
    for name in &names {
        *of_one_fold.entry(name.to_lowercase()).or_default() += 1;
    }
    names
        .into_iter()
        .map(|name| {
            let alone = of_one_fold[&name.to_lowercase()] == 1;
            let stem = if alone && is_plain(name) {
                name.to_owned()
            } else {
                hashed_stem(name)
            };
            (name, stem)
        })
        .collect()
}

fn is_plain(name: &str) -> bool {
    let first_is_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    first_is_plain
        && name.len() <= LONGEST_STEM
        && name.chars().all(is_kept)
        && !name.ends_with('.')
        && !is_device(name)
}

fn is_kept(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Windows reserves these names with any extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|n| n.len() == 1 && n.chars().all(|c| c.is_ascii_digit()))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

fn hashed_stem(name: &str) -> String {
    let mut stem: String = name
        .chars()
        .map(|c| {
            if is_kept(c) || c.is_alphanumeric() {
                c
            } else {
                '_'
            }
        })
        .collect();
    if stem.starts_with('.') {
        stem.replace_range(..1, "_");
    }
    let mut end = stem.len().min(LONGEST_STEM);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    stem.truncate(end);
    stem.push('~');
    for byte in &Sha256::digest(name.as_bytes())[..4] {
        write!(stem, "{byte:02x}").expect("writing to a String never fails");
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn topics_of_the_seed_are_named_as_the_article_names_them() {
        assert_eq!(
            storage_topic("local-file-sink", "config"),
            "_local_file_sink.config"
        );
    }

    #[test]
    fn a_long_group_keeps_the_suffix_of_its_topics() {
        let name = storage_topic(&"ä".repeat(400), "status");
        assert_eq!(name.len(), LONGEST_TOPIC);
        assert!(name.ends_with("_.status"));
        assert!(is_lossy(&"a".repeat(242)) && !is_lossy(&"a".repeat(241)));
    }

    #[test]
    fn dots_and_underscores_collide_as_in_kafka() {
        assert!(collides("_a.config", "_a_config"));
        assert!(!collides("_a.config", "_b.config"));
    }

    #[test]
    fn file_names_are_safe_and_never_shared() {
        let names = [
            "orders",
            "Orders",
            "a/b",
            "a_b",
            "../../etc/passwd",
            ".hidden",
            "nul",
            "주문 소스",
            "ends.",
        ];
        let stems = file_stems(names);
        assert_eq!(stems["a_b"], "a_b");
        assert!(stems["a/b"].starts_with("a_b~"), "{stems:?}");
        assert!(stems["orders"].starts_with("orders~"), "{stems:?}");
        assert!(stems["주문 소스"].starts_with("주문_소스~"), "{stems:?}");
        assert!(
            stems["../../etc/passwd"].starts_with("_._.._etc"),
            "{stems:?}"
        );
        assert!(stems["nul"].starts_with("nul~"));
        let distinct: BTreeSet<_> = stems.values().map(|s| s.to_lowercase()).collect();
        assert_eq!(distinct.len(), names.len());
    }

    proptest! {
        #[test]
        fn every_default_topic_name_is_legal(group in "\\PC{0,300}") {
            for role in ["config", "offset", "status"] {
                prop_assert_eq!(topic_name_problem(&storage_topic(&group, role)), None);
            }
        }

        #[test]
        fn every_file_stem_is_one_legal_path_component(names in proptest::collection::btree_set("\\PC{1,300}", 1..6)) {
            let stems = file_stems(names.iter().map(String::as_str));
            let distinct: BTreeSet<_> = stems.values().map(|s| s.to_lowercase()).collect();
            prop_assert_eq!(distinct.len(), names.len());
            for stem in stems.values() {
                prop_assert!(stem.len() <= LONGEST_STEM + 9 && !stem.contains(['/', '\\', '\0']));
                prop_assert!(!stem.starts_with('.'));
            }
        }
    }
}
