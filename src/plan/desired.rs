//! Makes the plan: reads top to bottom what follows from what.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::properties::Properties;
use crate::model::secrets;
use crate::model::worker_config::StorageTopics;
use crate::plan::connectors::Moving;
use crate::plan::findings::{self, Evidence};
use crate::plan::positions::Positions;
use crate::plan::worker_file::Converted;
use crate::plan::{
    Choices, Class, ClusterSummary, ConnectorKind, ConnectorPlan, Deployment, FileChange,
    FileState, Finding, GroupCopy, Observed, OffsetsInput, Plan, PlanError, Reason, Registrar,
    Verification,
};
use crate::plan::{
    connectors, kinds, naming, ownership, positions, seed, stopped, topics, worker_file,
};

/// Makes the plan for a deployment.
///
/// `observed: None` is `--offline`: the files only. Calling it so first also tells what an observation must look at:
/// [`Plan::topics`] and [`Plan::sink_groups`].
///
/// # Errors
/// The inputs do not add up to a plan. What could be planned but must not be done is no error: see [`Plan::blocked`].
pub fn make(
    deployment: &Deployment,
    choices: &Choices,
    observed: Option<&Observed>,
) -> Result<Plan, PlanError> {
    let source = deployment.worker.properties();
    let mut moving = connectors::moving(deployment, choices)?;
    let names: Vec<&str> = moving.iter().map(|m| m.name.as_str()).collect();
    let converted = worker_file::convert(deployment, choices, observed, &names)?;
    let positions = positions::of_plan(&deployment.offsets, &moving, &choices.renames);
    correct_kinds(&mut moving, &positions);
    let target = &converted.properties;
    connectors::find_groups(&mut moving, &deployment.followed, &source, target);

    ownership::mark_moved(
        &mut moving,
        &positions,
        &deployment.offsets,
        choices,
        observed,
    );
    connectors::refuse_lost_groups(&moving)?;
    let storage = StorageTopics::from_properties(&converted.properties)?;
    let topics = topics::plan(&storage, observed);
    let registrar = ownership::registrar(choices, observed);
    let ownership = ownership::judge(&moving, observed, registrar == Registrar::Rest);
    let [_, offset_topic, _] = &topics;
    let seeding = seed::plan(&moving, &positions, choices, observed, Some(offset_topic));
    let to_move: Vec<&Moving<'_>> = moving.iter().filter(|m| !m.moved).collect();
    let judgement = stopped::judge(deployment, choices, observed, &source, &to_move);
    // A worker that is at work may just be writing its file, and is the better reason not to go on.
    if judgement.at_work.is_empty() && (observed.is_some() || choices.offline) {
        refuse_damaged_offsets(&deployment.offsets, &to_move)?;
    }

    let evidence = Evidence {
        deployment,
        choices,
        observed,
        source: &source,
        converted: &converted,
        moving: &moving,
        positions: &positions,
        seeding: &seeding,
        storage: &storage,
        topics: &topics,
        ownership: &ownership,
        judgement: &judgement,
    };
    let findings = findings::all(&evidence);
    let reasons_to_stay = blocked_by_subject(&findings);
    let connectors = moving
        .iter()
        .zip(&seeding.of)
        .zip(&positions.of)
        .map(|((m, compared), of)| ConnectorPlan {
            cannot_move: reasons_to_stay
                .get(m.name.as_str())
                .cloned()
                .unwrap_or_default(),
            ..one(m, compared, of, observed, registrar)
        })
        .collect();
    Ok(Plan {
        files: files(deployment, &moving, &converted),
        reasons: reasons_in_file_order(converted.reasons),
        worker: converted.properties,
        group_id: converted.group_id,
        topics,
        connectors,
        findings,
        group_copies: group_copies(&moving, choices, observed),
        delete_groups: delete_groups(&moving, choices, observed),
        stopped: judgement.stopped,
        ownership,
        offsets: positions::summary(deployment, &positions),
        register_on: choices.register_on.clone(),
        registrar,
        runs: registrar == Registrar::Control && choices.verify == Verification::Run,
        positions: Arc::new(seeding.expected),
        cluster: observed.map(|o| ClusterSummary {
            id: o.cluster_id.clone(),
            brokers: o.brokers.len(),
        }),
        seed: seeding.records,
        delete_offsets: seeding.of_old_names,
    })
}

/// A class that only its `topics` setting made a sink is none if the offsets file has positions of it: sinks have none.
fn correct_kinds(moving: &mut [Moving<'_>], positions: &Positions) {
    for (connector, of) in moving.iter_mut().zip(&positions.of) {
        let said = connector.running.map(|r| r.kind.as_str());
        if connector.kind == ConnectorKind::Sink
            && !of.positions.is_empty()
            && said != Some("sink")
            && !kinds::is_certain(&connector.class)
        {
            connector.kind = ConnectorKind::Unknown;
        }
    }
}

/// Nothing tells what a damaged file had: it stops every connector that is not a sink for certain.
fn refuse_damaged_offsets(
    offsets: &OffsetsInput,
    to_move: &[&Moving<'_>],
) -> Result<(), PlanError> {
    let OffsetsInput::Damaged(file) = offsets else {
        return Ok(());
    };
    let is_sink = |m: &&&Moving<'_>| {
        m.kind == ConnectorKind::Sink
            && (kinds::is_certain(&m.class) || m.running.is_some_and(|r| r.kind == "sink"))
    };
    match to_move.iter().find(|m| !is_sink(m)) {
        None => Ok(()),
        Some(connector) => Err(PlanError::OffsetsDamaged {
            why: file.why.clone(),
            remedy: file.remedy.clone(),
            connector: connector.name.clone(),
        }),
    }
}

fn blocked_by_subject(findings: &[Finding]) -> HashMap<&str, Vec<String>> {
    let mut by_subject: HashMap<&str, Vec<String>> = HashMap::new();
    for finding in findings {
        if finding.class == Class::Block && !finding.accepted {
            let messages = by_subject.entry(&finding.subject).or_default();
            messages.push(finding.message.clone());
        }
    }
    by_subject
}

fn one(
    connector: &Moving<'_>,
    compared: &seed::Compared,
    of: &positions::OfConnector,
    observed: Option<&Observed>,
    registrar: Registrar,
) -> ConnectorPlan {
    let group = connector.old_group.as_ref();
    let positions = group
        .and_then(|g| Some(observed?.sink_groups.get(g)?.positions.clone()))
        .unwrap_or_default();
    ConnectorPlan {
        name: connector.name.clone(),
        old_name: connector.old_name.clone(),
        kind: connector.kind,
        class: connector.class.clone(),
        config: connector.config.clone(),
        entries: of.positions.len(),
        to_seed: compared.to_seed,
        group: connector.group.clone(),
        old_group: connector.old_group.clone(),
        unseen_group: connector.unseen_group.as_ref().map(|group| group.why),
        positions,
        already_moved: connector.moved,
        final_state: connector.final_state,
        registration: ownership::registration(connector, observed, registrar),
        cannot_move: Vec::new(),
    }
}

fn files(deployment: &Deployment, moving: &[Moving<'_>], converted: &Converted) -> Vec<FileChange> {
    let stems = naming::file_stems(moving.iter().map(|m| m.name.as_str()));
    let worker = FileChange {
        path: PathBuf::from("distributed.properties"),
        before: Some(deployment.worker.document.to_bytes()),
        after: converted.document.to_bytes(),
        secret: holds_secrets(&converted.properties),
        state: FileState::Unknown,
    };
    let connectors = moving.iter().map(|connector| {
        let stem = &stems[connector.name.as_str()];
        connectors::json_file(connector, stem, holds_secrets(&connector.config))
    });
    std::iter::once(worker).chain(connectors).collect()
}

fn holds_secrets(settings: &Properties) -> bool {
    settings
        .iter()
        .any(|(key, value)| secrets::shown(key, value) != value.as_str())
}

/// Positions of renamed sinks that the new group lacks, or has otherwise and `--overwrite-offsets` replaces.
fn group_copies(
    moving: &[Moving<'_>],
    choices: &Choices,
    observed: Option<&Observed>,
) -> Vec<GroupCopy> {
    let Some(observed) = observed else {
        return Vec::new();
    };
    let renamed = moving.iter().filter(|m| m.old_group != m.group);
    renamed
        .filter(|m| !m.moved)
        .filter_map(|m| {
            let (from, to) = (m.old_group.clone()?, m.group.clone()?);
            let has = observed.sink_groups.get(&to);
            let overwrites = ownership::may_overwrite(m, choices, Some(observed));
            let lacks = |at: &(String, i32), wanted: i64| {
                let held = has.and_then(|g| g.positions.get(at));
                held.is_none_or(|held| overwrites && held.committed != wanted)
            };
            let positions: BTreeMap<(String, i32), i64> = observed
                .sink_groups
                .get(&from)?
                .positions
                .iter()
                .filter(|(at, position)| lacks(at, position.committed))
                .map(|(at, position)| (at.clone(), position.committed))
                .collect();
            let connector = m.name.clone();
            (!positions.is_empty()).then_some(GroupCopy {
                connector,
                from,
                to,
                positions,
            })
        })
        .collect()
}

fn delete_groups(
    moving: &[Moving<'_>],
    choices: &Choices,
    observed: Option<&Observed>,
) -> Vec<String> {
    if !choices.delete_old {
        return Vec::new();
    }
    let old = moving
        .iter()
        .filter(|m| m.old_group != m.group && !ownership::is_old_name_alive(m, moving, observed));
    let in_use = |group: &String| moving.iter().any(|m| m.group.as_ref() == Some(group));
    let mut groups: Vec<String> = old
        .filter_map(|m| m.old_group.clone())
        .filter(|group| observed.is_some_and(|o| o.sink_groups.contains_key(group)))
        .filter(|group| !in_use(group))
        .collect();
    groups.sort();
    groups.dedup();
    groups
}

/// Removed lines first where they stood, then the additions in the order in which they are written.
fn reasons_in_file_order(mut reasons: Vec<Reason>) -> Vec<Reason> {
    reasons.sort_by_key(|reason| reason.line.unwrap_or(usize::MAX));
    reasons
}

/// `OffsetsInput::Declined` or a file that is not there leave every source without a position.
pub(crate) fn has_no_positions(offsets: &OffsetsInput) -> bool {
    match offsets {
        OffsetsInput::Declined | OffsetsInput::Missing(_) | OffsetsInput::Damaged(_) => true,
        OffsetsInput::File(file) => file.length == 0,
    }
}
