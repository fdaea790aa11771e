//! One look at everything a plan rests on: files, standalone worker, cluster. Taken before the question and after it.

use std::path::PathBuf;

use anyhow::anyhow;

use super::read::{self, Inputs};
use super::{Session, report};
use crate::cli::connect::{kafka_failed, rest_failed, settings_failed, with_hint};
use crate::cli::error::{CliError, Kind};
use crate::io::connect_rest::ConnectRest;
use crate::io::isolation::{isolations, source_stores};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{KafkaError, KafkaErrorKind};
use crate::io::kafka::settings::ClientSettings;
use crate::io::observe::{self, SourceWorker, Waiting};
use crate::model::properties::Properties;
use crate::plan::{self, Choices, Observed, Plan, PlanError};

/// What was seen and what follows from it.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) inputs: Inputs,
    pub(super) plan: Plan,
    /// `None` offline.
    pub(super) observed: Option<Observed>,
}

/// The connections that all looks share.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) cluster: Cluster,
    /// The Connect cluster to register on.
    pub(super) rest: Option<ConnectRest>,
}

/// Looks, connecting where that has not happened yet.
pub(super) async fn look(
    session: &Session<'_>,
    reach: &mut Option<Reach>,
) -> Result<Look, CliError> {
    let choices = session.args.choices();
    let inputs = read::read(session.args, session.global.timeout).await?;
    let draft = plan::make(&inputs.deployment, &choices, None).map_err(plan_failed)?;
    let (plan, observed) = if choices.offline {
        (draft, None)
    } else {
        let reach = match reach {
            Some(reach) => reach,
            none => none.insert(connect(session, &draft, &choices).await?),
        };
        let source = source_worker(session, &inputs, &draft)?;
        let read_as = (
            isolations(&draft.worker).map_err(settings_failed)?,
            source_stores(&draft.worker, draft.connectors.iter().map(|c| &c.config)),
        );
        let waits = |waiting: &Waiting| session.ui.note(&waits_for(waiting));
        let mut observed = observe::observe(&reach.cluster, &draft, read_as, &source, waits)
            .await
            .map_err(kafka_failed)?;
        let cluster_id = observed.cluster_id.as_deref();
        let handed_over = report::handed_over(session, cluster_id, &draft.group_id);
        observed.offsets_before = report::offsets_before(session, cluster_id, &draft.group_id);
        observed.handed_over = handed_over;
        if let Some(rest) = &reach.rest {
            check_registrar(rest, &observed, &draft.group_id).await?;
        }
        let plan =
            plan::make(&inputs.deployment, &choices, Some(&observed)).map_err(plan_failed)?;
        (plan, Some(observed))
    };
    let mut plan = plan;
    plan.compare_files(|path| std::fs::read(session.args.out.join(path)).ok());
    Ok(Look {
        inputs,
        plan,
        observed,
    })
}

/// A worker that was killed is a member until its session ends, and nobody joins before.
fn waits_for(waiting: &Waiting) -> String {
    format!(
        "waiting until another run of connectctl, perhaps a killed one, is out of group {}: {}; at most {} s",
        waiting.group,
        waiting.members.join(", "),
        waiting.at_most.as_secs()
    )
}

async fn connect(
    session: &Session<'_>,
    draft: &Plan,
    choices: &Choices,
) -> Result<Reach, CliError> {
    let settings = client_settings(session, &draft.worker)?;
    let urls = &choices.register_on;
    let flags = &session.args.rest.flags;
    let rest = (!urls.is_empty())
        .then(|| flags.client(urls, Some(&draft.worker), session.global.timeout))
        .transpose()?;
    Ok(Reach {
        cluster: Cluster::connect(settings).await.map_err(not_reached)?,
        rest,
    })
}

/// Where nobody answers, the files can be looked at all the same.
fn not_reached(error: KafkaError) -> CliError {
    use KafkaErrorKind::{Refused, Timeout, UnknownHost, Unreachable};
    let is_away = matches!(error.kind(), Refused | Timeout | UnknownHost | Unreachable);
    let failed = kafka_failed(error);
    if is_away {
        failed.hint("--offline --dry-run shows without Kafka what becomes of the files")
    } else {
        failed
    }
}

/// What is wrong with a setting is wrong in the file that was given, or in what `--set` put in its place.
fn client_settings(session: &Session<'_>, worker: &Properties) -> Result<ClientSettings, CliError> {
    let settings = ClientSettings::from_properties(worker, session.global.timeout);
    settings.map_err(|error| {
        let mut failed = settings_failed(error);
        let file = session.args.worker.display().to_string();
        failed.error = failed.error.context(file);
        failed
    })
}

fn source_worker(
    session: &Session<'_>,
    inputs: &Inputs,
    draft: &Plan,
) -> Result<SourceWorker, CliError> {
    let standalone = inputs.deployment.worker.properties();
    let urls = if session.args.source.source_url.is_empty() {
        observe::listener_urls(&standalone)
    } else {
        session.args.source.source_url.clone()
    };
    let elsewhere = standalone.get("bootstrap.servers") != draft.worker.get("bootstrap.servers");
    let kafka = elsewhere
        .then(|| client_settings(session, &standalone))
        .transpose()?;
    Ok(SourceWorker {
        tls: session.args.rest.flags.tls(&urls, Some(&standalone))?,
        urls,
        user: session.args.rest.flags.user.clone(),
        connectors: draft
            .connectors
            .iter()
            .map(|c| c.old_name.clone())
            .collect(),
        kafka,
    })
}

/// What REST tells about the cluster behind `--url` before anything is written.
async fn check_registrar(
    rest: &ConnectRest,
    observed: &Observed,
    group: &str,
) -> Result<(), CliError> {
    let root = rest.root().await.map_err(rest_failed)?;
    let url = rest.url();
    if let (Some(theirs), Some(ours)) = (&root.kafka_cluster_id, &observed.cluster_id)
        && theirs != ours
    {
        let error = anyhow!("{url} belongs to Kafka cluster {theirs}, and the plan to {ours}");
        return Err(CliError::new(Kind::Refused, error)
            .hint("give the URL of a Connect cluster on the Kafka cluster of bootstrap.servers"));
    }
    if !root.is_native() && is_older(&root.version, (3, 7)) {
        let error = anyhow!(
            "{url} is Kafka Connect {}: it cannot create a connector as STOPPED, which is what keeps it from starting too early (3.7, KIP-980)",
            root.version
        );
        return Err(CliError::new(Kind::Refused, error).hint(
            "leave --url away: the offsets are then in the topic before the connectors are registered, and the report says how to register them",
        ));
    }
    if rest.is_healthy().await.map_err(rest_failed)? == Some(false) {
        let error = anyhow!("{url} is still starting");
        return Err(CliError::new(Kind::Refused, error)
            .hint("wait until its /health answers 200, then run the same command again"));
    }
    if !observed.is_in_use() {
        return Err(of_another_group(url, group));
    }
    Ok(())
}

/// A worker that serves is a member of its group: nobody is in ours, so it is not its worker.
fn of_another_group(url: &str, group: &str) -> CliError {
    let error = anyhow!(
        "a worker answers at {url}, and nobody is in the Connect group {group}: it is a worker of another group, which would never see these topics"
    );
    CliError::new(Kind::Refused, error).hint(format!(
        "give the URL of a worker of group {group}, or --group-id, --config-topic, --offset-topic and --status-topic as that worker has them; without --url an embedded worker registers"
    ))
}

/// A version that is not two numbers is a vendor's: it is not refused.
fn is_older(version: &str, than: (u32, u32)) -> bool {
    let mut parts = version.split(['.', '-']).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < than,
        _ => false,
    }
}

/// Inputs that do not add up are wrong usage, except where a file's contents are at fault.
fn plan_failed(error: PlanError) -> CliError {
    let kind = match error {
        PlanError::NoBootstrapServers { .. }
        | PlanError::OffsetsDamaged { .. }
        | PlanError::Worker(_) => Kind::Failed,
        _ => Kind::Usage,
    };
    let hint = error.hint();
    with_hint(CliError::new(kind, error), hint)
}

/// Returns the offsets file as it was read, for the hashes taken while its contents are copied.
pub(super) fn offsets_file(inputs: &Inputs) -> Option<(PathBuf, String)> {
    let file = inputs
        .files
        .iter()
        .find(|f| f.role == read::Role::Offsets)?;
    Some((file.path.clone(), file.sha256.clone()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_first_two_numbers() {
        assert!(is_older("3.6.2", (3, 7)));
        assert!(is_older("2.8.0", (3, 7)));
        assert!(!is_older("3.7.0", (3, 7)));
        assert!(!is_older("4.3.1", (3, 7)));
        assert!(!is_older("7-ccs", (3, 7)));
    }
}
