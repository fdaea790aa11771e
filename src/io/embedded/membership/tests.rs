//! What a membership remembers of its coordinator.

use super::*;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::settings::ClientSettings;
use crate::worker::member::{MemberSettings, OtherMembers};

fn client() -> GroupClient {
    let address = ("bootstrap.servers".to_owned(), "127.0.0.1:9".to_owned());
    let settings = ClientSettings::from_properties(&[address].into(), Duration::from_secs(1));
    let cluster = Cluster::unconnected(settings.expect("an address"));
    GroupClient::new(&cluster, "g")
}

fn membership() -> Membership {
    let settings = MemberSettings {
        other_members: OtherMembers::Leave,
        ..MemberSettings::new("http://a/", 7)
    };
    let member = Member::new(settings).expect("the default intervals fit");
    Membership::new(member, client(), "http://a/", None, Instant::now())
}

fn said(membership: &Membership) -> String {
    let failure = membership.last_failure();
    failure.map(ToString::to_string).unwrap_or_default()
}

/// Takes what came of a request that the member knows nothing of.
fn take(membership: &mut Membership, done: fn(Event, Option<Trouble>) -> Done, code: i16) {
    let request = RequestId(1_000_000);
    let error = refusal(&membership.client, "JoinGroup", ErrorCode::of(code));
    let event = answered(request, Reply::Heartbeat { error: code });
    membership.take(Ok(done(event, error)));
}

#[tokio::test]
async fn an_error_that_is_tried_again_is_remembered_until_the_coordinator_answers_without() {
    let mut membership = membership();
    for (code, name) in [
        (
            errors::COORDINATOR_LOAD_IN_PROGRESS,
            "LOAD_IN_PROGRESS (14)",
        ),
        (errors::COORDINATOR_NOT_AVAILABLE, "NOT_AVAILABLE (15)"),
    ] {
        take(&mut membership, Done::Answered, code);
        // It is looked for again, and found.
        take(&mut membership, Done::Found, errors::NONE);
        let expected = format!("JoinGroup for group g was answered with COORDINATOR_{name}");
        assert_eq!(said(&membership), expected);
    }
    let gone = KafkaError::Refused {
        address: "a:1".to_owned(),
    };
    membership.take(Ok(Done::Failed(RequestId(1_000_000), gone)));
    assert_eq!(said(&membership), "a:1 refused the connection");
    take(&mut membership, Done::Found, errors::NONE);
    assert!(said(&membership).ends_with("(15)"), "{membership:?}");
    take(&mut membership, Done::Answered, errors::MEMBER_ID_REQUIRED);
    assert_eq!(said(&membership), "");
}

#[test]
fn a_step_of_the_protocol_is_no_refusal() {
    let client = client();
    let refused = |operation, code| refusal(&client, operation, ErrorCode::of(code)).is_some();
    assert!(!refused("SyncGroup", errors::NONE));
    assert!(!refused("Heartbeat", errors::REBALANCE_IN_PROGRESS));
    assert!(refused("SyncGroup", errors::REBALANCE_IN_PROGRESS));
    assert!(refused("Heartbeat", errors::NOT_COORDINATOR));
}

#[tokio::test]
async fn a_group_has_been_left_only_when_it_says_so() {
    let closing = |left: Result<(), KafkaError>| {
        let mut membership = membership();
        membership.leaving = 1;
        membership.requests.spawn(async { Done::Left(left) });
        membership.close()
    };
    assert_eq!(closing(Ok(())).await, Ok(()));
    let gone = KafkaError::Refused {
        address: "a:1".to_owned(),
    };
    let not_known = closing(Err(gone.clone()))
        .await
        .expect_err("nobody answered");
    assert_eq!(not_known.to_string(), "a:1 refused the connection");
    // Told before the end, as news.
    let mut told = membership();
    told.leaving = 1;
    told.take(Ok(Done::Left(Err(gone))));
    assert!(told.close().await.is_err());
    // Never in it.
    assert_eq!(membership().close().await, Ok(()));
}
