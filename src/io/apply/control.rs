//! The control run of an approved plan: an embedded worker registers, verifies, leaves, and sets the final states.

use std::collections::BTreeMap;

use crate::io::embedded::{self, Job, Progress, Topics};
use crate::model::worker_config::StorageRole;
use crate::plan::{ConnectorPlan, Plan, Registration, Step};
use crate::worker::control::{self, Connector};

use super::{ApplyError, Means, Target};

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
    Job {
        worker: plan.worker.clone(),
        group: plan.group_id.clone(),
        topics: Topics {
            config: topic(StorageRole::Config),
            offset: topic(StorageRole::Offset),
            status: topic(StorageRole::Status),
        },
        cluster_id: target.observed.cluster_id.clone(),
        connectors: moving().filter_map(connector).collect(),
        positions: plan.positions.clone(),
        sink_groups: moving()
            .filter_map(|c| c.group.clone())
            .map(|group| {
                let positions = expected(&group, plan, target);
                (group, positions)
            })
            .collect(),
    }
}

fn connector(planned: &ConnectorPlan) -> Option<Connector> {
    Some(Connector {
        name: planned.name.clone(),
        config: planned.config.clone(),
        registration: match planned.registration {
            Registration::NotPlanned => return None,
            Registration::Create => control::Registration::Create,
            Registration::Update => control::Registration::Update,
            Registration::Present => control::Registration::Present,
        },
        final_state: planned.final_state,
    })
}

/// Where a sink's group stood when it was looked at, with what a rename has copied to it since.
fn expected(group: &str, plan: &Plan, target: Target<'_>) -> BTreeMap<(String, i32), i64> {
    let observed = target.observed.sink_groups.get(group);
    let stood = observed.into_iter().flat_map(|group| &group.positions);
    let mut positions: BTreeMap<_, _> = stood
        .map(|(at, position)| (at.clone(), position.committed))
        .collect();
    for copy in plan.group_copies.iter().filter(|copy| copy.to == group) {
        positions.extend(copy.positions.clone());
    }
    positions
}
