//! What members hear and say, in a line each.

use connectctl::protocol::connect_group::{Assignment, Subscription};
use connectctl::worker::member::{Action, Event, Reply};

pub(super) fn heard(event: &Event) -> String {
    match event {
        Event::Answered { reply, .. } => match reply {
            Reply::Coordinator { error } => format!("coordinator, error {error}"),
            Reply::Heartbeat { error } => format!("heartbeat, error {error}"),
            Reply::JoinGroup(r) => format!(
                "joined as {:?}, generation {}, leader {:?}, error {}",
                r.member_id, r.generation, r.leader, r.error
            ),
            Reply::SyncGroup(r) => match Assignment::decode(&r.assignment) {
                Ok(assignment) if r.error == 0 => brief(&assignment),
                _ => format!("synced, error {}", r.error),
            },
        },
        Event::Assigned {
            generation,
            assignments,
        } => {
            let mut text = format!("decided on generation {generation}");
            for (id, assignment) in assignments {
                text += "; ";
                text += id;
                text += ": ";
                text += &brief(assignment);
            }
            text
        }
        other => format!("{other:?}"),
    }
}

fn brief(assignment: &Assignment) -> String {
    let Assignment {
        version,
        error,
        config_offset,
        assigned,
        revoked,
        delay_ms,
        ..
    } = assignment;
    format!(
        "v{version} error {error} offset {config_offset} delay {delay_ms} +[{assigned}] -[{revoked}]"
    )
}

pub(super) fn said(action: &Action) -> String {
    match action {
        Action::JoinGroup(join) => {
            let (name, metadata) = &join.protocols[0];
            let owned = Subscription::decode(metadata)
                .ok()
                .and_then(|s| s.allocation);
            let owned = owned.map_or_else(|| "nothing".to_owned(), |a| a.assigned.to_string());
            format!(
                "joins as {:?} by {name}, owning {owned}: {:?}",
                join.member_id, join.reason
            )
        }
        Action::Assign(round) => format!(
            "leads generation {} after {}",
            round.generation, round.last_generation
        ),
        Action::SyncGroup(sync) => format!("syncs generation {}", sync.generation),
        Action::Revoke(work) => format!("stops {work}"),
        Action::Assigned(m) => format!(
            "is in generation {} and owns {}",
            m.generation, m.assignment.assigned
        ),
        other => format!("{other:?}"),
    }
}
