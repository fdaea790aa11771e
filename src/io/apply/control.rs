//! The control run of an approved plan: an embedded worker registers, verifies, leaves, and sets the final states.

use crate::io::embedded::{self, Job, Progress, Topics};
use crate::model::connector_config::TargetState;
use crate::model::worker_config::StorageRole;
use crate::plan::{ConnectorKind, ConnectorPlan, Plan, Registration, Step};
use crate::worker::control::{self, Connector};

use super::files::keep_configuration;
use super::{ApplyError, Means, Target, groups};

/// Runs it and returns its report; a broken promise is a result, not an error.
pub(super) async fn run(
    plan: &Plan,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<control::Report, ApplyError> {
    let job = job(plan, target);
    let step = Step::Control(plan.group_id.clone());
    let total = job.connectors.len() * 3;
    means.journal.begin(step, Some(total));
    let _told_of_ctrl_c = means.interrupt.hold();
    let journal = means.journal;
    let watcher = |progress| match progress {
        Progress::Written(records) => journal.advance(records.min(total)),
        Progress::Joining => tracing::info!("the embedded worker joins the group"),
        Progress::Checking(check) => tracing::info!(?check, "the embedded worker checks"),
        Progress::Leaving => tracing::info!("the embedded worker leaves the group"),
    };
    for replaced in job
        .connectors
        .iter()
        .filter(|c| c.registration == control::Registration::Update)
    {
        keep_configuration(&replaced.name, target, means)?;
    }
    let interrupted = means.interrupt.raised();
    let report = embedded::control(target.cluster, job, interrupted, watcher).await?;
    if report.is_broken() || report.interrupted {
        means.journal.fail(&report);
    } else {
        means.journal.end(report.to_string());
    }
    Ok(report)
}

fn job(plan: &Plan, target: Target<'_>) -> Job {
    let topic = |role| plan.topic(role).wanted.name.clone();
    let moving = || plan.connectors.iter().filter(|c| !c.already_moved);
    let replaced = moving().filter(|c| c.registration == Registration::Update);
    let stored = |c: &ConnectorPlan| {
        let stored = target.observed.stored_connectors.get(&c.name)?;
        Some((c.name.clone(), stored.config.clone()))
    };
    Job {
        worker: plan.worker.clone(),
        group: plan.group_id.clone(),
        topics: Topics {
            config: topic(StorageRole::Config),
            offset: topic(StorageRole::Offset),
            status: topic(StorageRole::Status),
        },
        cluster_id: target.observed.cluster_id.clone(),
        connectors: moving()
            .filter_map(|planned| connector(planned, plan.runs))
            .collect(),
        positions: plan.positions.clone(),
        has_sources: moving().any(|c| c.kind != ConnectorKind::Sink),
        in_any_place: plan.in_any_place(),
        replaced: replaced.filter_map(stored).collect(),
        sink_groups: groups::expected(plan, target, |_| true),
        unseen_groups: plan.unseen_groups(),
    }
}

/// A connector that is to run here gets its final state after that.
fn connector(planned: &ConnectorPlan, runs: bool) -> Option<Connector> {
    Some(Connector {
        name: planned.name.clone(),
        config: planned.config.clone(),
        registration: match planned.registration {
            Registration::NotPlanned => return None,
            Registration::Create => control::Registration::Create,
            Registration::Update => control::Registration::Update,
            Registration::Present => control::Registration::Present,
        },
        final_state: if runs {
            TargetState::Stopped
        } else {
            planned.final_state
        },
    })
}
