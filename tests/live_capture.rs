//! `capture` and `migrate --source-url` on real standalone workers: over HTTPS with a private authority and a login, with
//! connectors that live in the worker's memory only, and the whole way out of a pod without a volume.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::certificates::{Certificates, STORE_PASSWORD};
use crate::support::connect::{Deployment, Distributed, Standalone, Worker};
use crate::support::world::{Ran, World};
use crate::support::{kafka, maven, ports, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);
const USER: &str = "operator:canary-rest-pass";
const SOURCE: &str = "org.apache.kafka.connect.file.FileStreamSourceConnector";

/// A pod: a worker with a private certificate, a login, and an offsets file that goes with it.
struct Pod {
    world: World,
    deployment: Deployment,
    worker: Option<Worker>,
    certificates: Certificates,
    /// `https://127.0.0.1:port`.
    https: String,
    name: String,
}

impl Pod {
    /// Starts the worker with a source and a sink from files.
    fn start(name: &str) -> Self {
        let world = World::new();
        let certificates = Certificates::make();
        let http = format!("http://127.0.0.1:{}", ports::free());
        let https = format!("https://127.0.0.1:{}", ports::free());
        let listeners = format!("{http},{https}");
        let keys = certificates.path("broker.p12");
        let mut deployment = Deployment::with(
            &world.path("pod"),
            &kafka::shared().bootstrap(),
            &[
                ("listeners", &listeners),
                ("listeners.https.ssl.keystore.type", "PKCS12"),
                ("listeners.https.ssl.keystore.password", STORE_PASSWORD),
                ("listeners.https.ssl.keystore.location", &keys),
                (
                    "rest.extension.classes",
                    "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension",
                ),
            ],
        );
        let (a, b) = (topic(name, "a"), topic(name, "b"));
        deployment
            .file_source(&format!("{name}-a"), &world.path("a.txt"), &a)
            .file_sink(
                &format!("{name}-sink"),
                &format!("{a},{b}"),
                &world.path("out.txt"),
            );
        let login = login(&world);
        let mut worker = Standalone::start_with(&deployment, &[login]);
        worker.url = http;
        worker.user = Some(USER.to_owned());
        Self {
            world,
            deployment,
            worker: Some(worker),
            certificates,
            https,
            name: name.to_owned(),
        }
    }

    fn worker(&self) -> &Worker {
        self.worker.as_ref().expect("the pod runs")
    }

    /// Sends a request to the worker as its operator.
    #[track_caller]
    fn rest(&self, method: &str, path: &str, body: Option<&Value>) {
        let url = format!("{}/{path}", self.worker().url);
        let answer = rest::request_as(Some(USER), method, &url, body).expect("the worker answers");
        _ = answer.success();
    }

    /// What an operator did over REST since the start: a source of its own, another setting, a pause.
    fn live_on(&self) {
        let name = &self.name;
        self.rest(
            "POST",
            "connectors",
            Some(&json!({
                "name": format!("{name}-b"),
                "config": {
                    "connector.class": SOURCE,
                    "tasks.max": "1",
                    "file": self.world.path("b.txt"),
                    "topic": topic(name, "b"),
                    "password.of.nothing": "canary-config-pass",
                },
            })),
        );
        self.rest(
            "PATCH",
            &format!("connectors/{name}-a/config"),
            Some(&json!({"batch.size": "500"})),
        );
        self.rest(
            "POST",
            "connectors",
            Some(&json!({
                "name": format!("{name}-asleep"),
                "config": {
                    "connector.class": SOURCE,
                    "tasks.max": "1",
                    "file": self.world.path("asleep.txt"),
                    "topic": topic(name, "asleep"),
                },
                "initial_state": "PAUSED",
            })),
        );
        self.worker().wait_running(&format!("{name}-b"));
    }

    fn capture(&self, more: &[&str]) -> Ran {
        let ca = self.certificates.path("ca.pem");
        let words = [
            "capture",
            "--source-url",
            &self.https,
            "--cacert",
            &ca,
            "--user",
            USER,
            "--out",
            "captured",
        ];
        self.world.run(words.iter().chain(more))
    }

    fn migrate(&self, connectors: &[PathBuf], more: &[&str]) -> Ran {
        let mut words = vec![
            "migrate".to_owned(),
            self.deployment.worker.display().to_string(),
        ];
        words.extend(connectors.iter().map(|path| path.display().to_string()));
        words.extend(["--group-id".to_owned(), self.name.clone()]);
        // It never ran: it was made paused.
        words.extend([
            "--accept".to_owned(),
            format!("no-position:{}-asleep", self.name),
        ]);
        words.extend(more.iter().map(ToString::to_string));
        self.world.run(words)
    }

    /// `migrate --source-url` with the files that the worker was started with.
    fn migrate_live(&self, more: &[&str]) -> Ran {
        let ca = self.certificates.path("ca.pem");
        let mut words = vec!["--source-url", &self.https, "--cacert", &ca, "--user", USER];
        words.extend(more);
        self.migrate(&self.deployment.connectors, &words)
    }

    fn append(&self, letter: char, numbers: std::ops::Range<u32>) {
        use std::io::Write as _;
        let file = self.world.path(format!("{letter}.txt"));
        let open = fs::OpenOptions::new().create(true).append(true).open(file);
        let mut file = open.expect("the world is writable");
        for number in numbers {
            writeln!(file, "{letter} {number}").expect("the world is writable");
        }
    }

    /// Waits until the sink's file has the lines below `end` of both sources once each, and nothing else.
    #[track_caller]
    fn expect_lines(&self, end: u32) {
        let output = self.world.path("out.txt");
        let lines = || {
            let text = fs::read_to_string(&output).unwrap_or_default();
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let both = ['a', 'b'].iter();
        let mut expected: Vec<_> = both
            .flat_map(|letter| (0..end).map(move |number| format!("{letter} {number}")))
            .collect();
        expected.sort();
        wait::expect("every line arrives", PATIENCE, || {
            lines().len() >= expected.len()
        });
        assert_eq!(lines(), expected, "nothing lost, nothing twice");
    }

    fn captured_connectors(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.world.path("captured/connectors")).expect("captured");
        let paths = folder.map(|entry| entry.expect("captured").path());
        let mut paths: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect();
        paths.sort();
        paths
    }
}

fn topic(name: &str, letter: &str) -> String {
    format!("{name}-{letter}-lines")
}

/// Writes what `BasicAuthSecurityRestExtension` needs, and returns the JVM argument that names it.
fn login(world: &World) -> String {
    let (user, password) = USER.split_once(':').expect("name and password");
    let users = world.file("users.properties", format!("{user}={password}\n"));
    let module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule";
    let jaas = world.file(
        "jaas.conf",
        format!(
            "KafkaConnect {{ {module} required file=\"{}\"; }};\n",
            users.display()
        ),
    );
    format!("-Djava.security.auth.login.config={}", jaas.display())
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
    for canary in ["canary-rest-pass", "canary-config-pass", STORE_PASSWORD] {
        assert!(!said.contains(canary), "{canary} is in:\n{said}");
    }
}

#[test]
fn a_pod_without_a_volume_is_captured_and_goes_on_where_it_stopped() {
    require_kafka!();
    let mut pod = Pod::start("podless");
    pod.live_on();
    pod.append('a', 0..20);
    pod.append('b', 0..20);
    pod.expect_lines(20);

    let running = pod.capture(&["--dry-run"]).code(3);
    says(
        &running,
        &[
            "not stopped, so their positions move on: podless-a, podless-asleep, podless-b, podless-sink",
            "--stop",
        ],
    );
    assert!(
        !pod.world.path("captured").exists(),
        "a dry run writes nothing"
    );
    let refused = pod.capture(&["--stop"]).code(5);
    says(
        &refused,
        &[
            "there is no terminal to ask on: nothing was stopped",
            "hint: add --yes",
        ],
    );
    let would = pod.capture(&["--stop", "--dry-run"]).code(3);
    says(
        &would,
        &["would stop podless-a, podless-asleep, podless-b, podless-sink"],
    );
    live_plan_of_a_running_worker(&pod);

    let ran = pod.capture(&["--stop", "--yes", "-vvv"]).success();
    says(
        &ran,
        &[
            "stopped podless-a",
            "offsets: 2 (from rest)",
            "podless-asleep was paused",
            "next: stop the process, then: connectctl migrate WORKER.properties captured/connectors/*.json --group-id NAME --offsets captured/connect.offsets --source-stopped",
        ],
    );
    captured_is_what_the_worker_has(&pod);
    live_plan_of_a_stopped_worker(&pod);

    // The pod goes, and its offsets file with it.
    pod.worker.take().expect("the pod runs").stop();
    fs::remove_file(&pod.deployment.offsets).expect("the pod had one");
    pod.append('a', 20..30);
    pod.append('b', 20..30);
    let captured = pod.captured_connectors();
    let offsets = ["--offsets", "captured/connect.offsets"];
    // However old the file is: nobody writes it, and its age shows nothing of the worker.
    let file = pod.world.path("captured/connect.offsets");
    fs::File::options()
        .append(true)
        .open(&file)
        .and_then(|file| file.set_modified(std::time::UNIX_EPOCH))
        .expect("the file's time can be set");
    let unknown = pod
        .migrate(&captured, &[&offsets[..], &["--yes"]].concat())
        .code(5);
    says(
        &unknown,
        &[
            "P8",
            "captured/connect.offsets was saved by connectctl capture",
        ],
    );
    let options = [&offsets[..], &["--source-stopped", "--yes"]].concat();
    says(
        &pod.migrate(&captured, &options).success(),
        &["Result: done"],
    );
    let file = pod.world.path("distributed/distributed.properties");
    let mut distributed = Distributed::start_with(&file, &[login(&pod.world)]);
    distributed.user = Some(USER.to_owned());
    let options = [&options[..], &["--url", &distributed.url, "--user", USER]].concat();
    says(
        &pod.migrate(&captured, &options).success(),
        &["connectors registered: kept"],
    );
    pod.expect_lines(30);
    let url = format!("{}/connectors/podless-asleep/status", distributed.url);
    let asleep = rest::request_as(Some(USER), "GET", &url, None)
        .expect("it answers")
        .json();
    assert_eq!(
        asleep["connector"]["state"], "PAUSED",
        "a pause survives the stop"
    );
    distributed.stop();
}

/// What lives in memory only, what differs from the files, what is paused, and that the worker is at work.
#[track_caller]
fn live_plan_of_a_running_worker(pod: &Pod) {
    let ran = pod.migrate_live(&["--dry-run", "-o", "json"]).code(5);
    let plan = ran.json();
    let has = |id: &str, class: &str, subject: &str| {
        let findings = plan["findings"].as_array().expect("findings");
        assert!(
            findings
                .iter()
                .any(|f| f["id"] == id && f["class"] == class && f["subject"] == subject),
            "{id} {class} {subject}: {findings:#?}"
        );
    };
    has("P21", "fixed", "podless-b");
    has("P22", "warn", "podless-a");
    has("P23", "fixed", "podless-asleep");
    assert_eq!(plan["standalone_stopped"], "unknown");
    let a = plan["connectors"].as_array().expect("connectors").iter();
    let a = a
        .clone()
        .find(|c| c["name"] == "podless-a")
        .expect("it is in the plan");
    assert_eq!(
        a["config"]["batch.size"], "500",
        "the running configuration wins"
    );
    says(&ran, &["podless-a is RUNNING with 1 task"]);
}

#[track_caller]
fn live_plan_of_a_stopped_worker(pod: &Pod) {
    let ran = pod.migrate_live(&["--dry-run"]).code(3);
    says(
        &ran,
        &["standalone_stopped: proven (every connector is STOPPED with no task, says https://"],
    );
    // The file of some other worker: what this one shows is not in it.
    pod.world.file("other.offsets", OTHER);
    let other = pod
        .migrate_live(&["--dry-run", "--offsets", "other.offsets"])
        .code(5);
    says(
        &other,
        &[
            "rest-differs",
            "hint: rest-differs: --offsets FILE with the file of that worker",
        ],
    );
}

/// The map of a worker that never had a position.
const OTHER: &[u8] = b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16`\xd1\x03\x00\x02F\x00\nloadFactorI\x00\tthresholdxp?@\x00\x00\x00\x00\x00\x0cw\x08\x00\x00\x00\x10\x00\x00\x00\x00x";

/// The captured offsets have the bytes of the worker's own file, and all that holds a secret is for the owner alone.
#[track_caller]
fn captured_is_what_the_worker_has(pod: &Pod) {
    let listed = |path: &str| {
        let ran = pod
            .world
            .run(["offsets", "show", path, "-o", "json"])
            .success();
        ran.json()
    };
    assert_eq!(
        listed("captured/connect.offsets"),
        listed(&pod.deployment.offsets.display().to_string())
    );
    let inventory: Value =
        serde_json::from_str(&pod.world.read("captured/inventory.json")).expect("JSON");
    crate::cli_documents::inventory_as_documented(&inventory);
    let stopped = inventory["connectors"]
        .as_array()
        .expect("connectors")
        .iter();
    assert!(
        stopped.clone().all(|c| c["state"] == "STOPPED"),
        "{inventory:#}"
    );
    assert_eq!(pod.captured_connectors().len(), 4);
    let b = pod.world.read("captured/connectors/podless-b.json");
    assert!(
        b.contains("canary-config-pass"),
        "what was captured is usable: {b}"
    );
    for file in [
        "inventory.json",
        "connect.offsets",
        "connectors/podless-b.json",
    ] {
        let mode = fs::metadata(pod.world.path("captured").join(file))
            .expect("captured")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    // With the file itself, byte for byte; a second capture of the same changes nothing.
    let file = pod.deployment.offsets.display().to_string();
    says(
        &pod.capture(&["--offsets", &file]).success(),
        &["offsets: 2 (from file)"],
    );
    let bytes = |path: PathBuf| fs::read(path).expect("readable");
    assert_eq!(
        bytes(pod.world.path("captured/connect.offsets")),
        bytes(pod.deployment.offsets.clone())
    );
    let before = pod.world.read("captured/inventory.json");
    _ = pod.capture(&["--offsets", &file]).success();
    assert_eq!(pod.world.read("captured/inventory.json"), before);
}

#[test]
fn every_way_to_miss_a_worker_is_told_apart() {
    require_kafka!();
    let pod = Pod::start("missed");
    let ca = pod.certificates.path("ca.pem");
    let other = pod.certificates.path("other-ca.pem");
    let port = |url: &str| url.rsplit_once(':').expect("a port").1.to_owned();
    let https_on_plain = format!("https://127.0.0.1:{}", port(&pod.worker().url));
    let http_on_tls = format!("http://127.0.0.1:{}", port(&pod.https));
    let elsewhere = format!("https://0.0.0.0:{}", port(&pod.https));
    for (words, said) in [
        (
            vec!["--source-url", &pod.https, "--user", USER],
            [
                "no TLS session: the worker's certificate is not signed by an authority in the trust store",
                "hint: give the certificate of the authority that signed it: --cacert FILE",
            ],
        ),
        (
            vec![
                "--source-url",
                &pod.https,
                "--user",
                USER,
                "--cacert",
                &other,
            ],
            ["is not signed by", "--cacert FILE"],
        ),
        (
            vec!["--source-url", &elsewhere, "--user", USER, "--cacert", &ca],
            ["the worker's certificate is made out to", "not to 0.0.0.0"],
        ),
        (
            vec![
                "--source-url",
                &https_on_plain,
                "--user",
                USER,
                "--cacert",
                &ca,
            ],
            [
                "no TLS session: the answer is not TLS",
                "hint: is the listener plain HTTP? Then write http://",
            ],
        ),
        (
            vec!["--source-url", &http_on_tls, "--user", USER],
            [
                "did not answer in HTTP",
                "hint: is this a TLS port? Then write https://",
            ],
        ),
        (
            vec!["--source-url", &pod.https, "--cacert", &ca],
            [
                "answered 401: User cannot access the resource.",
                "hint: give the right user with --user",
            ],
        ),
        (
            vec![
                "--source-url",
                &pod.https,
                "--cacert",
                &ca,
                "--user",
                "operator:canary-rest-pass2",
            ],
            ["answered 401", "hint: give the right user with --user"],
        ),
    ] {
        let words = ["capture", "--out", "captured"].iter().chain(&words);
        says(&pod.world.run(words).code(1), &said);
    }
    assert!(!pod.world.path("captured").exists(), "nothing is written");
    // A worker that wants a login is there: it does not count as stopped.
    let blind = pod
        .migrate(&pod.deployment.connectors[..1], &["--dry-run"])
        .code(5);
    says(
        &blind,
        &["REST listener was not found closed", "answered 401"],
    );
}

#[test]
fn a_worker_before_3_5_is_captured_with_its_offsets_file() {
    require_kafka!();
    let world = World::new();
    let mut deployment = Deployment::new(&world.path("old"), &kafka::shared().bootstrap());
    fs::write(world.path("in.txt"), "one\ntwo\n").expect("writable");
    deployment.file_source("old-source", &world.path("in.txt"), "old-lines");
    let mut worker = Standalone::start_on(
        maven::CONNECT_3_4,
        &deployment.worker,
        &deployment.connectors,
    );
    worker.wait_running("old-source");
    wait::expect("the offsets are flushed", PATIENCE, || {
        deployment.offsets.exists()
    });
    let capture = |more: &[&str]| {
        let words = ["capture", "--source-url", &worker.url, "--out", "captured"];
        world.run(words.iter().chain(more))
    };
    says(
        &capture(&["--stop", "--yes"]).code(1),
        &[
            "this worker (Kafka 3.4.1) cannot stop connectors over REST, as 3.5 and later do: nothing was stopped",
            "hint: pause them (PUT /connectors/NAME/pause)",
            "kubectl exec POD -- cat",
        ],
    );
    says(
        &capture(&[]).code(4),
        &[
            "old-source: this worker (Kafka 3.4.1) does not show offsets over REST",
            "hint: give the worker's offsets file itself with --offsets FILE",
        ],
    );
    let file = deployment.offsets.display().to_string();
    says(
        &capture(&["--offsets", &file]).success(),
        &["offsets: 1 (from file)"],
    );
    worker.stop();
}
