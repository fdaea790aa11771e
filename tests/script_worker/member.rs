//! The language of the scripts in `fixtures/scripts/member`.

use std::collections::BTreeMap;

use bytes::Bytes;
use connectctl::protocol::connect_group::{Assignment, ConnectProtocol, Subscription};
use connectctl::protocol::errors::ErrorCode;
use connectctl::worker::member::{
    Action, Event, JoinReply, Member, MemberSettings, OtherMembers, Reply, RequestFailure,
    RequestId, SyncReply,
};

use super::script::{self, Machine, Words};
use super::work;

#[test]
fn a_member_does_what_the_scripts_say() {
    script::run_all::<Member>("member");
}

impl Machine for Member {
    fn with(settings: &Words) -> Self {
        let mut member = MemberSettings::new("http://w/", 1);
        if let Some(protocol) = settings.get("protocol") {
            member.protocol = ConnectProtocol::from_config(protocol).expect("a protocol");
        }
        if settings.get("others") == Some("leave") {
            member.other_members = OtherMembers::Leave;
        }
        if let Some(most) = settings.number("rebalance-timeout") {
            member.rebalance_timeout = most;
        }
        if let Some(often) = settings.number("heartbeat-interval") {
            member.heartbeat_interval = often;
        }
        Self::new(member).expect("the intervals fit")
    }

    fn step(&mut self, now: u64, event: &Words) -> Vec<String> {
        let actions = self.step(now, event_of(event));
        actions.iter().map(rendered).collect()
    }

    fn state(&self) -> String {
        let mut state = vec![format!("{:?}", self.state())];
        if self.generation() >= 0 {
            state.push(format!("generation={}", self.generation()));
        }
        if !self.member_id().is_empty() {
            state.push(format!("member={}", self.member_id()));
        }
        if self.is_leader() {
            state.push("leader".to_owned());
        }
        if let Some(assignment) = self.assignment() {
            state.push(format!("owns=[{}]", assignment.assigned));
        }
        let deadline = self.deadline().map(|at| at.to_string());
        state.push(format!(
            "deadline={}",
            deadline.as_deref().unwrap_or("none")
        ));
        state.join(" ")
    }
}

fn event_of(words: &Words) -> Event {
    let answered = |reply| Event::Answered {
        request: RequestId(words.reference()),
        reply,
    };
    let failed = |failure| Event::Failed {
        request: RequestId(words.reference()),
        failure,
    };
    match words.name() {
        "poll" => Event::Poll,
        "timeout" => Event::Timeout,
        "config-offset" => Event::ConfigOffset(words.rest().parse().expect("an offset")),
        "rejoin" => Event::Rejoin,
        "leave" => Event::Leave {
            reason: words.rest().to_owned(),
        },
        "heartbeat-now" => Event::HeartbeatNow,
        "disconnected" => Event::Disconnected,
        "lost" => failed(RequestFailure::Lost),
        "refused" => failed(RequestFailure::Refused("wrong password".into())),
        "assigned" => assigned(words),
        "coordinator" => answered(Reply::Coordinator {
            error: error(words),
        }),
        "heartbeat" => answered(Reply::Heartbeat {
            error: error(words),
        }),
        "joined" => answered(Reply::JoinGroup(join_reply(words))),
        "synced" => answered(Reply::SyncGroup(SyncReply {
            error: error(words),
            protocol_type: words.get("type").map(str::to_owned),
            protocol_name: words.get("protocol").map(str::to_owned),
            assignment: match words.get("bytes") {
                Some(_) => Bytes::from_static(&[0, 2, 0]),
                None => assignment(words).encode().expect("short"),
            },
        })),
        _ => words.unknown(),
    }
}

/// The error by name, `error=UNKNOWN_MEMBER_ID`, or by number.
fn error(words: &Words) -> i16 {
    let Some(name) = words.get("error") else {
        return 0;
    };
    name.parse().ok().unwrap_or_else(|| {
        let code = ErrorCode::all().find(|code| code.name == name);
        code.expect("an error of Kafka's").code
    })
}

fn join_reply(words: &Words) -> JoinReply {
    let text = |key| words.get(key).unwrap_or_default().to_owned();
    let members = words.get("members").unwrap_or_default().split_whitespace();
    JoinReply {
        error: error(words),
        generation: words.number("generation").unwrap_or(-1),
        protocol_type: words.get("type").map(str::to_owned),
        protocol_name: words.get("protocol").map(str::to_owned),
        leader: text("leader"),
        skip_assignment: words.has("skip"),
        member_id: text("member"),
        members: members
            .map(|id| match id.strip_suffix('!') {
                Some(id) => (id.to_owned(), Bytes::from_static(&[0])),
                None => (id.to_owned(), metadata()),
            })
            .collect(),
    }
}

fn metadata() -> Bytes {
    let subscription = Subscription {
        version: 2,
        url: "http://w/".to_owned(),
        config_offset: -1,
        allocation: None,
    };
    subscription.encode().expect("short")
}

fn assignment(words: &Words) -> Assignment {
    let leader = words.get("leader").unwrap_or("m-1");
    Assignment {
        version: words.number("version").unwrap_or(2),
        error: i16::from(words.has("mismatch")),
        leader: leader.to_owned(),
        leader_url: "http://leader/".to_owned(),
        config_offset: words.number("offset").unwrap_or(0),
        assigned: work(words.get("assigned").unwrap_or_default()),
        revoked: work(words.get("revoked").unwrap_or_default()),
        delay_ms: words.number("delay").unwrap_or(0),
    }
}

/// `assigned generation=1 members=[m-1 m-2]`: everybody gets what the other words say.
fn assigned(words: &Words) -> Event {
    let members = words.get("members").unwrap_or("m-1").split_whitespace();
    let assignments: BTreeMap<_, _> = members
        .map(|id| (id.to_owned(), assignment(words)))
        .collect();
    Event::Assigned {
        generation: words.number("generation").unwrap_or(-1),
        assignments,
    }
}

fn rendered(action: &Action) -> String {
    match action {
        Action::FindCoordinator { request } => format!("find-coordinator #{}", request.0),
        Action::Disconnect => "disconnect".to_owned(),
        Action::JoinGroup(join) => {
            let offers: Vec<_> = join.protocols.iter().map(|(name, _)| *name).collect();
            let (_, best) = join.protocols.first().expect("something is offered");
            let best = Subscription::decode(best).expect("ours");
            let owns = best.allocation.map_or_else(
                || "null".to_owned(),
                |a| {
                    format!(
                        "[{}] offset={} delay={}",
                        a.assigned, a.config_offset, a.delay_ms
                    )
                },
            );
            let reason = match join.reason.as_str() {
                "" => String::new(),
                reason => format!(" reason=[{reason}]"),
            };
            format!(
                "join-group #{} member={} offers=[{}] config-offset={} allocation={owns} session={} rebalance={} timeout={}{reason}",
                join.request.0,
                named(&join.member_id),
                offers.join(" "),
                best.config_offset,
                join.session_timeout_ms,
                join.rebalance_timeout_ms,
                join.timeout,
            )
        }
        Action::Assign(round) => {
            let members: Vec<_> = round.members.iter().map(|(id, _)| id.as_str()).collect();
            format!(
                "assign generation={} last={} protocol={} leader={} members=[{}]",
                round.generation,
                round.last_generation,
                round.protocol,
                round.leader,
                members.join(" ")
            )
        }
        Action::SyncGroup(sync) => {
            let members: Vec<_> = sync.assignments.iter().map(|(id, _)| id.as_str()).collect();
            format!(
                "sync-group #{} generation={} member={} protocol={} assignments=[{}]",
                sync.request.0,
                sync.generation,
                sync.member_id,
                sync.protocol,
                members.join(" ")
            )
        }
        Action::Heartbeat {
            request,
            generation,
            member_id,
        } => format!(
            "heartbeat #{} generation={generation} member={member_id}",
            request.0
        ),
        Action::LeaveGroup {
            request,
            member_id,
            reason,
        } => format!(
            "leave-group #{} member={member_id} reason=[{reason}]",
            request.0
        ),
        Action::Revoke(work) => format!("revoke [{work}]"),
        Action::Assigned(membership) => {
            let assignment = &membership.assignment;
            let role = if membership.is_leader {
                "leader".to_owned()
            } else {
                format!("follower of {}", assignment.leader)
            };
            let failed = if assignment.failed() { " mismatch" } else { "" };
            format!(
                "assigned generation={} member={} protocol={} offset={} owns=[{}] delay={}{failed}, {role}",
                membership.generation,
                membership.member_id,
                membership.protocol,
                assignment.config_offset,
                assignment.assigned,
                assignment.delay_ms,
            )
        }
        Action::NotAlone { leader, others } => {
            format!("not-alone leader={leader} others=[{}]", others.join(" "))
        }
        Action::Fail(error) => format!("fail: {error}"),
    }
}

fn named(member_id: &str) -> &str {
    if member_id.is_empty() {
        "new"
    } else {
        member_id
    }
}
