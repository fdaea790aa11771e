//! One test per warning of the catalogue, and per pitfall that cannot happen by construction.

use bytes::Bytes;

use super::builder::{SINK, SOURCE, WORKER, choices, cluster, deployment, make};
use crate::model::connector_config::TargetState;
use crate::model::worker_config::{OwnStore, Place};
use crate::plan::{
    Choices, Class, DamagedOffsets, Deployment, Finding, Observed, ObservedTopic, OffsetsInput,
    OwnOffsets, Plan, RunningConnector, RunningWorker, SinkGroup, Step, Stopped, StoredConnector,
    StoredOffset, Verification,
};
use crate::protocol::partitioner;

const KEY: &str = r#"["src",{"filename":"in.txt"}]"#;

fn source() -> Deployment {
    deployment(WORKER, &[SOURCE]).with_offsets(&[(KEY, Some(r#"{"position":1}"#))])
}

fn plan(deployment: &Deployment, choices: &Choices, observed: &Observed) -> Plan {
    make(deployment, choices, Some(observed)).expect("a plan")
}

/// The only warning of an id; a test that finds none fails here.
fn warned(plan: &Plan, id: &str) -> Finding {
    let found = plan.findings.iter().find(|f| f.id == id);
    let found = found.unwrap_or_else(|| panic!("no {id} in {:#?}", plan.findings));
    assert_eq!(found.class, Class::Warn, "{found:?}");
    assert_eq!(plan.blocked().count(), 0, "{:#?}", plan.findings);
    found.clone()
}

fn with_worker(lines: &str) -> Deployment {
    let worker = format!("{WORKER}{lines}");
    deployment(&worker, &[SOURCE]).with_offsets(&[(KEY, Some("{}"))])
}

fn with_source(lines: &str) -> Deployment {
    let text = format!("{SOURCE}{lines}");
    deployment(WORKER, &[&text]).with_offsets(&[(KEY, Some("{}"))])
}

fn warned_of_worker(lines: &str, id: &str) -> Finding {
    warned(&plan(&with_worker(lines), &choices(), &cluster()), id)
}

fn warned_of_source(lines: &str, id: &str) -> Finding {
    warned(&plan(&with_source(lines), &choices(), &cluster()), id)
}

#[test]
fn declined_offsets_are_a_warning() {
    let declined = Deployment {
        offsets: OffsetsInput::Declined,
        ..source()
    };
    let choices = Choices {
        source_stopped: true,
        ..choices()
    };
    let plan = plan(&declined, &choices, &cluster());
    assert!(warned(&plan, "P7").message.contains("src"));
    assert!(plan.seed.is_empty());
}

#[test]
fn odd_keys_of_the_file_are_kept_and_reported() {
    let odd = r#"["src", {"filename":"in.txt"}]"#;
    let deployment = deployment(WORKER, &[SOURCE]).with_offsets(&[(odd, Some("{}"))]);
    let plan = plan(&deployment, &choices(), &cluster());
    warned(&plan, "P10");
    assert_eq!(&plan.seed[0].key[..], odd.as_bytes());
}

#[test]
fn an_offset_that_is_no_object_is_a_warning() {
    let deployment = deployment(WORKER, &[SOURCE]).with_offsets(&[(KEY, Some("17"))]);
    let plan = plan(&deployment, &choices(), &cluster());
    warned(&plan, "odd-value");
    assert_eq!(plan.seed[0].value.as_deref(), Some(&b"17"[..]));
}

#[test]
fn a_key_keeps_its_bytes_from_the_file_to_the_seed() {
    let key = Bytes::from_static(br#"["src",{"zeta":2,"alpha":"\uD83D\uDE00"}]"#);
    let text = std::str::from_utf8(&key).unwrap();
    let deployment = deployment(WORKER, &[SOURCE]).with_offsets(&[(text, Some("{\"n\":1.50}"))]);
    let OffsetsInput::File(file) = &deployment.offsets else {
        unreachable!("it was just made");
    };
    let in_file = file.entries[0].key.clone().unwrap();
    let plan = plan(&deployment, &choices(), &cluster());
    assert_eq!(plan.seed[0].key, key);
    assert_eq!(plan.seed[0].value.as_deref(), Some(&b"{\"n\":1.50}"[..]));
    assert_eq!(
        plan.seed[0].key.as_ptr(),
        in_file.as_ptr(),
        "not even copied"
    );
}

#[test]
fn every_seed_record_has_the_partition_that_java_computes() {
    let plan = plan(&source(), &choices(), &cluster());
    let expected = partitioner::partition_of(KEY.as_bytes(), 25);
    assert_eq!(plan.seed[0].partition, Some(expected));
}

#[test]
fn tasks_do_not_inherit_top_level_security() {
    warned_of_worker("security.protocol=SSL\n", "P16");
}

#[test]
fn adopt_turns_a_foreign_cluster_into_a_warning() {
    let mut cluster = cluster();
    let stored = StoredConnector {
        config: indexmap::IndexMap::new(),
        target: TargetState::Started,
        has_run: true,
        may_have_run: true,
        running_tasks: 1,
    };
    cluster.stored_connectors.insert("other".to_owned(), stored);
    assert_eq!(plan(&source(), &choices(), &cluster).blocked().count(), 1);
    let choices = Choices {
        adopt: true,
        ..choices()
    };
    warned(&plan(&source(), &choices, &cluster), "P19");
}

fn running(config: &[(&str, &str)]) -> RunningWorker {
    RunningWorker {
        url: "http://standalone:8083".to_owned(),
        version: "4.3.1".to_owned(),
        kafka_cluster_id: None,
        connectors: vec![RunningConnector {
            name: "src".to_owned(),
            config: config
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            kind: "source".to_owned(),
            state: "STOPPED".to_owned(),
            target: Some(TargetState::Stopped),
            tasks: Vec::new(),
            offsets: None,
        }],
    }
}

#[test]
fn the_running_configuration_wins_and_the_difference_is_reported() {
    let mut deployment = source();
    deployment.running = Some(running(&[
        ("name", "src"),
        ("connector.class", "FileStreamSource"),
        ("topic", "renamed"),
        ("file", "in.txt"),
    ]));
    let plan = plan(&deployment, &choices(), &cluster());
    assert!(warned(&plan, "P22").message.contains("topic"));
    assert_eq!(plan.connectors[0].config["topic"], "renamed");
    assert_eq!(plan.connectors[0].final_state, TargetState::Started);
}

#[test]
fn a_worker_that_does_not_know_a_connector_proves_nothing_about_it() {
    let mut deployment = source();
    let worker = deployment.running.insert(running(&[("name", "src")]));
    worker.connectors[0].name = "another".to_owned();
    let choices = Choices {
        group_id: Some("g".to_owned()),
        ..choices()
    };
    let plan = plan(&deployment, &choices, &cluster());
    assert!(
        matches!(&plan.stopped, Stopped::Unknown(why) if why.contains("does not know src")),
        "{:?}",
        plan.stopped
    );
    assert!(plan.blocked().any(|finding| finding.id == "P8"));
}

#[test]
fn connectors_start_only_after_their_offsets() {
    let choices = Choices {
        register_on: vec!["http://connect:8083".to_owned()],
        ..choices()
    };
    let steps = plan(&source(), &choices, &cluster()).steps();
    let place = |wanted: fn(&Step) -> bool| steps.iter().position(wanted).expect("planned");
    let topic = steps
        .iter()
        .rposition(|s| matches!(s, Step::CreateTopic(_)))
        .expect("planned");
    let seed = place(|s| matches!(s, Step::Seed(1)));
    let register = place(|s| matches!(s, Step::Register(_)));
    let resume = place(|s| matches!(s, Step::SetState(..)));
    assert!(
        topic < seed && seed < register && register < resume,
        "{steps:?}"
    );
}

#[test]
fn null_keys_are_left_out_and_counted() {
    let mut deployment = source();
    if let OffsetsInput::File(file) = &mut deployment.offsets {
        file.entries.push(crate::model::offset_file::OffsetEntry {
            key: None,
            value: Some(Bytes::from_static(b"{}")),
        });
    }
    let plan = plan(&deployment, &choices(), &cluster());
    assert!(warned(&plan, "P28").message.contains("1 entry"));
    assert_eq!(plan.seed.len(), 1);
}

#[test]
fn orphans_stay_behind_and_are_counted() {
    let deployment = deployment(WORKER, &[SOURCE])
        .with_offsets(&[(KEY, Some("{}")), (r#"["gone",{}]"#, Some("{}"))]);
    let plan = plan(&deployment, &choices(), &cluster());
    assert!(warned(&plan, "P29").message.contains("gone"));
    assert_eq!(plan.seed.len(), 1);
}

#[test]
fn every_value_of_the_json_is_a_string() {
    let plan = plan(
        &with_source("tasks.max=1\nflag=true\n"),
        &choices(),
        &cluster(),
    );
    let json: serde_json::Value = serde_json::from_slice(&plan.files[1].after).unwrap();
    let config = json["config"].as_object().unwrap();
    assert!(config.values().all(serde_json::Value::is_string), "{json}");
    assert!(
        !config.contains_key("name") && json["name"] == "src",
        "{json}"
    );
}

#[test]
fn a_name_that_rest_cannot_address_is_a_warning_without_url() {
    let text = SOURCE.replace("name=src", "name=a/b");
    let deployment = deployment(WORKER, &[&text]).with_offsets(&[(r#"["a/b",{}]"#, Some("{}"))]);
    let plan = plan(&deployment, &choices(), &cluster());
    warned(&plan, "P31");
    assert_eq!(
        plan.files[1].path.components().count(),
        2,
        "{:?}",
        plan.files[1].path
    );
}

#[test]
fn resources_of_one_host_are_a_warning() {
    assert!(
        warned_of_source("keystore=${file:/etc/secrets:key}\n", "P32")
            .message
            .contains("keystore")
    );
}

#[test]
fn a_run_in_this_process_needs_a_yes_for_its_files_and_comes_before_the_final_states() {
    let mut choices = choices();
    choices.verify = Verification::Run;
    let deployment = deployment(WORKER, &[SOURCE]).with_offsets(&[(r#"["src",{}]"#, Some("{}"))]);
    let stopped = plan(&deployment, &choices, &cluster());
    let ids = |plan: &Plan| plan.blocked().map(|f| f.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&stopped), ["P32"]);
    assert!(stopped.runs);
    choices.accept.insert("P32".to_owned());
    let accepted = plan(&deployment, &choices, &cluster());
    assert_eq!(ids(&accepted), [""; 0]);
    let steps: Vec<String> = accepted.steps().iter().map(ToString::to_string).collect();
    let place = |what: &str| steps.iter().position(|step| step.contains(what));
    assert!(place("register connector src") < place("RESUMES the connectors in this process"));
    assert!(
        place("RESUMES the connectors") < place("resume connector src"),
        "{steps:?}"
    );
}

#[test]
fn inline_secrets_are_a_warning_that_does_not_show_them() {
    let found = warned_of_source("connection.password=canary\n", "P34");
    assert!(found.message.contains("connection.password") && !found.message.contains("canary"));
}

#[test]
fn https_without_a_trust_store_is_a_warning() {
    warned_of_worker("listeners=https://connect-1:8443\n", "P39");
}

#[test]
fn opening_rest_to_the_network_is_a_warning() {
    let mut choices = choices();
    choices
        .set
        .insert("listeners".to_owned(), "http://:8083".to_owned());
    let deployment = with_worker("listeners=http://127.0.0.1:8083\n");
    warned(&plan(&deployment, &choices, &cluster()), "P59");
}

#[test]
fn sources_on_another_kafka_are_warned_of_their_topics() {
    let cluster = Observed {
        source_cluster_id: Some("cluster-b".to_owned()),
        ..cluster()
    };
    warned(&plan(&source(), &choices(), &cluster), "P40");
}

#[test]
fn an_offset_topic_of_the_connector_is_a_warning() {
    warned_of_source("offsets.storage.topic=own\n", "P42");
}

#[test]
fn an_own_offset_topic_is_a_block_where_it_holds_something_else() {
    let deployment = with_source("offsets.storage.topic=own\n");
    let holding = |held: &[(&'static str, &'static str)]| {
        let bytes = |(key, value): &(&'static str, &'static str)| {
            (
                Bytes::from_static(key.as_bytes()),
                Some(Bytes::from_static(value.as_bytes())),
            )
        };
        let own = OwnOffsets {
            store: OwnStore {
                topic: "own".to_owned(),
                place: Place::Here,
                is_named: true,
            },
            held: Some(held.iter().map(bytes).collect()),
            is_open: false,
        };
        let observed = Observed {
            own_offsets: [("src".to_owned(), own)].into(),
            ..cluster()
        };
        plan(&deployment, &choices(), &observed)
    };
    warned(&holding(&[(KEY, "{}")]), "P42");
    let further = r#"["src",{"filename":"old.txt"}]"#;
    for (held, named) in [
        (&[][..], KEY),
        (&[(KEY, r#"{"position":9}"#)], KEY),
        (&[(KEY, "{}"), (further, "{}")], further),
    ] {
        let plan = holding(held);
        let blocked: Vec<_> = plan.blocked().collect();
        assert_eq!(blocked.len(), 1, "{blocked:?}");
        assert_eq!(blocked[0].id, "P42");
        assert!(blocked[0].message.contains(named), "{blocked:?}");
    }
}

#[test]
fn a_source_does_not_move_beside_an_open_transaction_and_a_sink_may() {
    let observed = Observed {
        undecided_offsets: vec![3],
        ..cluster()
    };
    let source = plan(&with_source(""), &choices(), &observed);
    let blocked: Vec<_> = source.blocked().map(|f| f.id.as_str()).collect();
    assert_eq!(blocked, ["open-transaction"]);
    let sink = deployment(WORKER, &[SINK]);
    let sink = plan(&sink, &choices(), &observed);
    assert!(sink.findings.iter().all(|f| f.id != "open-transaction"));
}

#[test]
fn overrides_against_the_policy_are_a_warning() {
    let text = format!("{SOURCE}producer.override.acks=1\n");
    let worker = format!("{WORKER}connector.client.config.override.policy=None\n");
    let deployment = deployment(&worker, &[&text]).with_offsets(&[(KEY, Some("{}"))]);
    warned(&plan(&deployment, &choices(), &cluster()), "P43");
}

/// A worker that starts answers `GET /connectors` with `[]`; the config topic does not lie so.
#[test]
fn the_config_topic_says_which_connectors_there_are() {
    let mut cluster = cluster();
    let plan_of = |cluster: &Observed| {
        let choices = Choices {
            register_on: vec!["http://connect:8083".to_owned()],
            ..choices()
        };
        plan(&source(), &choices, cluster).connectors[0].registration
    };
    assert_eq!(plan_of(&cluster), crate::plan::Registration::Create);
    let config = plan(&source(), &choices(), &cluster).connectors[0]
        .config
        .clone();
    let stored = StoredConnector {
        config: config.into_iter().map(|(k, v)| (k, Some(v))).collect(),
        target: TargetState::Stopped,
        has_run: false,
        may_have_run: false,
        running_tasks: 0,
    };
    cluster.stored_connectors.insert("src".to_owned(), stored);
    assert_eq!(plan_of(&cluster), crate::plan::Registration::Present);
}

#[test]
fn several_tasks_on_local_files_are_a_warning() {
    warned_of_source("tasks.max=4\n", "P48");
}

#[test]
fn a_short_retention_of_committed_offsets_is_a_warning() {
    let mut cluster = cluster();
    let retention = ("offsets.retention.minutes".to_owned(), "60".to_owned());
    cluster.broker_settings.extend([retention]);
    warned(
        &plan(&deployment(WORKER, &[SINK]), &choices(), &cluster),
        "P50",
    );
}

#[test]
fn utf8_in_properties_is_a_warning() {
    let found = warned_of_source("label=über\n", "P52");
    assert!(found.message.contains("label"));
}

fn storage_topic(configs: &[(&str, &str)], has_records: bool) -> ObservedTopic {
    ObservedTopic {
        partitions: 1,
        replication_factor: 3,
        configs: configs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        has_records,
        ..ObservedTopic::default()
    }
}

#[test]
fn a_used_config_topic_without_connectors_is_a_warning() {
    let mut cluster = cluster();
    let topic = storage_topic(&[("cleanup.policy", "compact")], true);
    cluster.topics.insert("_src.config".to_owned(), topic);
    warned(&plan(&source(), &choices(), &cluster), "P55");
}

#[test]
fn fewer_in_sync_replicas_than_asked_for_are_a_warning() {
    let mut cluster = cluster();
    let topic = storage_topic(
        &[("cleanup.policy", "compact"), ("min.insync.replicas", "1")],
        false,
    );
    cluster.topics.insert("_src.config".to_owned(), topic);
    let deployment = with_worker("config.storage.min.insync.replicas=2\n");
    warned(&plan(&deployment, &choices(), &cluster), "topic-min-insync");
}

#[test]
fn overwriting_offsets_is_a_warning_while_the_connector_is_at_rest() {
    let mut cluster = cluster();
    let key = Bytes::from_static(KEY.as_bytes());
    let stored = StoredOffset {
        partition: partitioner::partition_of(&key, 25),
        offset: 0,
        value: Some(Bytes::from_static(b"{\"position\":9}")),
        elsewhere: Vec::new(),
        otherwise: None,
    };
    cluster.stored_offsets.insert(key, stored);
    let blocked = plan(&source(), &choices(), &cluster);
    assert_eq!(
        blocked.blocked().map(|f| f.id.as_str()).collect::<Vec<_>>(),
        ["P57"]
    );
    let choices = Choices {
        overwrite_offsets: true,
        ..choices()
    };
    let plan = plan(&source(), &choices, &cluster);
    warned(&plan, "P57");
    assert_eq!(plan.seed.len(), 1);
}

#[test]
fn a_sink_without_committed_offsets_is_a_warning() {
    let mut cluster = cluster();
    let group = SinkGroup {
        state: "Empty".to_owned(),
        members: Vec::new(),
        positions: std::collections::BTreeMap::new(),
    };
    cluster
        .sink_groups
        .insert("connect-local-file-sink".to_owned(), group);
    let deployment = deployment(WORKER, &[SINK]);
    warned(
        &plan(&deployment, &choices(), &cluster),
        "no-committed-offsets",
    );
}

#[test]
fn bytes_after_the_map_are_a_warning() {
    let mut deployment = source();
    if let OffsetsInput::File(file) = &mut deployment.offsets {
        file.trailing = 3;
    }
    warned(&plan(&deployment, &choices(), &cluster()), "trailing-bytes");
}

#[test]
fn a_damaged_offsets_file_is_a_warning_where_only_sinks_move() {
    let damaged = |connectors: &[&str]| Deployment {
        offsets: OffsetsInput::Damaged(DamagedOffsets {
            path: "/tmp/connect.offsets".into(),
            sha256: "2".repeat(64),
            length: 9,
            age_ms: None,
            why: "/tmp/connect.offsets: not a complete offsets file: truncated at byte 9"
                .to_owned(),
            remedy: "use a backup".to_owned(),
        }),
        ..deployment(WORKER, connectors)
    };
    let group = |id: &str| Choices {
        group_id: Some(id.to_owned()),
        source_stopped: true,
        ..choices()
    };
    let found = warned(&plan(&damaged(&[SINK]), &group("g"), &cluster()), "P7");
    assert!(found.message.contains("truncated at byte 9"));
    let refused = |deployment: &Deployment| {
        make(deployment, &group("g"), Some(&cluster()))
            .expect_err("a position may be lost")
            .to_string()
    };
    let with_source = damaged(&[SINK, SOURCE]);
    assert!(refused(&with_source).contains("not a complete offsets file: truncated at byte 9"));
    // A class that only its `topics` setting makes a sink may be a source whose positions were in the file.
    let guessed = "name=x\nconnector.class=com.acme.Mover\ntopics=t\n";
    assert!(refused(&damaged(&[guessed])).contains("not a complete offsets file"));
    // Its worker is at work, and may just be writing it.
    let busy = Observed {
        source_answers: Some(vec!["src".to_owned()]),
        source_rest_gone: false,
        ..cluster()
    };
    let blocked = plan(&with_source, &group("g"), &busy);
    let ids: Vec<_> = blocked.blocked().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["P7", "P20"]);
    // Looking for what an observation needs is not yet a plan.
    assert!(make(&with_source, &group("g"), None).is_ok());
}

#[test]
fn a_file_with_settings_of_both_modes_is_taken_for_standalone_with_a_warning() {
    let deployment = with_worker("config.storage.topic=mine\nstatus.storage.topic=states\n");
    let plan = plan(&deployment, &choices(), &cluster());
    let found = warned(&plan, "both-modes");
    assert!(found.message.contains("config.storage.topic"), "{found:?}");
    assert_eq!(plan.topics[0].wanted.name, "mine");
}

#[test]
fn settings_that_may_not_be_read_are_a_warning() {
    let mut cluster = cluster();
    let topic = storage_topic(&[], false);
    cluster.topics.insert("_src.config".to_owned(), topic);
    warned(
        &plan(&source(), &choices(), &cluster),
        "topic-settings-hidden",
    );
}
