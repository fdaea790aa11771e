//! Who logs in: the worker itself, and the clients that it makes for its connectors.

use super::Patient;
use super::finding::{Finding, Need};
use super::registered::Registered;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::settings::ClientSettings;
use crate::model::properties::Properties;
use crate::model::worker_config::trimmed;

/// Connects as the worker itself does.
pub(super) async fn connect(settings: &ClientSettings) -> (Finding, Option<Cluster>) {
    let described = async {
        let cluster = Cluster::connect(settings.clone()).await?;
        let described = cluster.describe().await?;
        Ok::<_, KafkaError>((cluster, described))
    };
    match described.await {
        Ok((cluster, described)) => {
            let id = described.cluster_id.as_deref().unwrap_or("without an id");
            let caller = settings.caller();
            let detail = format!("cluster {id} as {}", caller.name());
            (Finding::kept(detail), Some(cluster))
        }
        Err(error) => (Finding::failed(&error), None),
    }
}

/// Logs in at every broker's advertised address.
pub(super) async fn brokers(cluster: &Cluster) -> Finding {
    let reached = match cluster.reach_all().await {
        Ok(reached) => reached,
        Err(error) => return Finding::failed(&error),
    };
    let all = reached.brokers.len() + reached.unreachable.len();
    if let Some(first) = reached.unreachable.values().next() {
        let errors = reached.unreachable.values().map(ToString::to_string);
        let errors = errors.collect::<Vec<_>>().join("; ");
        let detail = format!(
            "{} of {all} cannot be reached: {errors}",
            reached.unreachable.len()
        );
        return Finding::broken(detail).hint(first.hint());
    }
    let addresses = reached.brokers.values().cloned().collect::<Vec<_>>();
    let mut detail = match addresses.as_slice() {
        [one] => format!("1 reached at {one}"),
        several => format!("{all} reached at {}", several.join(", ")),
    };
    for useless in &reached.useless_bootstrap {
        detail.push_str("; a bootstrap server is of no use: ");
        detail.push_str(&useless.to_string());
    }
    Finding::kept(detail)
}

/// A client that a worker makes for its connectors (`Worker.baseProducerConfigs` and its siblings).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    Producer,
    Consumer,
    Admin,
}

impl Client {
    pub(super) const ALL: [Self; 3] = [Self::Producer, Self::Consumer, Self::Admin];

    pub(super) fn need(self) -> Need {
        match self {
            Self::Producer => Need::Producers,
            Self::Consumer => Need::Consumers,
            Self::Admin => Need::AdminClients,
        }
    }

    /// Logs in as this client does; returns the cluster as it sees it.
    pub(super) async fn check(
        self,
        patient: &Patient,
        cluster: &Cluster,
        registered: Option<&Registered>,
    ) -> (Finding, Option<Cluster>) {
        let properties = self.properties(patient);
        let elsewhere = properties.get(BOOTSTRAP) != Some(&patient.settings.bootstrap.join(","));
        let is_same = !elsewhere && login(&properties) == login(&patient.worker);
        if patient.is_own_login && is_same {
            let same = Finding::kept("the login of the worker itself");
            return (same, Some(cluster.clone()));
        }
        let timeout = patient.settings.timeout;
        let finding = match ClientSettings::from_properties(&properties, timeout) {
            Ok(settings) => match Cluster::connect(settings).await {
                Ok(cluster) => {
                    let caller = cluster.settings().caller();
                    let detail = format!("logged in as {}", caller.name());
                    return (Finding::kept(detail), Some(cluster));
                }
                Err(error) => self.unlike_the_worker(patient, Finding::failed(&error)),
            },
            Err(error) => Finding::broken(format!("{}{error}", self.prefix())).hint(error.hint()),
        };
        if registered.is_none_or(|registered| self.is_needed(registered)) {
            return (finding, None);
        }
        (finding.softened("no registered connector needs it"), None)
    }

    fn is_needed(self, registered: &Registered) -> bool {
        match self {
            Self::Consumer => registered.needs_consumers(),
            Self::Producer | Self::Admin => registered.needs_producers(),
        }
    }

    /// Says what is usually wrong when the worker can log in and this client cannot.
    fn unlike_the_worker(self, patient: &Patient, finding: Finding) -> Finding {
        let prefix = self.prefix();
        let has_own = patient
            .worker
            .keys()
            .filter_map(|key| key.strip_prefix(prefix))
            .any(is_login);
        let detail = format!("with {prefix}*: {}", finding.detail);
        if has_own || self == Self::Admin {
            return Finding { detail, ..finding };
        }
        let hint = format!(
            "Only settings that begin with {prefix} reach these clients: repeat security.protocol and the login with it."
        );
        Finding::broken(detail).hint(Some(hint))
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Producer => PREFIXES[0],
            Self::Consumer => PREFIXES[1],
            Self::Admin => PREFIXES[2],
        }
    }

    /// Returns the settings with which a worker makes this client.
    fn properties(self, patient: &Patient) -> Properties {
        let worker = &patient.worker;
        let is_prefixed = |key: &str| PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        let mut properties: Properties = worker
            .iter()
            .filter(|(key, _)| match self {
                // Worker settings without a prefix are an admin client's too, for they always were.
                Self::Admin => !is_prefixed(key),
                Self::Producer | Self::Consumer => key.starts_with("config.providers"),
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let bootstrap = patient.settings.bootstrap.join(",");
        properties.insert(BOOTSTRAP.to_owned(), bootstrap);
        for (key, value) in worker {
            if let Some(name) = key.strip_prefix(self.prefix()) {
                properties.insert(name.to_owned(), value.clone());
            }
        }
        properties
    }
}

const BOOTSTRAP: &str = "bootstrap.servers";

const PREFIXES: [&str; 3] = ["producer.", "consumer.", "admin."];

/// Returns what makes a difference at the brokers' door, sorted.
fn login(properties: &Properties) -> Vec<(&str, &str)> {
    let mut found: Vec<_> = properties
        .iter()
        .filter(|(key, _)| is_login(key))
        .map(|(key, value)| (key.as_str(), trimmed(value)))
        .collect();
    found.sort_unstable();
    found
}

fn is_login(key: &str) -> bool {
    key.starts_with("sasl.") || key.starts_with("ssl.") || key == "security.protocol"
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn patient(pairs: &[(&str, &str)]) -> Patient {
        Patient {
            worker: pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            settings: ClientSettings::plaintext(vec!["b:1".to_owned()], Duration::from_secs(1)),
            is_own_login: true,
            group: "g".to_owned(),
            topics: Vec::new(),
            writes: false,
        }
    }

    #[test]
    fn only_an_admin_client_takes_settings_without_a_prefix() {
        let patient = patient(&[
            ("security.protocol", "SASL_SSL"),
            ("producer.security.protocol", "SSL"),
            ("config.providers", "env"),
        ]);
        let protocol = |client: Client| {
            let properties = client.properties(&patient);
            assert_eq!(properties["bootstrap.servers"], "b:1");
            assert_eq!(properties["config.providers"], "env");
            properties.get("security.protocol").cloned()
        };
        assert_eq!(protocol(Client::Producer).as_deref(), Some("SSL"));
        assert_eq!(protocol(Client::Consumer), None);
        assert_eq!(protocol(Client::Admin).as_deref(), Some("SASL_SSL"));
    }

    #[test]
    fn clients_without_a_login_of_their_own_are_told_where_it_belongs() {
        let worker = patient(&[("security.protocol", "SASL_SSL")]);
        let found = Client::Consumer.unlike_the_worker(&worker, Finding::broken("no"));
        assert_eq!(found.detail, "with consumer.*: no");
        assert!(format!("{:?}", found.remedies).contains("begin with consumer."));
        let own = patient(&[("consumer.security.protocol", "SSL")]);
        let found = Client::Consumer.unlike_the_worker(&own, Finding::broken("no"));
        assert_eq!(found.remedies, []);
    }
}
