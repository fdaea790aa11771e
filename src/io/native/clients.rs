//! The clients of a task: what its producer, consumer and admin client are configured with, as `Worker` puts it together.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::settings::WorkerSettings;
use super::task::{Context, TaskError, apart};
use crate::connectors::Kind;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::consumer::{ConsumerSettings, Subscription};
use crate::io::kafka::producer::ProducerSettings;
use crate::io::kafka::settings::{ClientSettings, SettingsError};
use crate::model::properties::Properties;
use crate::model::worker_config::OWN_TOPIC;

/// Which client of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    Producer,
    Consumer,
    Admin,
    /// Of the queue for records that cannot be converted.
    DeadLetterProducer,
    DeadLetterAdmin,
}

impl Client {
    /// The prefix of its settings in the worker file.
    fn prefix(self) -> &'static str {
        match self {
            Self::Producer | Self::DeadLetterProducer => "producer.",
            Self::Consumer => "consumer.",
            Self::Admin | Self::DeadLetterAdmin => "admin.",
        }
    }

    fn id(self, connector: &str, task: Option<u32>) -> String {
        let kind = match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "adminclient",
            Self::DeadLetterProducer => "dlq-producer",
            Self::DeadLetterAdmin => "dlq-adminclient",
        };
        match task {
            Some(task) => format!("connector-{kind}-{connector}-{task}"),
            None => format!("connector-{kind}-{connector}"),
        }
    }
}

/// Why a client cannot be configured.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ClientError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(
        "the connector sets {key}, which connector.client.config.override.policy={policy} of the worker does not allow"
    )]
    Override { key: String, policy: String },
    #[error(
        "connector.client.config.override.policy={policy} is no policy of the native engine, which knows All, None, \
         Principal and Allowlist; a JVM worker (connect-distributed.sh) loads others"
    )]
    Policy { policy: String },
}

/// Returns what a client of a task is configured with, or of the connector itself when there is no task.
pub(super) fn properties(
    client: Client,
    settings: &WorkerSettings,
    connector_config: &IndexMap<String, String>,
    connector: &str,
    task: Option<u32>,
) -> Result<Properties, ClientError> {
    let worker = &settings.worker;
    let mut properties = Properties::new();
    if matches!(client, Client::Admin | Client::DeadLetterAdmin) {
        // An admin client of the JVM takes the worker's own settings first.
        let own = worker.iter().filter(|(key, _)| !is_of_a_client(key));
        properties.extend(own.map(|(key, value)| (key.clone(), value.clone())));
    }
    if let Some(servers) = worker.get("bootstrap.servers") {
        properties.insert("bootstrap.servers".to_owned(), servers.clone());
    }
    properties.insert("client.id".to_owned(), client.id(connector, task));
    properties.extend(without_prefix(worker, client.prefix()));
    let prefix = format!("{}override.", client.prefix());
    let overrides: Vec<_> = without_prefix(connector_config, &prefix).collect();
    if let Some((key, _)) = refused(worker, &settings.override_policy, &overrides)?.first() {
        return Err(ClientError::Override {
            key: format!("{prefix}{key}"),
            policy: settings.override_policy.clone(),
        });
    }
    properties.extend(overrides);
    Ok(properties)
}

/// Returns the group of a sink's consumers; the references of the connector's configuration have been followed.
pub(in crate::io) fn consumer_group(
    worker: &Properties,
    connector_config: &IndexMap<String, String>,
    connector: &str,
) -> String {
    let own = connector_config.get("consumer.override.group.id");
    let own = own.or_else(|| worker.get("consumer.group.id"));
    own.map_or_else(
        || format!("connect-{connector}"),
        |group| group.trim().to_owned(),
    )
}

/// Returns a cluster as the client sees it. Connects when it is first used.
pub(super) fn cluster(
    properties: &Properties,
    settings: &WorkerSettings,
) -> Result<Cluster, SettingsError> {
    let timeout = match properties.get("request.timeout.ms") {
        None => settings.client_timeout,
        Some(value) => {
            let millis = value.trim().parse().map_err(|_| SettingsError::Invalid {
                key: "request.timeout.ms".to_owned(),
                value: value.clone(),
                reason: "is not a number of milliseconds".to_owned(),
                hint: None,
            })?;
            Duration::from_millis(millis)
        }
    };
    let settings = ClientSettings::from_properties(properties, timeout)?;
    Ok(Cluster::unconnected(settings))
}

/// Likewise, in a thread that may wait for the disk of a key store; `None`: the task was told to stop meanwhile.
pub(super) async fn cluster_of(
    context: &Context,
    properties: &Properties,
) -> Result<Option<Cluster>, TaskError> {
    let (host, properties) = (Arc::clone(&context.host), properties.clone());
    apart(context, move || cluster(&properties, &host.settings)).await
}

fn is_of_a_client(key: &str) -> bool {
    ["producer.", "consumer.", "admin."]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

fn without_prefix<'a>(
    config: &'a IndexMap<String, String>,
    prefix: &'a str,
) -> impl Iterator<Item = (String, String)> + 'a {
    config.iter().filter_map(move |(key, value)| {
        let key = key.strip_prefix(prefix)?;
        Some((key.to_owned(), value.clone()))
    })
}

/// Settings that the policy `Principal` leaves to connectors.
const OF_A_PRINCIPAL: &[&str] = &["security.protocol", "sasl.jaas.config", "sasl.mechanism"];

/// Returns what a policy does not let the connector set.
fn refused<'a>(
    worker: &Properties,
    policy: &str,
    overrides: &'a [(String, String)],
) -> Result<Vec<&'a (String, String)>, ClientError> {
    let allowlist = worker.get("connector.client.config.override.allowlist");
    let allowlist = allowlist.map_or("", String::as_str).split(',');
    let allowed: Vec<&str> = match policy_name(policy) {
        "All" => return Ok(Vec::new()),
        "None" => Vec::new(),
        "Principal" => OF_A_PRINCIPAL.to_vec(),
        "Allowlist" => allowlist.map(str::trim).collect(),
        _ => {
            return Err(ClientError::Policy {
                policy: policy.to_owned(),
            });
        }
    };
    let overrides = overrides.iter();
    Ok(overrides
        .filter(|(key, _)| !allowed.contains(&&**key))
        .collect())
}

/// Returns the alias of a policy's class.
fn policy_name(policy: &str) -> &str {
    let name = policy.rsplit('.').next().unwrap_or(policy);
    let suffix = "ConnectorClientConfigOverridePolicy";
    name.strip_suffix(suffix).unwrap_or(name)
}

/// Returns what is wrong with what a connector sets for its clients: what the policy does not allow, in the words of
/// `AbstractConnectorClientConfigOverridePolicy`, and what the clients of this engine do not take.
pub(in crate::io) fn override_errors(
    worker: &Properties,
    config: &IndexMap<String, String>,
    kind: Kind,
) -> Vec<(String, String)> {
    let policy = worker.get("connector.client.config.override.policy");
    let policy = policy.map_or("All", |policy| policy.trim());
    let is_set = |key: &str| {
        config
            .get(key)
            .is_some_and(|value| !value.trim().is_empty())
    };
    let has_letters = kind == Kind::Sink && is_set("errors.deadletterqueue.topic.name");
    let has_own_offsets = kind == Kind::Source && is_set(OWN_TOPIC);
    let creates = config.keys().any(|key| key.starts_with("topic.creation."));
    let mut errors = Vec::new();
    for (client, is_used) in [
        (Client::Producer, kind == Kind::Source || has_letters),
        (Client::Consumer, kind == Kind::Sink || has_own_offsets),
        (
            Client::Admin,
            has_letters || has_own_offsets || (kind == Kind::Source && creates),
        ),
    ] {
        let prefix = format!("{}override.", client.prefix());
        let overrides: Vec<_> = without_prefix(config, &prefix).collect();
        if !is_used || overrides.is_empty() {
            continue;
        }
        match refused(worker, policy, &overrides) {
            Err(error) => errors.push((format!("{prefix}{}", overrides[0].0), error.to_string())),
            Ok(refused) => errors.extend(refused.into_iter().map(|(key, _)| {
                let name = policy_name(policy);
                let message = format!(
                    "The '{name}' policy does not allow '{key}' to be overridden in the connector configuration."
                );
                (format!("{prefix}{key}"), message)
            })),
        }
        errors.extend(not_taken(client, &prefix, overrides));
    }
    errors
}

/// Returns the first setting with which there is no such client here.
fn not_taken(
    client: Client,
    prefix: &str,
    overrides: Vec<(String, String)>,
) -> Option<(String, String)> {
    let mut properties: Properties = overrides.into_iter().collect();
    let error = match client {
        Client::Producer | Client::DeadLetterProducer => {
            ProducerSettings::from_properties(&properties).err()?
        }
        Client::Consumer => {
            properties.insert("group.id".to_owned(), "any".to_owned());
            let any = Subscription::Topics(Vec::new());
            ConsumerSettings::from_properties(&properties, any).err()?
        }
        Client::Admin | Client::DeadLetterAdmin => return None,
    };
    let hint = error
        .hint()
        .map_or_else(String::new, |hint| format!(". {hint}"));
    Some((
        format!("{prefix}{}", error.key()),
        format!("{prefix}{error}{hint}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn read(worker: &[(&str, &str)], connector: &[(&str, &str)]) -> Result<Properties, String> {
        let mut all = of(&[
            ("bootstrap.servers", "k:1"),
            ("offset.storage.topic", "o"),
            ("sasl.mechanism", "PLAIN"),
        ]);
        all.extend(of(worker));
        let settings = WorkerSettings::read(&all).unwrap();
        properties(Client::Producer, &settings, &of(connector), "c", Some(2))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_producer_takes_its_own_settings_of_the_worker_and_then_the_connector_s() {
        let found = read(
            &[("producer.linger.ms", "1"), ("producer.acks", "1")],
            &[("producer.override.acks", "all"), ("topic", "t")],
        );
        let expected = [
            ("bootstrap.servers", "k:1"),
            ("client.id", "connector-producer-c-2"),
            ("linger.ms", "1"),
            ("acks", "all"),
        ];
        assert_eq!(found.unwrap(), of(&expected));
    }

    #[test]
    fn the_clients_of_the_dead_letter_queue_have_names_of_their_own() {
        let ids =
            [Client::DeadLetterProducer, Client::DeadLetterAdmin].map(|of| of.id("c", Some(2)));
        let expected = [
            "connector-dlq-producer-c-2",
            "connector-dlq-adminclient-c-2",
        ];
        assert_eq!(ids, expected);
        assert_eq!(Client::Consumer.id("c", None), "connector-consumer-c");
    }

    #[test]
    fn a_sink_s_group_is_the_connector_s_the_worker_s_or_named_after_the_connector() {
        let worker = of(&[("consumer.group.id", "w ")]);
        let connector = of(&[("consumer.override.group.id", "own")]);
        let none = of(&[]);
        assert_eq!(consumer_group(&worker, &connector, "c"), "own");
        assert_eq!(consumer_group(&worker, &none, "c"), "w");
        assert_eq!(consumer_group(&none, &none, "c"), "connect-c");
    }

    #[test]
    fn a_policy_is_kept() {
        let policy = |name| ("connector.client.config.override.policy", name);
        let jaas = ("producer.override.sasl.jaas.config", "x");
        let acks = ("producer.override.acks", "all");
        assert!(read(&[policy("None")], &[]).is_ok());
        assert!(read(&[policy("Principal")], &[jaas]).is_ok());
        let error = read(&[policy("Principal")], &[jaas, acks]).unwrap_err();
        assert!(error.contains("producer.override.acks"), "{error}");
        let class =
            "org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy";
        assert!(read(&[policy(class)], &[acks]).is_err());
        let error = read(&[policy("com.example.Mine")], &[]).unwrap_err();
        assert!(error.contains("connect-distributed.sh"), "{error}");
    }

    #[test]
    fn what_a_connector_may_not_set_or_no_client_takes_is_told_before_it_runs() {
        let policy = |name| ("connector.client.config.override.policy", name);
        let errors = |worker: &[(&str, &str)], config: &[(&str, &str)], kind| {
            let found = override_errors(&of(worker), &of(config), kind);
            found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        let acks = ("producer.override.acks", "2");
        let codec = ("producer.override.compression.type", "brotli");
        let reset = ("consumer.override.auto.offset.reset", "newest");
        let all = [acks, reset];
        assert_eq!(errors(&[], &all, Kind::Source), [acks.0]);
        assert_eq!(errors(&[], &all, Kind::Sink), [reset.0]);
        assert_eq!(errors(&[], &[codec], Kind::Source), [codec.0]);
        let none = override_errors(&of(&[policy("None")]), &of(&[acks]), Kind::Source);
        assert_eq!(
            none[0].1,
            "The 'None' policy does not allow 'acks' to be overridden in the connector configuration."
        );
        let listed = [
            policy("Allowlist"),
            (
                "connector.client.config.override.allowlist",
                "linger.ms, acks",
            ),
        ];
        let right = ("producer.override.acks", "all");
        let batch = ("producer.override.batch.size", "1");
        assert_eq!(errors(&listed, &[right, batch], Kind::Source), [batch.0]);
    }
}
