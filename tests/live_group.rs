//! The group client against real coordinators, and in one group with a real JVM worker.

use std::time::Duration;

use bytes::Bytes;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::group::{GroupClient, Join, JoinAnswer, Sync, SyncAnswer};
use connectctl::io::kafka::groups::GroupDescription;
use connectctl::io::kafka::log::{Isolation, LogReader};
use connectctl::io::kafka::seeder::SeedRecord;
use connectctl::io::kafka::writer::Writer;
use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{connector_record, target_state_record};
use connectctl::protocol::connect_group::{Assignment, ConnectProtocol, Subscription, Work};
use connectctl::protocol::errors;
use indexmap::IndexMap;

use crate::live_kafka::{connect, create, new_topic};
use crate::support::connect::{Distributed, Worker};
use crate::support::kafka::{KafkaCluster, KafkaOptions};
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);
const URL: &str = "http://127.0.0.1:1/";

/// A member that does what a test tells it to.
struct ByHand {
    client: GroupClient,
    member_id: String,
    config_offset: i64,
}

impl ByHand {
    fn new(cluster: &Cluster, group: &str) -> Self {
        Self {
            client: GroupClient::new(cluster, group),
            member_id: String::new(),
            config_offset: -1,
        }
    }

    fn join_request(&self) -> Join {
        let metadata = |protocol: &ConnectProtocol| {
            let subscription = Subscription {
                version: protocol.version(),
                url: URL.to_owned(),
                config_offset: self.config_offset,
                allocation: None,
            };
            (
                protocol.name().to_owned(),
                subscription.encode().expect("short names"),
            )
        };
        let offered = ConnectProtocol::Sessioned.offered();
        Join {
            member_id: self.member_id.clone(),
            session_timeout: Duration::from_secs(10),
            rebalance_timeout: Duration::from_secs(60),
            protocol_type: "connect".to_owned(),
            protocols: offered.iter().map(metadata).collect(),
            reason: "a test".to_owned(),
        }
    }

    /// Joins, with the member id that the broker asks for; a new cluster first has to make `__consumer_offsets`.
    async fn join(&mut self) -> JoinAnswer {
        let start = std::time::Instant::now();
        loop {
            let joined = match self.client.join(&self.join_request()).await {
                Ok(joined) => joined,
                Err(error) if error.is_retriable() && start.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            match joined.code.code {
                errors::MEMBER_ID_REQUIRED => self.member_id = joined.member_id,
                errors::NONE => {
                    self.member_id.clone_from(&joined.member_id);
                    return joined;
                }
                _ => assert!(joined.code.retriable, "{joined:?}"),
            }
        }
    }

    async fn sync(&self, joined: &JoinAnswer, assignments: Vec<(String, Bytes)>) -> SyncAnswer {
        let sync = Sync {
            generation: joined.generation,
            member_id: self.member_id.clone(),
            protocol_type: "connect".to_owned(),
            protocol: joined.protocol.clone().expect("a protocol"),
            assignments,
        };
        self.client.sync(&sync).await.expect("an answer")
    }

    /// Sends heartbeats until one is answered with the code.
    async fn beat_until(&self, generation: i32, code: i16) {
        let start = std::time::Instant::now();
        loop {
            let answer = self.client.heartbeat(generation, &self.member_id).await;
            if answer.as_ref().is_ok_and(|answer| answer.code == code) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn described(cluster: &Cluster, group: &str) -> GroupDescription {
    let ids = [group.to_owned()];
    let mut groups = cluster.describe_groups(&ids).await.expect("an answer");
    groups.remove(group).expect("described").expect("described")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_member_leads_is_seen_by_the_coordinator_and_leaves() {
    require_kafka!();
    let cluster = connect(&kafka::shared().bootstrap()).await;
    let mut member = ByHand::new(&cluster, "group-alone");
    let joined = member.join().await;
    assert_eq!(joined.leader, member.member_id);
    assert_eq!(joined.protocol.as_deref(), Some("sessioned"));
    assert_eq!(joined.members.len(), 1);
    let assigned = Bytes::from_static(b"whatever the leader says");
    let assignments = vec![(member.member_id.clone(), assigned.clone())];
    let synced = member.sync(&joined, assignments).await;
    assert_eq!(
        (synced.code.code, synced.assignment),
        (errors::NONE, assigned)
    );
    member.beat_until(joined.generation, errors::NONE).await;
    let group = described(&cluster, "group-alone").await;
    assert_eq!(
        (group.state.as_str(), group.protocol_type.as_str()),
        ("Stable", "connect")
    );
    assert_eq!(group.members[0].member_id, member.member_id);
    assert_eq!(group.members[0].client_id, "connectctl");
    let old = member
        .client
        .heartbeat(joined.generation - 1, &member.member_id);
    assert_eq!(old.await.unwrap().code, errors::ILLEGAL_GENERATION);

    member
        .client
        .leave_surely(&member.member_id, "done")
        .await
        .unwrap();
    assert_eq!(described(&cluster, "group-alone").await.state, "Empty");
    let gone = member
        .client
        .heartbeat(joined.generation, &member.member_id)
        .await;
    assert_eq!(gone.unwrap().code, errors::UNKNOWN_MEMBER_ID);
    member
        .client
        .leave_surely(&member.member_id, "again")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_that_is_given_up_does_not_keep_the_member_from_leaving() {
    require_kafka!();
    let cluster = connect(&kafka::shared().bootstrap()).await;
    let mut first = ByHand::new(&cluster, "group-given-up");
    let joined = first.join().await;
    let own = (first.member_id.clone(), Bytes::new());
    first.sync(&joined, vec![own]).await;
    // The first member does not come back for the second: the broker holds the join.
    let mut second = ByHand::new(&cluster, "group-given-up");
    let required = second.client.join(&second.join_request()).await.unwrap();
    assert_eq!(required.code.code, errors::MEMBER_ID_REQUIRED);
    second.member_id = required.member_id;
    let request = second.join_request();
    let held = tokio::time::timeout(Duration::from_millis(500), second.client.join(&request));
    assert!(held.await.is_err(), "the broker waits for the first member");
    second
        .client
        .leave_surely(&second.member_id, "given up")
        .await
        .unwrap();
    let again = first.join().await;
    assert_eq!(again.members.len(), 1, "{again:?}");
    first
        .client
        .leave_surely(&first.member_id, "done")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_stays_in_its_group_when_the_coordinator_stops() {
    require_kafka!();
    let options = KafkaOptions::default().property("broker.session.timeout.ms", "3000");
    let kafka = KafkaCluster::start_with(3, &options);
    let cluster = connect(&kafka.bootstrap()).await;
    let topic = "group-followed";
    create(&cluster, new_topic(topic, 3, 3, &[])).await;
    let mut log = LogReader::new(&cluster, topic, Isolation::ReadCommitted);
    log.read_to_end(|_, _| {}).await.unwrap();
    let mut follower = log.follow();

    // Of several groups one has its coordinator on every broker.
    for (number, broker) in kafka.brokers.iter().enumerate() {
        let mut member = ByHand::new(&cluster, &format!("group-moves-{number}"));
        let joined = member.join().await;
        let own = (member.member_id.clone(), Bytes::new());
        assert_eq!(
            member.sync(&joined, vec![own]).await.code.code,
            errors::NONE
        );
        broker.stop();
        member.beat_until(joined.generation, errors::NONE).await;
        let writer = Writer::new(&cluster, topic, i32::try_from(number).unwrap());
        let value = Bytes::from(number.to_string());
        let record = SeedRecord {
            key: value.clone(),
            value: Some(value.clone()),
        };
        let start = std::time::Instant::now();
        while let Err(error) = writer.write(std::slice::from_ref(&record)).await {
            assert!(start.elapsed() < PATIENCE, "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut seen = false;
        while !seen {
            let next = follower.next(|_, record| seen |= record.value.as_ref() == Some(&value));
            let next = tokio::time::timeout(PATIENCE, next).await;
            next.expect("the record comes")
                .unwrap_or_else(|error| panic!("{error}"));
        }
        member
            .client
            .leave_surely(&member.member_id, "done")
            .await
            .unwrap();
        broker.restart();
    }
}

/// A group whose config topic has one connector, STARTED, a file source.
async fn group_with_a_connector(group: &str, world: &World) -> (Cluster, i64) {
    let cluster = connect(&kafka::shared().bootstrap()).await;
    let config_topic = format!("_{group}.config");
    create(
        &cluster,
        new_topic(&config_topic, 1, 1, &[("cleanup.policy", "compact")]),
    )
    .await;
    std::fs::write(world.path("in.txt"), "line\n").expect("the world is writable");
    let config = IndexMap::from([
        ("name".to_owned(), "by-hand".to_owned()),
        (
            "connector.class".to_owned(),
            "org.apache.kafka.connect.file.FileStreamSourceConnector".to_owned(),
        ),
        ("tasks.max".to_owned(), "1".to_owned()),
        (
            "file".to_owned(),
            world.path("in.txt").display().to_string(),
        ),
        ("topic".to_owned(), format!("{group}-lines")),
    ]);
    let records = [
        target_state_record("by-hand", TargetState::Started),
        connector_record("by-hand", &config),
    ];
    let records = records.map(|(key, value)| SeedRecord {
        key,
        value: Some(value),
    });
    let first = Writer::new(&cluster, &config_topic, 0)
        .write(&records)
        .await
        .expect("it is as the test made it");
    (cluster, first + 2)
}

/// Assigns everything to others: `work` to the first of them.
fn assignments(
    joined: &JoinAnswer,
    leader: &str,
    config_offset: i64,
    work: &Work,
) -> Vec<(String, Bytes)> {
    let version = ConnectProtocol::from_name(
        joined
            .protocol
            .as_deref()
            .expect("it is as the test made it"),
    )
    .expect("it is as the test made it")
    .version();
    let mut work = Some(work.clone());
    let assigned = joined.members.iter().map(|(member, _)| {
        let theirs = if member == leader { None } else { work.take() };
        let assignment = Assignment {
            version,
            error: Assignment::OK,
            leader: leader.to_owned(),
            leader_url: URL.to_owned(),
            config_offset,
            assigned: theirs.unwrap_or_default(),
            revoked: Work::default(),
            delay_ms: 0,
        };
        (member.clone(), assignment.encode().expect("short names"))
    });
    assigned.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jvm_worker_obeys_our_leader_and_then_leads_us() {
    require_kafka!();
    let (group, world) = ("group-with-jvm", World::new());
    let (cluster, config_offset) = group_with_a_connector(group, &world).await;
    let mut member = ByHand::new(&cluster, group);
    member.config_offset = config_offset;
    let joined = member.join().await;
    let nothing = assignments(&joined, &member.member_id, config_offset, &Work::default());
    member.sync(&joined, nothing).await;

    let file = Distributed::file(&world.path(""), &kafka::shared().bootstrap(), group, &[]);
    let starting = tokio::task::spawn_blocking(move || Distributed::start(&file));
    member
        .beat_until(joined.generation, errors::REBALANCE_IN_PROGRESS)
        .await;
    let joined = member.join().await;
    assert_eq!(joined.members.len(), 2);
    assert_eq!(
        joined.leader, member.member_id,
        "the one who was there goes on leading"
    );
    let mut work = Work::default();
    work.insert_connector("by-hand");
    let orders = assignments(&joined, &member.member_id, config_offset, &work);
    assert_eq!(member.sync(&joined, orders).await.code.code, errors::NONE);
    // The worker runs what it was told to; it cannot give us the tasks, for nobody listens at our URL.
    let (worker, joined) = obeyed(&mut member, starting, joined, config_offset).await;

    member
        .client
        .leave_surely(&member.member_id, "the JVM shall lead")
        .await
        .unwrap();
    worker.wait_running("by-hand");
    let mut follower = ByHand::new(&cluster, group);
    follower.config_offset = config_of(&cluster, group).await;
    let following = follower.join().await;
    assert!(following.generation > joined.generation);
    assert_ne!(following.leader, follower.member_id);
    assert!(
        following.members.is_empty(),
        "only the leader is told who is there"
    );
    let synced = follower.sync(&following, Vec::new()).await;
    let assignment = Assignment::decode(&synced.assignment).unwrap();
    assert_eq!(assignment.error, Assignment::OK, "{assignment:?}");
    assert_eq!(assignment.leader, following.leader);
    assert_eq!(assignment.leader_url, format!("{}/", worker.url));
    assert_eq!(assignment.config_offset, follower.config_offset);
    follower
        .client
        .leave_surely(&follower.member_id, "done")
        .await
        .unwrap();
}

/// Keeps the membership alive until the worker serves and runs the connector.
async fn obeyed(
    member: &mut ByHand,
    starting: tokio::task::JoinHandle<Worker>,
    joined: JoinAnswer,
    config_offset: i64,
) -> (Worker, JoinAnswer) {
    let mut joined = joined;
    let watching = tokio::task::spawn_blocking(move || {
        let worker = tokio::runtime::Handle::current()
            .block_on(starting)
            .expect("started");
        let status = format!("{}/connectors/by-hand/status", worker.url);
        wait::expect("the worker runs the connector", PATIENCE, || {
            rest::request("GET", &status, None).is_ok_and(|answer| {
                answer.status == 200 && answer.json()["connector"]["state"] == "RUNNING"
            })
        });
        worker
    });
    while !watching.is_finished() {
        let answer = member
            .client
            .heartbeat(joined.generation, &member.member_id)
            .await
            .expect("an answer");
        if answer.code == errors::REBALANCE_IN_PROGRESS {
            joined = member.join().await;
            let orders = assignments(&joined, &member.member_id, config_offset, &Work::default());
            member.sync(&joined, orders).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (watching.await.expect("the worker runs"), joined)
}

/// Returns the config offset that a worker has when it has read everything.
async fn config_of(cluster: &Cluster, group: &str) -> i64 {
    let mut state = connectctl::model::storage_records::ConfigState::new();
    let mut log = LogReader::new(
        cluster,
        &format!("_{group}.config"),
        Isolation::ReadUncommitted,
    );
    log.read_to_end(|_, record| {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let applied = state.apply(record.offset, key, value);
        applied.expect("a worker ignores nothing of its own");
    })
    .await
    .expect("an answer");
    state.offset
}
