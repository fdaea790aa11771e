//! Can this principal, from here, be a Connect worker? Asked as a worker asks, and without being one.
//!
//! Nothing of the real group changes: nobody joins it, and no connector, offset or configuration is written. What is written
//! are tombstones under keys of the doctor's own ([`PROBE`]); what is joined is a group that nobody else knows.

mod clients;
mod finding;
mod group;
mod registered;
mod topics;

use tokio::time::Instant;

use crate::io::embedded;
use crate::io::isolation::isolations;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::settings::ClientSettings;
use crate::io::observe::{self, Advertised};
use crate::model::properties::Properties;
use crate::model::worker_config::{self, Default, StorageTopic};

pub use finding::{Check, Finding, Need, Remedy, Verdict, grants};
pub use topics::PROBE;

use clients::Client;
use registered::Registered;

/// Whom the doctor looks at.
#[derive(Debug, Clone)]
pub struct Patient {
    /// The worker file.
    pub worker: Properties,
    /// How the worker itself reaches the cluster.
    pub settings: ClientSettings,
    /// False when somebody else's login stands in for the worker's own.
    pub is_own_login: bool,
    pub group: String,
    /// Config, offset, status.
    pub topics: Vec<StorageTopic>,
    /// Whether probe records may be written.
    pub writes: bool,
}

/// Looks at everything that a worker needs, and tells each result as it comes.
pub async fn examine(patient: &Patient, tell: impl FnMut(&Check)) -> Vec<Check> {
    let mut chart = Chart {
        checks: Vec::new(),
        started: Instant::now(),
        tell,
    };
    chart.note(Need::Settings, settings(&patient.worker));
    let (found, cluster) = clients::connect(&patient.settings).await;
    chart.add(Need::Cluster, found);
    if let Some(cluster) = cluster {
        examine_on(patient, &cluster, &mut chart).await;
    } else {
        for need in needs(patient).skip(2) {
            chart.note(need, Finding::not_known("the cluster was not reached"));
        }
    }
    chart.checks
}

async fn examine_on<T: FnMut(&Check)>(patient: &Patient, cluster: &Cluster, chart: &mut Chart<T>) {
    chart.add(Need::Brokers, clients::brokers(cluster).await);
    let found = topics::look(cluster, &patient.topics).await;
    for (topic, finding) in patient.topics.iter().zip(found) {
        chart.add(Need::Topic(topic.role), finding);
    }
    let allowed = topics::Allowed::ask(cluster, &patient.topics).await;
    // A level with which no worker starts was told with the settings.
    let isolations = isolations(&patient.worker).unwrap_or_default();
    let (reading, state) = topics::read(cluster, &patient.topics, isolations, &allowed).await;
    chart.add(Need::Reading, reading);
    let registered = state.as_ref().map(Registered::of);
    let writing = if patient.writes {
        topics::write(cluster, &patient.topics, &allowed, state.as_ref()).await
    } else {
        allowed.writing(cluster)
    };
    chart.add(Need::Writing, writing);
    chart.add(
        Need::Group,
        group::permission(cluster, &patient.group).await,
    );
    chart.add(Need::Round, group::round(cluster, patient).await);
    if is_exactly_once(&patient.worker) {
        let sources = registered.as_ref().map_or(&[][..], |r| &r.sources);
        let found = group::transactional_ids(cluster, &patient.group, sources).await;
        chart.add(Need::TransactionalIds, found);
    }
    let mut consumers = None;
    for client in Client::ALL {
        let (finding, connected) = client.check(patient, cluster, registered.as_ref()).await;
        if client == Client::Consumer {
            consumers = connected;
        }
        chart.add(client.need(), finding);
    }
    let found = match (&registered, &consumers) {
        (None, _) => Finding::not_known("the config topic was not read"),
        (Some(_), None) => Finding::not_known("the consumers of this worker cannot log in"),
        (Some(registered), Some(consumers)) => group::sinks(consumers, registered).await,
    };
    chart.add(Need::SinkGroups, found);
    chart.add(Need::AdvertisedAddress, address(patient, cluster).await);
}

/// Returns everything that is looked at, in order.
fn needs(patient: &Patient) -> impl Iterator<Item = Need> {
    let topics = patient.topics.iter().map(|topic| Need::Topic(topic.role));
    let transactional = is_exactly_once(&patient.worker).then_some(Need::TransactionalIds);
    [Need::Settings, Need::Cluster, Need::Brokers]
        .into_iter()
        .chain(topics)
        .chain([Need::Reading, Need::Writing, Need::Group, Need::Round])
        .chain(transactional)
        .chain(Client::ALL.map(Client::need))
        .chain([Need::SinkGroups, Need::AdvertisedAddress])
}

/// What was found so far.
struct Chart<T> {
    checks: Vec<Check>,
    /// When the look that is under way began.
    started: Instant,
    tell: T,
}

impl<T: FnMut(&Check)> Chart<T> {
    /// Adds what was found since the last one.
    fn add(&mut self, need: Need, finding: Finding) {
        let took = self.started.elapsed();
        self.push(Check {
            need,
            finding,
            took: Some(took),
        });
    }

    /// Adds what took no time.
    fn note(&mut self, need: Need, finding: Finding) {
        self.push(Check {
            need,
            finding,
            took: None,
        });
    }

    fn push(&mut self, check: Check) {
        (self.tell)(&check);
        self.checks.push(check);
        self.started = Instant::now();
    }
}

/// Looks at the file as a worker does that starts.
fn settings(worker: &Properties) -> Finding {
    let missing: Vec<_> = worker_config::SETTINGS
        .iter()
        .filter(|setting| setting.in_distributed() && setting.default == Default::Required)
        .filter(|setting| !worker.contains_key(setting.name))
        .map(|setting| setting.name)
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Finding::broken(format!("{missing} is missing: no worker starts without"))
            .hint(Some(format!("Set {missing} in the worker file.")));
    }
    match embedded::check_settings(worker) {
        Ok(()) => Finding::kept("a worker starts with them"),
        Err(error) => Finding::broken(error.to_string()).hint(error.hint()),
    }
}

fn is_exactly_once(worker: &Properties) -> bool {
    const KEY: &str = "exactly.once.source.support";
    let value = worker.get(KEY).map_or("disabled", String::as_str);
    !worker_config::effective_value(KEY, value).eq_ignore_ascii_case("disabled")
}

/// Looks for a worker at the address that this file advertises.
async fn address(patient: &Patient, cluster: &Cluster) -> Finding {
    let described = cluster.describe().await;
    let cluster_id = described.ok().and_then(|described| described.cluster_id);
    let found = observe::advertised(&patient.worker, cluster_id.as_deref()).await;
    let detail = found.to_string();
    match found {
        Advertised::Proven { .. } => Finding::kept(detail),
        Advertised::NotReachable { .. } | Advertised::OwnHost { .. } | Advertised::DecidedThere => {
            Finding::not_known(detail)
        }
        Advertised::NoListener => Finding::broken(detail).hint(Some(
            "Correct listeners and rest.advertised.* in the worker file.".to_owned(),
        )),
    }
}
