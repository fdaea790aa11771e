//! Every folder of `fixtures/deployments`: a deployment and a cluster in, the plan out. `BLESS=1` rewrites `expected/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use connectctl::model::connector_config::{ConnectorConfig, Form, TargetState};
use connectctl::model::offset_file::OffsetEntry;
use connectctl::model::properties::{Document, Properties};
use connectctl::model::worker_config::{
    Followed, Isolation, Isolations, OwnStore, Place, SourceStores,
};
use connectctl::plan::findings::{CATALOGUE, Listing, table};
use connectctl::plan::{
    Broker, Choices, ConnectGroup, Connector, DamagedOffsets, Deployment, Elsewhere, Observed,
    ObservedTopic, OffsetsFile, OffsetsInput, Otherwise, OwnOffsets, PartitionPosition, Plan,
    Rename, ReplicationFactor, RunningConnector, RunningWorker, SinkGroup, StoredConnector,
    StoredOffset, StoredOffsets, TopicRefusal, Verification, WorkerFile, make, render,
};
use connectctl::protocol::partitioner::partition_of;
use serde::Deserialize;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/deployments")
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root())
        .expect("fixtures/deployments is readable")
        .map(|entry| entry.expect("fixtures/deployments is readable").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(cases.len() > 20, "the fixtures were not found");
    cases
}

/// `case.json`: what was typed and what the cluster looked like. Everything has the plainest default.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    group_id: Option<String>,
    replication_factor: Option<i16>,
    set: Properties,
    rename: Option<(String, String)>,
    delete_old: bool,
    accept: BTreeSet<String>,
    adopt: bool,
    overwrite_offsets: bool,
    source_stopped: bool,
    register_on: Vec<String>,
    /// `--verify control` instead of `none`.
    control: bool,
    /// `--verify run`.
    run: bool,
    /// `missing`, `empty` or `damaged`; otherwise `offsets.txt` tells the entries.
    offsets: Option<String>,
    age_ms: Option<u64>,
    offline: bool,
    cluster: Cluster,
    running: Option<Vec<Running>>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cluster {
    id: String,
    brokers: i32,
    source_cluster_id: Option<String>,
    topic_names: Vec<String>,
    topics: BTreeMap<String, Topic>,
    members: Vec<String>,
    member_urls: Vec<String>,
    groups: BTreeMap<String, String>,
    connectors: BTreeMap<String, Stored>,
    offsets: Vec<Offset>,
    /// Partitions of the offset topic with an open transaction.
    undecided: Vec<i32>,
    /// Connectors that an aborted transaction wrote into the config topic.
    unsettled: BTreeSet<String>,
    /// Of connectors with offset topics of their own, by connector: values by key.
    own_offsets: BTreeMap<String, BTreeMap<String, String>>,
    sink_groups: BTreeMap<String, Sink>,
    broker_settings: BTreeMap<String, String>,
    hidden_topics: BTreeMap<String, String>,
    create_refused: BTreeMap<String, String>,
    source_answers: Option<Vec<String>>,
    source_rest_gone: bool,
    handed_over: BTreeSet<String>,
    offsets_before: Option<String>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            id: "cluster-a".to_owned(),
            brokers: 3,
            source_cluster_id: None,
            topic_names: Vec::new(),
            topics: BTreeMap::new(),
            members: Vec::new(),
            member_urls: Vec::new(),
            groups: BTreeMap::new(),
            connectors: BTreeMap::new(),
            offsets: Vec::new(),
            undecided: Vec::new(),
            unsettled: BTreeSet::new(),
            own_offsets: BTreeMap::new(),
            sink_groups: BTreeMap::new(),
            broker_settings: BTreeMap::new(),
            hidden_topics: BTreeMap::new(),
            create_refused: BTreeMap::new(),
            source_answers: None,
            source_rest_gone: true,
            handed_over: BTreeSet::new(),
            offsets_before: None,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Topic {
    partitions: usize,
    #[serde(default)]
    has_records: bool,
    #[serde(default)]
    lagging: BTreeMap<i32, usize>,
    #[serde(default)]
    configs: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Stored {
    config: indexmap::IndexMap<String, Option<String>>,
    state: TargetState,
    #[serde(default)]
    has_run: bool,
}

#[derive(Debug, Deserialize)]
struct Offset {
    key: String,
    value: Option<String>,
    /// Added to the partition that Java computes.
    #[serde(default)]
    astray: i32,
    #[serde(default)]
    elsewhere: Vec<i32>,
    /// An aborted transaction wrote it over this.
    committed: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sink {
    members: Vec<String>,
    positions: Vec<(String, i32, i64, i64)>,
}

#[derive(Debug, Deserialize)]
struct Running {
    name: String,
    kind: String,
    state: String,
    #[serde(default)]
    tasks: Vec<String>,
    config: indexmap::IndexMap<String, String>,
    #[serde(default)]
    offsets: Option<Vec<(serde_json::Value, serde_json::Value)>>,
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn plan_of(folder: &Path) -> Plan {
    let case: Case = serde_json::from_str(&read(&folder.join("case.json")))
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let deployment = deployment(folder, &case);
    let mut observed = (!case.offline).then(|| observed(&case.cluster));
    if let (Some(observed), Ok(draft)) = (&mut observed, make(&deployment, &choices(&case), None)) {
        observed.source_stores = SourceStores::of(&draft.worker);
    }
    make(&deployment, &choices(&case), observed.as_ref())
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
}

fn deployment(folder: &Path, case: &Case) -> Deployment {
    let worker = std::fs::read(folder.join("worker.properties")).expect("worker.properties");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| is_connector(path))
        .collect();
    files.sort();
    Deployment {
        worker: WorkerFile {
            path: PathBuf::from("worker.properties"),
            sha256: "0".repeat(64),
            document: Document::parse(&worker).expect("readable"),
        },
        connectors: files.iter().map(|path| connector(path)).collect(),
        offsets: offsets(folder, case),
        copied: None,
        running: case.running.as_ref().map(|connectors| RunningWorker {
            url: "http://standalone:8083".to_owned(),
            version: "4.3.1".to_owned(),
            kafka_cluster_id: None,
            connectors: connectors.iter().map(running).collect(),
        }),
        followed: Followed::default(),
    }
}

fn is_connector(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = path.extension().unwrap_or_default();
    (kind == "properties" || kind == "json") && name != "worker.properties" && name != "case.json"
}

fn connector(path: &Path) -> Connector {
    let bytes = std::fs::read(path).expect("readable");
    let is_json = path.extension().is_some_and(|e| e == "json");
    let config: indexmap::IndexMap<String, Option<String>> = if is_json {
        serde_json::from_slice(&bytes).expect("a flat JSON object of strings")
    } else {
        let map = Document::parse(&bytes).expect("readable").to_map();
        map.into_iter().map(|(k, v)| (k, Some(v))).collect()
    };
    Connector {
        config: ConnectorConfig {
            name: config["name"].clone().expect("a name"),
            config,
            initial_state: None,
            form: if is_json {
                Form::FlatJson
            } else {
                Form::Properties
            },
        },
        path: PathBuf::from(path.file_name().expect("a file")),
        sha256: None,
    }
}

/// `offsets.txt`: key, tab, value; nothing after the tab is null, and a line without a tab has a null key.
fn offsets(folder: &Path, case: &Case) -> OffsetsInput {
    let path = PathBuf::from("/var/lib/connect.offsets");
    let text = std::fs::read_to_string(folder.join("offsets.txt")).unwrap_or_default();
    let bytes = |s: &str| (!s.is_empty()).then(|| Bytes::copy_from_slice(s.as_bytes()));
    let entries = text.lines().map(|line| {
        let (key, value) = line.split_once('\t').unwrap_or(("", line));
        OffsetEntry {
            key: bytes(key),
            value: bytes(value),
        }
    });
    match case.offsets.as_deref() {
        Some("missing") => OffsetsInput::Missing(path),
        Some("damaged") => OffsetsInput::Damaged(DamagedOffsets {
            path,
            sha256: "2".repeat(64),
            length: 99,
            age_ms: case.age_ms,
            why: "/var/lib/connect.offsets: not a complete offsets file: truncated at byte 99"
                .to_owned(),
            remedy: "use a backup".to_owned(),
        }),
        other => OffsetsInput::File(OffsetsFile {
            path,
            sha256: "1".repeat(64),
            length: if other == Some("empty") { 0 } else { 180 },
            age_ms: Some(case.age_ms.unwrap_or(3_600_000)),
            trailing: 0,
            entries: entries.collect(),
        }),
    }
}

fn running(running: &Running) -> RunningConnector {
    RunningConnector {
        name: running.name.clone(),
        config: running.config.clone(),
        kind: running.kind.clone(),
        state: running.state.clone(),
        target: None,
        tasks: running.tasks.clone(),
        offsets: running.offsets.clone(),
    }
}

fn choices(case: &Case) -> Choices {
    Choices {
        group_id: case.group_id.clone(),
        config_topic: None,
        offset_topic: None,
        status_topic: None,
        replication_factor: case
            .replication_factor
            .map_or(ReplicationFactor::Auto, ReplicationFactor::Fixed),
        set: case.set.clone(),
        renames: case
            .rename
            .iter()
            .map(|(old, new)| Rename {
                old: old.clone(),
                new: new.clone(),
            })
            .collect(),
        delete_old: case.delete_old,
        accept: case.accept.clone(),
        adopt: case.adopt,
        overwrite_offsets: case.overwrite_offsets,
        no_offsets: false,
        source_stopped: case.source_stopped,
        offline: case.offline,
        initial_state: TargetState::Started,
        register_on: case.register_on.clone(),
        verify: match (case.run, case.control) {
            (true, _) => Verification::Run,
            (false, true) => Verification::Control,
            (false, false) => Verification::None,
        },
        out: PathBuf::from("distributed"),
    }
}

fn observed(cluster: &Cluster) -> Observed {
    let group = |sink: &Sink| SinkGroup {
        state: if sink.members.is_empty() {
            "Empty"
        } else {
            "Stable"
        }
        .to_owned(),
        members: sink.members.clone(),
        positions: sink
            .positions
            .iter()
            .map(|(topic, partition, committed, end)| {
                let position = PartitionPosition {
                    committed: *committed,
                    end: *end,
                };
                ((topic.clone(), *partition), position)
            })
            .collect(),
    };
    Observed {
        cluster_id: Some(cluster.id.clone()),
        brokers: (1..=cluster.brokers)
            .map(|id| Broker {
                id,
                host: format!("kafka-{id}"),
                port: 9092,
                rack: None,
            })
            .collect(),
        topic_names: cluster.topic_names.clone(),
        topics: cluster.topics.iter().map(topic).collect(),
        connect_group: (!cluster.members.is_empty()).then(|| ConnectGroup {
            state: "Stable".to_owned(),
            protocol_type: "connect".to_owned(),
            members: cluster.members.clone(),
            urls: cluster.member_urls.clone(),
        }),
        groups: cluster.groups.clone(),
        stored_connectors: cluster
            .connectors
            .iter()
            .map(|(name, stored)| (name.clone(), stored_connector(stored)))
            .collect(),
        stored_offsets: stored_offsets(cluster),
        undecided_offsets: cluster.undecided.clone(),
        unsettled_connectors: cluster.unsettled.clone(),
        isolations: Isolations::default(),
        source_stores: SourceStores::default(),
        own_offsets: cluster.own_offsets.iter().map(own_offsets).collect(),
        sink_groups: cluster
            .sink_groups
            .iter()
            .map(|(name, sink)| (name.clone(), group(sink)))
            .collect(),
        broker_settings: cluster.broker_settings.clone(),
        hidden_topics: cluster.hidden_topics.iter().map(refusal).collect(),
        create_refused: cluster.create_refused.iter().map(refusal).collect(),
        source_cluster_id: cluster.source_cluster_id.clone(),
        source_answers: cluster.source_answers.clone(),
        source_rest_gone: cluster.source_rest_gone,
        source_unclear: Vec::new(),
        handed_over: cluster.handed_over.clone(),
        offsets_before: cluster.offsets_before.clone(),
    }
}

fn topic((name, topic): (&String, &Topic)) -> (String, ObservedTopic) {
    let observed = ObservedTopic {
        partitions: topic.partitions,
        replication_factor: 3,
        configs: topic.configs.clone(),
        has_records: topic.has_records,
        lagging: topic.lagging.clone(),
    };
    (name.clone(), observed)
}

/// A reason that is no authorization error is any other.
fn refusal((name, reason): (&String, &String)) -> (String, TopicRefusal) {
    let refusal = TopicRefusal {
        reason: reason.clone(),
        is_permission: reason.contains("AUTHORIZATION"),
        remedy: None,
    };
    (name.clone(), refusal)
}

fn stored_connector(stored: &Stored) -> StoredConnector {
    StoredConnector {
        config: stored.config.clone(),
        target: stored.state,
        has_run: stored.has_run,
        may_have_run: stored.has_run,
        running_tasks: 0,
    }
}

fn own_offsets((connector, held): (&String, &BTreeMap<String, String>)) -> (String, OwnOffsets) {
    let bytes = |(key, value): (&String, &String)| {
        (
            Bytes::copy_from_slice(key.as_bytes()),
            Some(Bytes::copy_from_slice(value.as_bytes())),
        )
    };
    let own = OwnOffsets {
        store: OwnStore {
            topic: format!("{connector}.offsets"),
            place: Place::Here,
            is_named: true,
        },
        held: Some(held.iter().map(bytes).collect()),
        is_open: false,
    };
    (connector.clone(), own)
}

fn stored_offsets(cluster: &Cluster) -> StoredOffsets {
    let partitions = cluster
        .topics
        .values()
        .find(|t| t.partitions > 5)
        .map_or(25, |t| i32::try_from(t.partitions).expect("few"));
    let offsets = cluster.offsets.iter().enumerate();
    offsets
        .map(|(at, offset)| {
            let key = Bytes::copy_from_slice(offset.key.as_bytes());
            let stored = StoredOffset {
                partition: (partition_of(&key, partitions) + offset.astray) % partitions,
                offset: i64::try_from(at).expect("few"),
                value: offset
                    .value
                    .as_ref()
                    .map(|v| Bytes::copy_from_slice(v.as_bytes())),
                otherwise: offset.committed.as_ref().map(|committed| {
                    Box::new(Otherwise {
                        isolation: Isolation::ReadCommitted,
                        value: Some(Bytes::copy_from_slice(committed.as_bytes())),
                    })
                }),
                elsewhere: offset
                    .elsewhere
                    .iter()
                    .map(|partition| Elsewhere {
                        partition: *partition,
                        value: None,
                    })
                    .collect(),
            };
            (key, stored)
        })
        .collect()
}

/// The files of `expected/`, by path.
fn outputs(plan: &Plan) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut outputs: BTreeMap<PathBuf, Vec<u8>> = plan
        .files
        .iter()
        .map(|file| (file.path.clone(), file.after.clone()))
        .collect();
    let page = anstream::adapter::strip_str(&render::text(plan, None)).to_string();
    outputs.insert(PathBuf::from("plan.txt"), page.into_bytes());
    let json = format!("{:#}\n", render::json(plan));
    outputs.insert(PathBuf::from("plan.json"), json.into_bytes());
    outputs
}

fn kept(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut kept = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).into_iter().flatten() {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("inside").to_owned();
                kept.insert(name, std::fs::read(&path).expect("readable"));
            }
        }
    }
    kept
}

#[test]
fn every_deployment_gets_the_plan_that_is_kept() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for folder in cases() {
        let outputs = outputs(&plan_of(&folder));
        let expected = folder.join("expected");
        if bless {
            if expected.exists() {
                std::fs::remove_dir_all(&expected).expect("removable");
            }
            for (name, bytes) in &outputs {
                let path = expected.join(name);
                std::fs::create_dir_all(path.parent().expect("inside")).expect("writable");
                std::fs::write(path, bytes).expect("writable");
            }
        }
        let kept = kept(&expected);
        let names: BTreeSet<&PathBuf> = kept.keys().chain(outputs.keys()).collect();
        for name in names {
            if kept.get(name) != outputs.get(name) {
                let text = |b: Option<&Vec<u8>>| {
                    b.map_or("(absent)".into(), |b| {
                        String::from_utf8_lossy(b).into_owned()
                    })
                };
                wrong.push(format!(
                    "{}/{}\n--- kept\n{}\n--- now\n{}",
                    folder.display(),
                    name.display(),
                    text(kept.get(name)),
                    text(outputs.get(name))
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nBLESS=1 rewrites them",
        wrong.join("\n")
    );
}

#[test]
fn the_seeds_worker_file_changes_by_exactly_the_five_lines_of_the_article() {
    let plan = plan_of(&root().join("seed"));
    let diff = connectctl::plan::diff::of(&plan.files[0]);
    let changed: Vec<String> = diff
        .iter()
        .map(connectctl::plan::diff::Line::text)
        .filter(|line| line.starts_with(['+', '-']))
        .collect();
    assert_eq!(
        changed,
        [
            "-offset.storage.file.filename=/tmp/connect.offsets",
            "+group.id=local-file-sink",
            "+config.storage.topic=_local_file_sink.config",
            "+offset.storage.topic=_local_file_sink.offset",
            "+status.storage.topic=_local_file_sink.status",
        ]
    );
}

#[test]
fn the_list_of_findings_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
    let (start, end) = ("<!-- table: begin -->\n", "<!-- table: end -->");
    let text = read(&path);
    let (before, rest) = text.split_once(start).expect("the begin mark");
    let (kept, after) = rest.split_once(end).expect("the end mark");
    if std::env::var_os("BLESS").is_some() {
        let text = format!("{before}{start}{}{end}{after}", table());
        std::fs::write(&path, text).expect("writable");
        return;
    }
    assert_eq!(kept, table(), "BLESS=1 rewrites docs/findings.md");
}

#[test]
fn every_finding_of_the_list_is_shown_by_the_test_it_names() {
    let sources = kept(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let tests = kept(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"));
    let code: String = sources
        .iter()
        .chain(&tests)
        .filter(|(path, _)| path.extension().is_some_and(|e| e == "rs"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    let mut missing = Vec::new();
    for pitfall in CATALOGUE {
        for (listing, test) in pitfall.listed {
            let shown = match listing {
                Listing::Undecidable => true,
                Listing::Warn | Listing::Impossible => code.contains(&format!("fn {test}()")),
                Listing::Block | Listing::Fixed => {
                    let class = if *listing == Listing::Block {
                        "block"
                    } else {
                        "fixed"
                    };
                    has_finding(&root().join(test), pitfall.id, class)
                }
            };
            if !shown {
                missing.push(format!("{} {}: {test}", pitfall.id, listing.text()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    let numbered = (1..=60).filter(|n| !CATALOGUE.iter().any(|p| p.id == format!("P{n}")));
    assert_eq!(numbered.count(), 0, "all 60 pitfalls are listed");
}

fn has_finding(folder: &Path, id: &str, class: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(folder.join("expected/plan.json")) else {
        return false;
    };
    let plan: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    plan["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|f| f["id"] == id && f["class"] == class)
}

#[test]
fn every_finding_of_the_fixtures_is_listed_with_its_class() {
    for folder in cases() {
        for finding in plan_of(&folder).findings {
            let class = match finding.class {
                connectctl::plan::Class::Block => Listing::Block,
                connectctl::plan::Class::Warn => Listing::Warn,
                connectctl::plan::Class::Fixed => Listing::Fixed,
                connectctl::plan::Class::Info => continue,
            };
            let listed = CATALOGUE.iter().find(|p| p.id == finding.id);
            let listed = listed.unwrap_or_else(|| panic!("{} is not listed", finding.id));
            assert!(
                listed.listed.iter().any(|(l, _)| *l == class),
                "{} is not listed as {}",
                finding.id,
                class.text()
            );
        }
    }
}
