//! What scripts do not say: properties that hold at every step. The scripts are in `fixtures/scripts/member`.

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    Action, Event, JoinReply, Member, MemberError, MemberSettings, MemberState, OtherMembers,
    Reply, RequestFailure, RequestId, SyncReply,
};
use crate::protocol::connect_group::{Assignment, Work};

fn assignment(leader: &str) -> Assignment {
    Assignment {
        version: 2,
        error: Assignment::OK,
        leader: leader.to_owned(),
        leader_url: "http://a/".to_owned(),
        config_offset: 3,
        assigned: Work::default(),
        revoked: Work::default(),
        delay_ms: 0,
    }
}

fn member(other_members: OtherMembers) -> Member {
    let settings = MemberSettings {
        other_members,
        ..MemberSettings::new("http://a/", 7)
    };
    Member::new(settings).expect("the default intervals fit")
}

fn request_of(actions: &[Action]) -> RequestId {
    let request = |action: &Action| match action {
        Action::FindCoordinator { request } | Action::Heartbeat { request, .. } => Some(*request),
        Action::JoinGroup(join) => Some(join.request),
        Action::SyncGroup(sync) => Some(sync.request),
        _ => None,
    };
    actions.iter().find_map(request).expect("a request")
}

fn answer(member: &mut Member, now: u64, asked: &[Action], reply: Reply) -> Vec<Action> {
    let request = request_of(asked);
    member.step(now, Event::Answered { request, reply })
}

fn join_reply(members: &[&str]) -> Reply {
    let metadata = Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    Reply::JoinGroup(JoinReply {
        generation: 1,
        protocol_name: Some("sessioned".to_owned()),
        leader: "m".to_owned(),
        member_id: "m".to_owned(),
        members: members
            .iter()
            .map(|id| ((*id).to_owned(), metadata.clone()))
            .collect(),
        ..JoinReply::default()
    })
}

fn stable(other_members: OtherMembers) -> Member {
    let mut member = member(other_members);
    let actions = member.step(0, Event::Poll);
    let actions = answer(&mut member, 1, &actions, Reply::Coordinator { error: 0 });
    let actions = answer(&mut member, 2, &actions, join_reply(&["m"]));
    assert!(matches!(actions[..], [Action::Assign(_)]), "{actions:?}");
    let assigned = Event::Assigned {
        generation: 1,
        assignments: [("m".to_owned(), assignment("m"))].into(),
    };
    let actions = member.step(3, assigned);
    let reply = Reply::SyncGroup(SyncReply {
        assignment: assignment("m").encode().expect("short"),
        ..SyncReply::default()
    });
    let actions = answer(&mut member, 4, &actions, reply);
    assert!(matches!(actions[..], [Action::Assigned(_)]), "{actions:?}");
    member
}

#[test]
fn a_lone_member_becomes_the_leader_of_its_group() {
    let member = stable(OtherMembers::Leave);
    assert_eq!(member.state(), MemberState::Stable);
    assert!(member.is_leader() && !member.is_rebalancing());
    assert_eq!(member.confirmed(), Some(3));
    assert_eq!(member.deadline(), Some(2 + 3_000));
}

#[test]
fn a_member_that_must_be_alone_leaves_before_it_syncs() {
    let mut member = member(OtherMembers::Leave);
    let actions = member.step(0, Event::Poll);
    let actions = answer(&mut member, 1, &actions, Reply::Coordinator { error: 0 });
    let actions = answer(&mut member, 2, &actions, join_reply(&["m", "other"]));
    let [
        Action::LeaveGroup { member_id, .. },
        Action::NotAlone { leader, others },
    ] = &actions[..]
    else {
        panic!("{actions:?}");
    };
    assert_eq!((member_id.as_str(), leader.as_str()), ("m", "m"));
    assert_eq!(others, &["other"]);
    assert_eq!(member.state(), MemberState::Stopped);
    assert_eq!(member.step(9, Event::Poll), []);
    assert_eq!(member.deadline(), None);
}

#[test]
fn a_heartbeat_on_demand_confirms_the_generation() {
    let mut member = stable(OtherMembers::Accept);
    member.step(5, Event::Poll);
    let actions = member.step(50, Event::HeartbeatNow);
    assert!(matches!(
        actions[..],
        [Action::Heartbeat { generation: 1, .. }]
    ));
    answer(&mut member, 60, &actions, Reply::Heartbeat { error: 0 });
    assert_eq!(member.confirmed(), Some(50));
    assert_eq!(member.deadline(), Some(50 + 3_000));
}

#[test]
fn intervals_that_cannot_keep_a_session_are_refused() {
    let settings = MemberSettings {
        heartbeat_interval: 10_000,
        ..MemberSettings::new("http://a/", 7)
    };
    let error = Member::new(settings).expect_err("it is too long");
    assert!(matches!(error, MemberError::Interval { .. }));
    assert_eq!(
        error.to_string(),
        "heartbeat.interval.ms (10000) must be less than session.timeout.ms (10000)"
    );
}

/// What may happen to a member, in any order.
#[derive(Debug, Clone)]
enum Happening {
    Event(Event),
    /// The oldest request without answer gets this error.
    Answer(i16),
    /// The oldest request without answer is lost.
    Lost,
    /// The deadline comes.
    Deadline,
}

fn happening() -> impl Strategy<Value = Happening> {
    let error = prop::sample::select(
        &[
            0_i16, 0, 0, 0, 0, 0, 14, 15, 16, 22, 25, 27, 79, 82, 30, 23, -1,
        ][..],
    );
    prop_oneof![
        8 => error.prop_map(Happening::Answer),
        4 => Just(Happening::Deadline),
        3 => Just(Happening::Event(Event::Poll)),
        1 => Just(Happening::Event(Event::Rejoin)),
        1 => Just(Happening::Event(Event::Disconnected)),
        1 => Just(Happening::Event(Event::HeartbeatNow)),
        1 => Just(Happening::Event(Event::Leave { reason: "test".to_owned() })),
        1 => Just(Happening::Event(Event::ConfigOffset(5))),
        1 => Just(Happening::Lost),
    ]
}

fn reply_to(action: &Action, error: i16) -> Option<(RequestId, Reply)> {
    Some(match action {
        Action::FindCoordinator { request } => (*request, Reply::Coordinator { error }),
        Action::JoinGroup(join) => {
            let Reply::JoinGroup(reply) = join_reply(&["m"]) else {
                return None;
            };
            (join.request, Reply::JoinGroup(JoinReply { error, ..reply }))
        }
        Action::SyncGroup(sync) => {
            let assignment = assignment("m").encode().ok()?;
            let reply = SyncReply {
                error,
                assignment,
                ..SyncReply::default()
            };
            (sync.request, Reply::SyncGroup(reply))
        }
        Action::Heartbeat { request, .. } => (*request, Reply::Heartbeat { error }),
        _ => return None,
    })
}

proptest! {
    /// Neither does a deadline come again at once, nor is a member that is wanted left without any.
    #[test]
    fn whatever_happens_the_member_waits_for_something(script in prop::collection::vec(happening(), 0..120)) {
        let mut member = member(OtherMembers::Accept);
        let mut open: Vec<Action> = Vec::new();
        let mut now = 0;
        for happening in script {
            now += 1;
            let event = match happening {
                Happening::Event(event) => event,
                Happening::Deadline => {
                    let Some(at) = member.deadline() else { continue };
                    prop_assert!(at >= now - 1, "{at} is past at {now}: {member:?}");
                    now = now.max(at);
                    Event::Timeout
                }
                Happening::Answer(error) => {
                    if open.is_empty() { continue }
                    let Some((request, reply)) = reply_to(&open.remove(0), error) else { continue };
                    Event::Answered { request, reply }
                }
                Happening::Lost => {
                    if open.is_empty() { continue }
                    let Some((request, _)) = reply_to(&open.remove(0), 0) else { continue };
                    Event::Failed { request, failure: RequestFailure::Lost }
                }
            };
            let mut actions = member.step(now, event);
            if actions.iter().any(|action| matches!(action, Action::Assign(_))) {
                let generation = member.generation();
                let assignments = [("m".to_owned(), assignment("m"))].into();
                actions.extend(member.step(now, Event::Assigned { generation, assignments }));
            }
            let joins = actions.iter().filter(|action| matches!(action, Action::JoinGroup(_))).count();
            prop_assert!(joins < 2, "{actions:?}");
            open.extend(actions);
            prop_assert!(member.deadline().is_none_or(|at| at > now), "busy at {now}: {member:?}");
            let waits = member.deadline().is_some() || !open.is_empty();
            let idle = !member.ready || member.state() == MemberState::Stopped;
            prop_assert!(waits || idle, "stuck at {now}: {member:?}");
        }
    }
}
