//! The Connect group, a round in a scratch group, transactional ids, and the groups of sinks.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use super::Patient;
use super::finding::Finding;
use super::registered::Registered;
use crate::io::embedded;
use crate::io::kafka::acl::{Acl, Pattern};
use crate::io::kafka::cluster::Cluster;
use crate::io::observe::connect_group;

/// What the protocol type of a Connect group is called.
const CONNECT: &str = "connect";

/// Task ids that are asked one by one; of the others the first tell.
const ASKED_SINGLY: usize = 50;

/// Whether the principal may be a member of the real group, and who is.
pub(super) async fn permission(cluster: &Cluster, group: &str) -> Finding {
    match may_join(cluster, group).await {
        Ok(true) => {}
        Ok(false) => return Finding::lacking(&cluster.settings().caller(), &[read(group)]),
        Err(finding) => return finding,
    }
    let found = match connect_group(cluster, group).await {
        Ok(Some(found)) => found,
        Ok(None) => return Finding::not_known(format!("the coordinator did not tell of {group}")),
        Err(error) => return Finding::failed(&error),
    };
    let members = found.members.len();
    if members > 0 && found.protocol_type != CONNECT {
        return Finding::broken(format!(
            "{group} is in use as a group of type {}: workers are refused",
            found.protocol_type
        ))
        .hint(Some("Set another group.id.".to_owned()));
    }
    Finding::kept(match members {
        0 => format!("{group} may be joined; nobody is in it"),
        1 => format!("{group} may be joined; 1 worker is in it"),
        several => format!("{group} may be joined; {several} workers are in it"),
    })
}

/// Returns whether a group may be joined; a failure other than a lack of permission is a finding.
async fn may_join(cluster: &Cluster, group: &str) -> Result<bool, Finding> {
    let asked = cluster.group_permissions(&[group.to_owned()]).await;
    let mut asked = asked.map_err(|error| Finding::failed(&error))?;
    match asked.remove(group) {
        Some(Ok(allowed)) => Ok(allowed),
        Some(Err(error)) if error.is_authorization() => Ok(false),
        Some(Err(error)) => Err(Finding::refused(&error)),
        None => Err(Finding::not_known("the coordinator did not answer")),
    }
}

fn read(group: &str) -> Acl {
    Acl {
        operation: "Read",
        on: Pattern::Group(group.to_owned()),
    }
}

/// Joins a scratch group as a worker joins, leads a round and leaves.
pub(super) async fn round(cluster: &Cluster, patient: &Patient) -> Finding {
    let scratch = scratch_group(&patient.group);
    match may_join(cluster, &scratch).await {
        Ok(true) => {}
        Ok(false) => {
            return Finding::not_known(format!(
                "not tried: the scratch group {scratch} may not be joined, and need not be; a prefixed ACL on {} allows it",
                patient.group
            ));
        }
        Err(finding) => return finding,
    }
    match embedded::rehearse(cluster, &patient.worker, &scratch).await {
        Ok(_) => Finding::kept(format!("{scratch} joined, led and left")),
        Err(error) => {
            Finding::broken(format!("in the scratch group {scratch}: {error}")).hint(error.hint())
        }
    }
}

/// Begins with the real group's id, so that a prefixed ACL covers both.
fn scratch_group(group: &str) -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{group}-{}-{:08x}", super::PROBE, random & 0xffff_ffff)
}

/// Asks for the transactional ids of exactly-once support: the leader's, and the first task's of every source.
pub(super) async fn transactional_ids(
    cluster: &Cluster,
    group: &str,
    sources: &[String],
) -> Finding {
    // `DistributedConfig.transactionalProducerId` and `Worker.taskTransactionalId`.
    let leader = format!("connect-cluster-{group}");
    let tasks = sources.iter().take(ASKED_SINGLY);
    let tasks = tasks.map(|source| format!("{group}-{source}-0"));
    let ids: Vec<String> = std::iter::once(leader).chain(tasks).collect();
    let mut lacking = Vec::new();
    for id in &ids {
        match cluster.may_use_transactional_id(id).await {
            Ok(()) => {}
            // Whoever may write may describe.
            Err(error) if error.is_authorization() => lacking.push(Acl {
                operation: "Write",
                on: Pattern::TransactionalId(id.clone()),
            }),
            Err(error) => return Finding::failed(&error),
        }
    }
    if !lacking.is_empty() {
        return Finding::lacking(&cluster.settings().caller(), &lacking);
    }
    let more = match sources.len().checked_sub(ASKED_SINGLY) {
        None | Some(0) => String::new(),
        Some(more) => format!("; those of {more} more connectors were not asked"),
    };
    Finding::kept(format!("{} may be written{more}", ids.join(", ")))
}

/// Asks whether the consumers of the sinks may be in their groups.
pub(super) async fn sinks(consumers: &Cluster, registered: &Registered) -> Finding {
    let groups = &registered.sink_groups;
    let own = match registered.own_logins {
        0 => String::new(),
        1 => "; 1 sink has a login of its own and was not asked".to_owned(),
        several => format!("; {several} sinks have logins of their own and were not asked"),
    };
    if groups.is_empty() {
        return match registered.own_logins {
            0 => Finding::kept("no sink is registered"),
            _ => Finding::not_known(own.trim_start_matches("; ")),
        };
    }
    let asked = match consumers.group_permissions(groups).await {
        Ok(asked) => asked,
        Err(error) => return Finding::failed(&error),
    };
    let mut lacking = Vec::new();
    for (group, allowed) in asked {
        match allowed {
            Ok(true) => {}
            Ok(false) => lacking.push(read(&group)),
            Err(error) if error.is_authorization() => lacking.push(read(&group)),
            Err(error) => return Finding::refused(&error),
        }
    }
    if !lacking.is_empty() {
        return Finding::lacking(&consumers.settings().caller(), &lacking);
    }
    let groups = match groups.as_slice() {
        [one] => one.clone(),
        several => format!("{} groups", several.len()),
    };
    Finding::kept(format!("{groups} may be joined{own}"))
}
