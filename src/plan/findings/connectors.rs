//! Settings of connectors that mean something else, or nothing good, in distributed mode.

use super::{Evidence, Findings, some_of};
use crate::model::connector_config::Form;
use crate::model::placeholder::placeholders;
use crate::model::secrets;
use crate::plan::connectors::Moving;
use crate::plan::{Verification, kinds};

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    for (_, connector) in evidence.to_move() {
        name(evidence, connector, findings);
        nulls(connector, findings);
        local_resources(evidence, connector, findings);
        inline_secrets(connector, findings);
        exactly_once(evidence, connector, findings);
        overrides(evidence, connector, findings);
        tasks(connector, findings);
        dead_letters(evidence, connector, findings);
        encoding(connector, findings);
    }
    worker_encoding(evidence, findings);
}

fn name(evidence: &Evidence<'_>, connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let name = &connector.name;
    if name.trim() != name {
        findings.block(
            "P25",
            name.clone(),
            format!("{}: the name {name:?} has spaces around it, which REST cuts off: positions and consumer group would be those of another name", connector.origin()),
            format!("--rename {name:?}={:?}", name.trim()),
        );
    }
    let registers = !evidence.choices.register_on.is_empty();
    let control = name.chars().any(char::is_control);
    let unaddressable = name.contains(['/', '%', '\\']) || matches!(name.as_str(), "." | "..");
    if control || (unaddressable && registers) {
        let why = if control {
            "it holds control characters, which Connect refuses"
        } else {
            "REST can create it but not address it afterwards: it could be neither resumed nor stopped"
        };
        findings.block(
            "P31",
            name.clone(),
            format!(
                "{}: the name {name:?} will not do: {why}",
                connector.origin()
            ),
            "--rename OLD=NEW",
        );
    } else if unaddressable {
        findings.warn(
            "P31",
            name.clone(),
            format!(
                "{}: REST cannot address the name {name:?} (Jetty refuses '/' and '%')",
                connector.origin()
            ),
            "--rename OLD=NEW",
        );
    }
}

fn nulls(connector: &Moving<'_>, findings: &mut Findings<'_>) {
    if !connector.nulls.is_empty() {
        findings.block(
            "P30",
            connector.name.clone(),
            format!("{}: {} is null, and Connect refuses that: \"Null value can not be supplied as the configuration value.\"", connector.origin(), some_of(connector.nulls.iter().map(String::as_str))),
            "remove the setting; --accept P30 leaves it out",
        );
    }
}

fn local_resources(evidence: &Evidence<'_>, connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let local = |value: &str| {
        let path = value.trim();
        let absolute = path.starts_with('/') && path.len() > 1 && !path.starts_with("//");
        absolute
            || placeholders(value)
                .iter()
                .any(|p| matches!(p.provider.as_str(), "file" | "dir" | "directory" | "env"))
    };
    let keys: Vec<&str> = connector
        .config
        .iter()
        .filter(|(key, value)| *key != "name" && local(value))
        .map(|(key, _)| key.as_str())
        .collect();
    let on_this_host = kinds::is_local_file(&connector.class);
    if keys.is_empty() && !on_this_host {
        return;
    }
    let what = if keys.is_empty() {
        format!("{} reads or writes files", connector.class)
    } else {
        format!("{} names resources of one host", some_of(keys))
    };
    if evidence.choices.verify == Verification::Run {
        let origin = connector.origin();
        return findings.block(
            "P32",
            connector.name.clone(),
            format!("{origin}: {what}: --verify run would use what this host has under these names, and commit"),
            "leave --verify run away, or say with --accept P32 that this is the host of the deployment",
        );
    }
    findings.warn(
        "P32",
        connector.name.clone(),
        format!(
            "{}: {what}: any worker may get the task",
            connector.origin()
        ),
        "give every worker the same files and variables, or run one worker",
    );
}

fn inline_secrets(connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let keys: Vec<&str> = connector
        .config
        .iter()
        .filter(|(key, value)| {
            secrets::is_secret(key) && !value.is_empty() && !secrets::is_reference(value)
        })
        .map(|(key, _)| key.as_str())
        .collect();
    if !keys.is_empty() {
        findings.warn(
            "P34",
            connector.name.clone(),
            format!("{}: {} holds a secret, which the config topic keeps in plain text and REST shows to everybody", connector.origin(), some_of(keys)),
            "move it to a config provider, or limit READ on the config topic to the workers",
        );
    }
}

fn exactly_once(evidence: &Evidence<'_>, connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let is = |value: Option<&String>, wanted: &str| {
        value.is_some_and(|v| v.trim().eq_ignore_ascii_case(wanted))
    };
    let required = is(connector.config.get("exactly.once.support"), "required");
    let enabled = is(
        evidence.worker().get("exactly.once.source.support"),
        "enabled",
    );
    if connector.is_source() && required && !enabled {
        findings.block(
            "P41",
            connector.name.clone(),
            format!("{}: {} has exactly.once.support=required, which standalone does not check; distributed refuses it: \"This worker does not have exactly-once source support enabled.\"", connector.origin(), connector.name),
            "--set exactly.once.source.support=enabled (on every worker), or exactly.once.support=requested in the connector",
        );
    }
}

fn overrides(evidence: &Evidence<'_>, connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let policy = evidence
        .worker()
        .get("connector.client.config.override.policy");
    let policy = policy.map_or("All", |p| p.trim());
    let prefixes = [
        "producer.override.",
        "consumer.override.",
        "admin.override.",
    ];
    let keys = connector
        .config
        .keys()
        .filter(|key| prefixes.iter().any(|p| key.starts_with(p)));
    let keys = some_of(keys.map(String::as_str));
    if !keys.is_empty() && !policy.eq_ignore_ascii_case("All") {
        findings.warn(
            "P43",
            connector.name.clone(),
            format!(
                "{}: {keys} need the override policy to allow them, it is {policy}",
                connector.origin()
            ),
            "--set connector.client.config.override.policy=All if Connect refuses the connector",
        );
    }
}

fn tasks(connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let tasks = connector
        .config
        .get("tasks.max")
        .and_then(|v| v.trim().parse::<u32>().ok());
    if tasks.is_some_and(|n| n > 1) && kinds::is_local_file(&connector.class) {
        findings.warn(
            "P48",
            connector.name.clone(),
            format!("{}: {} has tasks.max={} and works on local files: the tasks now land on different hosts", connector.origin(), connector.name, tasks.unwrap_or_default()),
            "tasks.max=1",
        );
    }
}

/// Connect makes a dead letter topic with three replicas unless told otherwise, and the task fails if it cannot.
fn dead_letters(evidence: &Evidence<'_>, connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let topic = connector.config.get("errors.deadletterqueue.topic.name");
    let Some(topic) = topic.map(|t| t.trim()).filter(|t| !t.is_empty()) else {
        return;
    };
    let (Some(brokers), Some(observed)) = (evidence.brokers(), evidence.observed) else {
        return;
    };
    let factor = connector
        .config
        .get("errors.deadletterqueue.topic.replication.factor")
        .and_then(|v| v.trim().parse::<i64>().ok())
        .unwrap_or(3);
    let exists = observed.topic_names.iter().any(|t| t == topic);
    if !exists && usize::try_from(factor).is_ok_and(|f| f > brokers) {
        findings.block(
            "P49",
            connector.name.clone(),
            format!("{}: the dead letter topic {topic} of {} does not exist and would get {factor} replicas on {brokers} broker(s): its tasks fail", connector.origin(), connector.name),
            format!("errors.deadletterqueue.topic.replication.factor={brokers} in the connector, or create the topic"),
        );
    }
}

fn encoding(connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let Some((path, file)) = connector.file else {
        return;
    };
    if file.form != Form::Properties {
        return;
    }
    let keys = file.config.iter().filter_map(|(key, value)| {
        let value = value.as_deref()?;
        (utf8_meant(key).is_some() || utf8_meant(value).is_some()).then_some(key.as_str())
    });
    let keys = some_of(keys);
    if !keys.is_empty() {
        findings.warn(
            "P52",
            connector.name.clone(),
            format!("{}: {keys}: the bytes are UTF-8, but Java reads properties as Latin-1, and that is what the connector got so far", path.display()),
            "what Java read is kept; write \\uXXXX if the text should be what it looks like",
        );
    }
}

fn worker_encoding(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    for (key, value) in evidence.source {
        if let Some(meant) = utf8_meant(value) {
            let what = if secrets::is_secret(key) {
                String::new()
            } else {
                format!(" and was meant as {meant:?}")
            };
            findings.warn(
                "P52",
                key.clone(),
                format!(
                    "{}: the value of {key} is UTF-8{what}, but Java reads properties as Latin-1",
                    evidence.place(key)
                ),
                "what Java read is kept; write \\uXXXX if the text should be what it looks like",
            );
        }
    }
}

/// Returns what a Latin-1 text says when its bytes are UTF-8 beyond ASCII: that is no accident.
fn utf8_meant(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_read_as_latin1_is_seen_and_true_latin1_is_not() {
        assert_eq!(utf8_meant("Ã¼ber"), Some("über".to_owned()));
        assert_eq!(utf8_meant("über"), None);
        assert_eq!(utf8_meant("주문"), None);
        assert_eq!(utf8_meant("plain"), None);
    }
}
