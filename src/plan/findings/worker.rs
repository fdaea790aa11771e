//! The worker file: what the conversion mended, and what it leaves for the user to decide.

use super::{Evidence, Findings, some_of};
use crate::model::properties::Properties;
use crate::model::worker_config::{AdvertisedListener, StorageRole};
use crate::plan::worker_file::{OFFSETS_FILE, ROLES};
use crate::plan::{security, topic_settings};

/// Largest record that Kafka takes unless it is told otherwise: `max.request.size` and `message.max.bytes`.
const LARGEST_RECORD: usize = 1_048_576;

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    mended(evidence, findings);
    both_modes(evidence, findings);
    unknown_topic_settings(evidence, findings);
    security_of_whom(evidence, findings);
    listeners(evidence, findings);
    large_configurations(evidence, findings);
}

fn mended(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    for reason in &evidence.converted.reasons {
        let Some(pitfall) = reason.pitfall else {
            continue;
        };
        let is_kept = evidence.worker().contains_key(&reason.key);
        let what = if is_kept { "set" } else { "removed" };
        findings.fixed(
            pitfall,
            reason.key.clone(),
            format!(
                "{}: {}: {}",
                evidence.place(&reason.key),
                reason.key,
                reason.why
            ),
            format!("{what} in distributed.properties"),
        );
    }
}

/// A distributed worker runs with such a file too, as long as its offset topic exists.
fn both_modes(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let keys: Vec<String> = StorageRole::ALL
        .iter()
        .map(|role| role.key("topic"))
        .collect();
    let named = keys.iter().filter(|key| evidence.source.contains_key(*key));
    let named: Vec<&str> = named.map(String::as_str).collect();
    let Some(first) = named.first() else { return };
    findings.warn(
        "both-modes",
        OFFSETS_FILE,
        format!(
            "{}: the file names an offsets file ({OFFSETS_FILE}) and storage topics ({}): it is taken for a standalone worker's, and the topics for those to move to",
            evidence.place(first),
            some_of(named.iter().copied())
        ),
        "if its worker already runs as connect-distributed.sh there is nothing to move; otherwise nothing need be done",
    );
}

/// A worker passes every other `<x>.storage.` setting to the broker as a topic setting, and dies if it does not know it.
fn unknown_topic_settings(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    for key in evidence.worker().keys().filter(|key| *key != OFFSETS_FILE) {
        let setting = ROLES
            .iter()
            .find_map(|role| key.strip_prefix(&format!("{role}.storage.")));
        if setting.is_some_and(|s| !topic_settings::is_known(s)) {
            findings.block(
                "P1",
                key.clone(),
                format!("{}: {key} would be sent to the broker as a topic setting, which it does not know: start-up dies", evidence.place(key)),
                "remove the line from the worker file",
            );
        }
    }
}

fn security_of_whom(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let source = evidence.source;
    let decided = evidence.choices.set.contains_key("security.protocol");
    if let (Err(differ), false) = (security::missing_top_level(source), decided) {
        let first = &differ.keys[0];
        let place = evidence.place(&format!("producer.{first}"));
        findings.block(
                "P15",
                "security.protocol",
                format!("{place}: producer. and consumer. settings disagree about {}, and a distributed worker needs one of them at top level for its group and storage topics", some_of(differ.keys.iter().map(String::as_str))),
                "say which: --set security.protocol=... and the other settings",
            );
    }
    let prefixed = |prefix: &str| source.contains_key(&format!("{prefix}security.protocol"));
    if security::is_secured(source) && !prefixed("producer.") && !prefixed("consumer.") {
        findings.warn(
            "P16",
            "security.protocol",
            format!("{}: the worker is secured, its tasks are not: producer.security.protocol and consumer.security.protocol are not set, and tasks do not inherit", evidence.place("security.protocol")),
            "nothing changes by moving; add both prefixes if tasks fail to connect",
        );
    }
}

fn listeners(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let worker = evidence.worker();
    let listeners = worker.get("listeners").map_or("", |v| v.trim());
    unreachable_listener(evidence, listeners, findings);
    let fits = AdvertisedListener::of(worker).is_some();
    if !fits && !AdvertisedListener::is_listener_decided_there(worker) {
        let at = advertised_setting(worker);
        findings.block(
            "P35",
            at,
            format!(
                "{}: no listener fits what the workers are to advertise: they would tell each other an address at which none of them listens, or not start",
                evidence.place(at)
            ),
            format!("correct it, or leave it away: --set {at}="),
        );
    }
    let was = evidence.source.get("listeners").map_or("", |v| v.trim());
    let was_local = !was.is_empty() && was.split(',').filter_map(host).all(is_loopback);
    let is_open = |listener| host(listener).is_none_or(|h| !is_loopback(h));
    if was_local
        && listeners.split(',').any(is_open)
        && !worker.contains_key("rest.extension.classes")
    {
        findings.warn(
            "P59",
            "listeners",
            format!("{}: REST was open to the host alone and is now open to the network, without authentication", evidence.place("listeners")),
            "--set rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension, or a firewall",
        );
    }
    let trusts = ["ssl.truststore.location", "ssl.truststore.certificates"]
        .iter()
        .any(|key| {
            worker.contains_key(*key) || worker.contains_key(&format!("listeners.https.{key}"))
        });
    if listeners.contains("https://") && !trusts {
        findings.warn(
            "P39",
            "listeners",
            format!("{}: workers speak https to each other and have no trust store for each other's certificates", evidence.place("listeners")),
            "--set listeners.https.ssl.truststore.location=FILE, unless the certificates are from a public authority",
        );
    }
}

/// What is advertised must be a name that others can use, and the worker must listen there.
fn unreachable_listener(evidence: &Evidence<'_>, listeners: &str, findings: &mut Findings<'_>) {
    let worker = evidence.worker();
    let scheme = AdvertisedListener::scheme(worker);
    let listener = listeners.split(',').map(str::trim).find(|listener| {
        let (found, _) = listener.split_once("://").unwrap_or_default();
        found.eq_ignore_ascii_case(scheme)
    });
    let Some((listener, host)) = listener.and_then(|l| Some((l, host(l)?))) else {
        return;
    };
    let place = evidence.place("listeners");
    if is_loopback(host) {
        let (_, port) = listener.rsplit_once(':').unwrap_or_default();
        findings.warn(
            "P35",
            "listeners",
            format!("{place}: the worker listens on {host} alone, where no other host reaches it, whatever it advertises: requests to other workers fail and task configurations do not spread"),
            format!("--set listeners={scheme}://:{port}, with --set rest.advertised.host.name=HOST where others reach the worker by another name than its host's; a worker that stays alone needs neither"),
        );
    } else if matches!(host, "0.0.0.0" | "[::]")
        && !worker.contains_key("rest.advertised.host.name")
    {
        findings.warn(
            "P35",
            "listeners",
            format!("{place}: workers would tell each other the address {host}, which is not theirs from another host: requests to other workers fail and task configurations do not spread"),
            "--set rest.advertised.host.name=HOST, a name that the other workers can reach",
        );
    }
}

/// Returns the setting that says what is advertised.
fn advertised_setting(worker: &Properties) -> &'static str {
    let settings = ["rest.advertised.listener", "rest.advertised.port"];
    let set = settings.into_iter().find(|key| worker.contains_key(*key));
    set.unwrap_or("listeners")
}

/// `http://HOST:PORT` → HOST; `None` when the host is left open.
fn host(listener: &str) -> Option<&str> {
    let (_, address) = listener.trim().split_once("://")?;
    let (host, _) = address.rsplit_once(':')?;
    (!host.is_empty()).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.starts_with("127.") || host == "[::1]"
}

fn large_configurations(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let limit = |key: &str| evidence.worker().get(key)?.trim().parse::<usize>().ok();
    let request = limit("max.request.size").unwrap_or(LARGEST_RECORD);
    let broker = evidence
        .observed
        .and_then(|o| o.broker_settings.get("message.max.bytes")?.parse().ok());
    let message = limit("config.storage.max.message.bytes").or(broker);
    let allowed = request.min(message.unwrap_or(LARGEST_RECORD));
    for connector in evidence.moving {
        let settings: usize = connector
            .config
            .iter()
            .map(|(k, v)| k.len() + v.len() + 6)
            .sum();
        // The task configurations repeat the connector's settings and add the task's class.
        let size = settings + connector.name.len() + 256;
        if size > allowed {
            findings.block(
                "P44",
                connector.name.clone(),
                format!("the configuration of {} takes about {size} bytes in the config topic, which takes {allowed}: registering it fails", connector.name),
                format!("--set max.request.size={0} --set config.storage.max.message.bytes={0}", size.next_power_of_two()),
            );
        }
    }
}
