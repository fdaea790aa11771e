//! No credential is seen anywhere but in the files that need it: not on stdout and stderr, not in logs of any depth, not in
//! reports, plans and names of files, whether a run succeeds or fails, over a real TLS and SASL connection.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;

use crate::live_security::{SCRAM_PASSWORD, fixture};
use crate::support::certificates::STORE_PASSWORD;
use crate::support::world::World;
use crate::support::{ports, require_kafka};

/// In every value that is nobody's password.
const CANARY: &str = "canary-9d2e";

/// Settings with a credential as their value, by the names that Kafka and its connectors give them.
const SECRET_KEYS: &[&str] = &[
    "ssl.key.password",
    "producer.ssl.keystore.password",
    "consumer.ssl.truststore.password",
    "admin.sasl.jaas.config",
    "listeners.https.ssl.key.password",
    "sasl.oauthbearer.client.credentials.client.secret",
    "config.providers.vault.param.token",
    "value.converter.basic.auth.user.info",
    "value.converter.schema.registry.basic.auth.user.info",
    "producer.override.sasl.jaas.config",
    "aws.secret.access.key",
    "azure.account.key",
    "database.password",
    "connection.password",
    "api.key",
    "my_api_token",
    "webhook.authorization",
];

struct Trial {
    world: World,
    /// Everything that must not be seen.
    canaries: Vec<String>,
    /// Everything that was.
    seen: String,
}

impl Trial {
    fn new() -> Self {
        let mut world = World::new();
        // Nothing but -v decides what is logged.
        world.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
        let key = fixture().certificates.text("client.key");
        let body = key.lines().nth(1).expect("a PEM body").to_owned();
        let mut canaries: Vec<String> = [CANARY, SCRAM_PASSWORD, STORE_PASSWORD]
            .map(str::to_owned)
            .to_vec();
        for user in ["operator", "alice"] {
            for password in [CANARY, SCRAM_PASSWORD] {
                let pair = format!("{user}:{password}");
                canaries.push(base64::engine::general_purpose::STANDARD.encode(pair));
                let sasl = format!("\0{user}\0{password}");
                canaries.push(base64::engine::general_purpose::STANDARD.encode(sasl));
            }
        }
        canaries.push(base64::engine::general_purpose::STANDARD.encode(CANARY));
        canaries.push(body);
        Self {
            world,
            canaries,
            seen: String::new(),
        }
    }

    /// Runs with every log there is, and keeps what was said.
    #[track_caller]
    fn run(&mut self, code: i32, words: &[&str]) -> String {
        let ran = self.world.run(words.iter().chain(&["-vvv"]));
        assert_eq!(ran.code, code, "{words:?}: {}", self.hidden(&ran.stderr));
        let said = format!("{}\n{}\n", ran.stdout, ran.stderr);
        self.seen += &said;
        said
    }

    /// A failing test must not be the leak.
    fn hidden(&self, text: &str) -> String {
        let hide = |text: String, canary: &String| text.replace(canary, "<CANARY>");
        self.canaries.iter().fold(text.to_owned(), hide)
    }

    #[track_caller]
    fn judge(&mut self) {
        let mut files = Vec::new();
        walk(self.world.root(), &mut files);
        for path in &files {
            self.seen += &path.to_string_lossy();
            self.seen += "\n";
            if path.ends_with("report.json") {
                self.seen += &fs::read_to_string(path).expect("readable");
            }
            let bytes = fs::read(path).expect("readable");
            let text = String::from_utf8_lossy(&bytes);
            let ours = path.starts_with(self.world.path("distributed"));
            if ours && self.canaries.iter().any(|canary| text.contains(canary)) {
                let mode = fs::metadata(path).expect("there").permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", path.display());
            }
        }
        for canary in &self.canaries {
            let shown: Vec<_> = self
                .seen
                .lines()
                .filter(|line| line.contains(canary))
                .collect();
            let shown = self.hidden(&shown.join("\n"));
            assert!(shown.is_empty(), "a credential is shown:\n{shown}");
        }
        assert!(self.seen.contains("DEBUG"), "the logs were not looked at");
    }
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("the world is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// A worker file with a login, a trust store with a password, a key in PEM, and a secret under every other key.
fn worker(password: &str) -> String {
    let fixture = fixture();
    let key = fixture.certificates.text("client.key").replace('\n', "\\n");
    let chain = fixture.certificates.text("client.crt").replace('\n', "\\n");
    let mut text = format!(
        "bootstrap.servers={}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n\
         offset.storage.file.filename=connect.offsets\n\
         security.protocol=SASL_SSL\n\
         sasl.mechanism=SCRAM-SHA-512\n\
         sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" password=\"{password}\";\n\
         ssl.truststore.type=PKCS12\n\
         ssl.truststore.location={}\n\
         ssl.truststore.password={STORE_PASSWORD}\n\
         ssl.keystore.type=PEM\n\
         ssl.keystore.key={key}\n\
         ssl.keystore.certificate.chain={chain}\n\
         # before the last rotation: {CANARY}\n\
         #old.password={CANARY}\n\
         listeners=http://127.0.0.1:{}\n",
        fixture.kafka.listener("LOGINTLS"),
        fixture.certificates.path("ca.p12"),
        ports::free(),
    );
    // An encrypted key would want its password; this one has none.
    for name in SECRET_KEYS
        .iter()
        .filter(|name| **name != "ssl.key.password")
    {
        text += &[name, "=", CANARY, "\n"].concat();
    }
    text
}

fn connector(name: &str, class: &str, more: &str) -> String {
    let mut text = format!("name={name}\nconnector.class={class}\n{more}");
    for key in SECRET_KEYS {
        text += &[key, "=", CANARY, "\n"].concat();
    }
    text + &format!(
        "connection.url=jdbc:postgresql://user:{CANARY}@db/x\n\
         service.uri=https://user:{CANARY}@host/path\n\
         jdbc.url=jdbc:sqlserver://h;user=u;password={CANARY};encrypt=true\n\
         http.headers=Authorization: Bearer {CANARY}\n"
    )
}

#[test]
fn no_credential_is_shown_by_any_command_whether_it_succeeds_or_fails() {
    require_kafka!();
    let mut trial = Trial::new();
    trial
        .world
        .file("worker.properties", worker(SCRAM_PASSWORD));
    trial.world.file("wrong.properties", worker(CANARY));
    let unclosed = worker(SCRAM_PASSWORD).replace("\";\n", "\n");
    trial.world.file("unclosed.properties", unclosed);
    let store = worker(SCRAM_PASSWORD).replace(STORE_PASSWORD, CANARY);
    trial.world.file("store.properties", store);
    let sink = connector(
        "canary-sink",
        "FileStreamSink",
        "topics=canary-lines\nfile=/tmp/out\n",
    );
    trial.world.file("sink.properties", &sink);
    let url = format!("http://operator:{CANARY}@127.0.0.1:{}", ports::free());
    let set = format!("producer.override.ssl.key.password={CANARY}");

    let migrate = |file: &'static str| ["migrate", file, "sink.properties", "--group-id", "canary"];
    let with = |file: &'static str, more: &[&'static str]| [&migrate(file)[..], more].concat();
    trial.run(
        3,
        &with("worker.properties", &["--source-stopped", "--dry-run"]),
    );
    trial.run(
        3,
        &with(
            "worker.properties",
            &["--source-stopped", "--dry-run", "-o", "json"],
        ),
    );
    trial.run(
        0,
        &[
            &with("worker.properties", &["--source-stopped", "--yes", "--set"])[..],
            &[&set],
        ]
        .concat(),
    );
    // Another secret: the diff and the backup show that it changed, not what it is.
    trial.run(
        0,
        &with(
            "worker.properties",
            &["--source-stopped", "--yes", "-o", "json"],
        ),
    );
    let refused = trial.run(1, &with("wrong.properties", &["--dry-run"]));
    assert!(
        refused.contains("refused the login with SCRAM-SHA-512"),
        "the path was not taken"
    );
    trial.run(1, &with("unclosed.properties", &["--dry-run"]));
    trial.run(1, &with("store.properties", &["--dry-run"]));
    trial.run(
        1,
        &[
            &with(
                "worker.properties",
                &["--source-stopped", "--dry-run", "--url"],
            )[..],
            &[&url],
        ]
        .concat(),
    );
    trial.run(
        1,
        &[
            &with("worker.properties", &["--dry-run", "--source-url"])[..],
            &[&url],
        ]
        .concat(),
    );
    trial.run(1, &["capture", "--source-url", &url, "--out", "captured"]);
    trial.run(
        2,
        &[
            "capture",
            "--source-url",
            &url.replace("http://", ""),
            "--out",
            "captured",
        ],
    );
    for file in ["worker.properties", "sink.properties"] {
        for format in ["table", "wide", "json", "yaml", "properties"] {
            trial.run(0, &["config", "show", file, "-o", format]);
        }
    }
    let generated = "distributed/distributed.properties";
    trial.run(0, &["topics", "check", "--worker-config", generated]);
    trial.run(
        0,
        &[
            "topics",
            "describe",
            "--worker-config",
            generated,
            "-o",
            "json",
        ],
    );
    trial.run(0, &["offsets", "show", "--worker-config", generated]);
    trial.run(
        1,
        &["topics", "check", "--worker-config", "wrong.properties"],
    );
    trial.judge();
    let written = trial.world.read("distributed/connectors/canary-sink.json");
    assert!(written.contains(CANARY), "what is written is usable");
}
