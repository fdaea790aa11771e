//! Settings: names, types, defaults and secrets as Kafka's own classes define them.

use std::collections::{BTreeMap, BTreeSet};

use connectctl::model::secrets;
use connectctl::model::worker_config::{Default, Mode, SETTINGS};

use crate::support::{java, require_kafka};

const CONFIG_DEFS: &str = include_str!("support/java/ConfigDefs.java");

/// A setting as Java's `ConfigDef` has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Defined {
    name: String,
    /// `STRING`, `PASSWORD`, …
    kind: String,
    /// `!` when there is none, `-` for null, `=` and its text.
    default: String,
}

/// Returns the settings by who defines them: `standalone`, `distributed`, `producer`, …
fn defined() -> BTreeMap<String, BTreeSet<Defined>> {
    let output = java::run(CONFIG_DEFS, &[], b"").success().text();
    let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in output.lines() {
        let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [who, name, kind, default] = fields.try_into().expect("four fields");
        let setting = Defined {
            name,
            kind,
            default,
        };
        all.entry(who).or_default().insert(setting);
    }
    all
}

/// Returns the table's settings that the other kind of worker does not have alone.
fn table(other: Mode) -> BTreeSet<Defined> {
    SETTINGS
        .iter()
        .filter(|setting| setting.mode != other)
        .map(|setting| Defined {
            name: setting.name.to_owned(),
            kind: format!("{:?}", setting.kind).to_uppercase(),
            default: match setting.default {
                Default::Required => "!".to_owned(),
                Default::Null => "-".to_owned(),
                Default::Value(value) => format!("={value}"),
            },
        })
        .collect()
}

#[test]
fn the_table_of_worker_settings_is_that_of_standalone_and_distributed_config() {
    require_kafka!();
    let defined = defined();
    let kinds = [
        ("standalone", Mode::Distributed),
        ("distributed", Mode::Standalone),
    ];
    for (who, other) in kinds {
        let (ours, theirs) = (table(other), &defined[who]);
        let wrong: Vec<_> = ours.difference(theirs).collect();
        let missing: Vec<_> = theirs.difference(&ours).collect();
        assert!(
            wrong.is_empty() && missing.is_empty(),
            "{who}: the table has {wrong:#?} instead of {missing:#?}"
        );
        assert!(theirs.len() > 50, "{who}: {}", theirs.len());
    }
}

#[test]
fn exactly_the_settings_of_type_password_are_secrets() {
    require_kafka!();
    let prefixes = [
        "",
        "admin.",
        "producer.override.",
        "consumer.override.",
        "listeners.https.",
    ];
    let mut passwords = BTreeSet::new();
    for setting in defined().into_values().flatten() {
        let is_password = setting.kind == "PASSWORD";
        for prefix in prefixes {
            let key = format!("{prefix}{}", setting.name);
            assert_eq!(secrets::is_secret(&key), is_password, "{key}");
        }
        if is_password {
            passwords.insert(setting.name);
        }
    }
    assert!(passwords.len() >= 9, "{passwords:?}");
}
