//! The plan for programs. The keys are a contract: `docs/plan-json.md`.

use serde_json::{Map, Value, json};

use crate::model::connector_config::TargetState;
use crate::model::secrets;
use crate::plan::{
    ConnectorPlan, FileChange, Ownership, Plan, Stopped, TopicPlan, TopicState, diff,
};

/// Returns the plan with stable keys and hidden secrets. Offsets are counted, not listed: there may be a million.
pub fn json(plan: &Plan) -> Value {
    let (stopped, stopped_why) = stopped(&plan.stopped);
    let (ownership, ownership_why) = ownership(&plan.ownership);
    json!({
        "group_id": plan.group_id,
        "cluster": plan.cluster,
        "standalone_stopped": stopped,
        "standalone_stopped_why": stopped_why,
        "ownership": ownership,
        "ownership_why": ownership_why,
        "files": plan.files.iter().map(file).collect::<Vec<_>>(),
        "reasons": plan.reasons,
        "topics": plan.topics.iter().map(topic).collect::<Vec<_>>(),
        "connectors": plan.connectors.iter().map(connector).collect::<Vec<_>>(),
        "offsets": plan.offsets,
        "seed": plan.seed.len(),
        "group_copies": plan.group_copies.iter().map(|copy| json!({
            "connector": copy.connector,
            "from": copy.from,
            "to": copy.to,
            "partitions": copy.positions.len(),
        })).collect::<Vec<_>>(),
        "delete_offsets": plan.delete_offsets.len(),
        "delete_groups": plan.delete_groups,
        "register_on": plan.register_on.iter().map(|url| secrets::redact_url(url)).collect::<Vec<_>>(),
        "findings": plan.findings,
        "blocked": plan.blocked().count(),
        "steps": plan.steps().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn stopped(stopped: &Stopped) -> (&'static str, Option<&str>) {
    match stopped {
        Stopped::Proven(how) => ("proven", Some(how)),
        Stopped::Asserted => ("asserted", None),
        Stopped::Unknown(why) => ("unknown", Some(why)),
    }
}

fn ownership(ownership: &Ownership) -> (&'static str, &[String]) {
    match ownership {
        Ownership::Unknown => ("unknown", &[]),
        Ownership::Fresh => ("fresh", &[]),
        Ownership::Ours => ("ours", &[]),
        Ownership::Foreign(shown) => ("foreign", shown),
    }
}

fn file(file: &FileChange) -> Value {
    json!({
        "path": file.path.display().to_string(),
        "state": file.state,
        "secret": file.secret,
        "diff": diff::of(file).iter().map(diff::Line::text).collect::<Vec<_>>(),
    })
}

fn topic(topic: &TopicPlan) -> Value {
    let wanted = &topic.wanted;
    let (state, wrong): (_, &[String]) = match &topic.state {
        TopicState::Unknown => ("unknown", &[]),
        TopicState::Missing => ("missing", &[]),
        TopicState::Hidden => ("hidden", &[]),
        TopicState::SettingsHidden => ("settings-hidden", &[]),
        TopicState::Right => ("right", &[]),
        TopicState::Wrong(what) => ("wrong", what),
    };
    json!({
        "role": wanted.role,
        "name": wanted.name,
        "partitions": wanted.partitions,
        "replication_factor": wanted.replication_factor,
        "configs": wanted.configs,
        "state": state,
        "wrong": wrong,
    })
}

fn connector(connector: &ConnectorPlan) -> Value {
    let config: Map<String, Value> = connector
        .config
        .iter()
        .map(|(key, value)| (key.clone(), secrets::shown(key, value).into()))
        .collect();
    let positions: Vec<Value> = connector
        .positions
        .iter()
        .map(|((topic, partition), position)| {
            json!({
                "topic": topic,
                "partition": partition,
                "committed": position.committed,
                "end": position.end,
            })
        })
        .collect();
    json!({
        "name": connector.name,
        "old_name": connector.old_name,
        "kind": connector.kind,
        "class": connector.class,
        "config": config,
        "entries": connector.entries,
        "to_seed": connector.to_seed,
        "group": connector.group,
        "old_group": connector.old_group,
        "positions": positions,
        "already_moved": connector.already_moved,
        "final_state": match connector.final_state {
            TargetState::Started => "running",
            TargetState::Paused => "paused",
            TargetState::Stopped => "stopped",
        },
        "registration": connector.registration,
        "cannot_move": connector.cannot_move,
    })
}
