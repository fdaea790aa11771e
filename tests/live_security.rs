//! TLS and SASL from the Java client's own settings, against the listeners of one real broker with ACLs.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectctl::io::kafka::admin_topics::NewTopic;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::error::KafkaError;
use connectctl::io::kafka::log::{self, Isolation};
use connectctl::io::kafka::seeder::{self, SeedRecord};
use connectctl::io::kafka::settings::ClientSettings;
use connectctl::model::properties::Properties;

use crate::support::certificates::{Certificates, KEY_PASSWORD, STORE_PASSWORD};
use crate::support::identity_provider::{AUDIENCE, CLIENT_ID, ISSUER, IdentityProvider};
use crate::support::kafka::{Kafka, KafkaOptions};
use crate::support::{ports, require_kafka};

const TIMEOUT: Duration = Duration::from_secs(8);
pub(crate) const PLAIN_PASSWORD: &str = "canary-plain";
pub(crate) const SCRAM_PASSWORD: &str = "canary-scram!x";
const CLIENT_SECRET: &str = "canary-secret";
/// Everything that must never be shown.
const CANARIES: &[&str] = &[
    PLAIN_PASSWORD,
    SCRAM_PASSWORD,
    CLIENT_SECRET,
    STORE_PASSWORD,
    KEY_PASSWORD,
    "canary",
];

pub(crate) struct Fixture {
    pub(crate) kafka: Kafka,
    pub(crate) certificates: Certificates,
    identity: IdentityProvider,
    pub(crate) runtime: tokio::runtime::Runtime,
}

pub(crate) fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let certificates = Certificates::make();
        let identity = IdentityProvider::start(CLIENT_SECRET);
        Fixture {
            kafka: Kafka::start(broker(&certificates, &identity)),
            certificates,
            identity,
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
        }
    })
}

const MODULES: &str = "org.apache.kafka.common.security";

fn broker(certificates: &Certificates, identity: &IdentityProvider) -> KafkaOptions {
    let mut options = KafkaOptions::default()
        .listener("TLS", "SSL")
        .listener("MUTUAL", "SSL")
        .listener("ELSEWHERE", "SSL")
        .listener("NAMELESS", "SSL")
        .listener("LOGIN", "SASL_PLAINTEXT")
        .listener("LOGINTLS", "SASL_SSL")
        .listener("PLAINONLY", "SASL_PLAINTEXT")
        .listener("UNSECURED", "SASL_PLAINTEXT")
        .property(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .property(
            "super.users",
            "User:ANONYMOUS;User:alice;User:connect;User:tester;User:CN=client",
        )
        .property("sasl.oauthbearer.jwks.endpoint.url", identity.jwks_url())
        .property("sasl.oauthbearer.expected.audience", AUDIENCE)
        .property("sasl.oauthbearer.expected.issuer", ISSUER);
    for (listener, certificate) in [
        ("tls", "broker"),
        ("mutual", "broker"),
        ("elsewhere", "elsewhere"),
        ("nameless", "nameless"),
        ("logintls", "broker"),
    ] {
        let key = |name: &str| format!("listener.name.{listener}.ssl.{name}");
        options = options
            .property(&key("keystore.type"), "PEM")
            .property(
                &key("keystore.location"),
                certificates.path(&format!("{certificate}.pem")),
            )
            .property(&key("truststore.type"), "PEM")
            .property(&key("truststore.location"), certificates.path("ca.pem"));
    }
    options = options.property("listener.name.mutual.ssl.client.auth", "required");
    for (listener, mechanisms) in [
        ("login", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"),
        ("logintls", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"),
        ("plainonly", "PLAIN"),
        ("unsecured", "OAUTHBEARER"),
    ] {
        options = sasl_listener(options, listener, mechanisms);
    }
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        options.scram.push(format!(
            "{mechanism}=[name=alice,password={SCRAM_PASSWORD}]"
        ));
        options
            .scram
            .push(format!("{mechanism}=[name=bob,password=bob]"));
        options
            .scram
            .push(format!("{mechanism}=[name=frank,password=frank]"));
    }
    options.jvm.push(format!(
        "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={}",
        identity.jwks_url()
    ));
    options.heap = 512;
    options
}

fn sasl_listener(mut options: KafkaOptions, listener: &str, mechanisms: &str) -> KafkaOptions {
    let key = |name: &str| format!("listener.name.{listener}.{name}");
    options = options.property(&key("sasl.enabled.mechanisms"), mechanisms);
    for mechanism in mechanisms.split(',') {
        let own = |name: &str| key(&format!("{}.{name}", mechanism.to_lowercase()));
        let jaas = match mechanism {
            "PLAIN" => format!(
                "{MODULES}.plain.PlainLoginModule required user_alice=\"{PLAIN_PASSWORD}\" user_bob=\"bob\" user_carol=\"carol\" user_dave=\"dave\" user_erin=\"erin\";"
            ),
            "OAUTHBEARER" => format!("{MODULES}.oauthbearer.OAuthBearerLoginModule required;"),
            _ => format!("{MODULES}.scram.ScramLoginModule required;"),
        };
        options = options.property(&own("sasl.jaas.config"), jaas);
        if mechanism == "OAUTHBEARER" && listener != "unsecured" {
            options = options.property(
                &own("sasl.server.callback.handler.class"),
                format!("{MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler"),
            );
        }
    }
    options
}

fn plain(user: &str, password: &str) -> Vec<(String, String)> {
    login("PLAIN", "plain.PlainLoginModule", user, password)
}

fn scram(mechanism: &str, user: &str, password: &str) -> Vec<(String, String)> {
    login(mechanism, "scram.ScramLoginModule", user, password)
}

fn login(mechanism: &str, module: &str, user: &str, password: &str) -> Vec<(String, String)> {
    pairs(&[
        ("sasl.mechanism", mechanism),
        (
            "sasl.jaas.config",
            &format!("{MODULES}.{module} required username=\"{user}\" password=\"{password}\";"),
        ),
    ])
}

fn oauth(url: &str, secret: &str) -> Vec<(String, String)> {
    pairs(&[
        ("sasl.mechanism", "OAUTHBEARER"),
        (
            "sasl.jaas.config",
            &format!("{MODULES}.oauthbearer.OAuthBearerLoginModule required;"),
        ),
        (
            "sasl.login.callback.handler.class",
            &format!("{MODULES}.oauthbearer.OAuthBearerLoginCallbackHandler"),
        ),
        ("sasl.oauthbearer.token.endpoint.url", url),
        ("sasl.oauthbearer.client.credentials.client.id", CLIENT_ID),
        ("sasl.oauthbearer.client.credentials.client.secret", secret),
        ("sasl.oauthbearer.scope", "kafka"),
        ("sasl.login.retry.backoff.max.ms", "300"),
    ])
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn trust_pem(certificates: &Certificates) -> Vec<(String, String)> {
    pairs(&[
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", &certificates.path("ca.pem")),
    ])
}

fn settings(address: &str, protocol: &str, more: &[Vec<(String, String)>]) -> ClientSettings {
    try_settings(address, protocol, more).expect("the settings are right")
}

fn try_settings(
    address: &str,
    protocol: &str,
    more: &[Vec<(String, String)>],
) -> Result<ClientSettings, connectctl::io::kafka::settings::SettingsError> {
    let mut properties: Properties = pairs(&[
        ("bootstrap.servers", address),
        ("security.protocol", protocol),
    ])
    .into_iter()
    .collect();
    properties.extend(more.iter().flatten().cloned());
    ClientSettings::from_properties(&properties, TIMEOUT)
}

/// Describes the cluster, makes a topic, writes through rskafka and sees the record: the whole of what a migration needs.
#[track_caller]
fn works(settings: &ClientSettings, topic: &str) {
    let fixture = fixture();
    assert_hides_secrets(&format!("{settings:?}"));
    fixture.runtime.block_on(async {
        let cluster = Cluster::connect(settings.clone())
            .await
            .expect("the broker serves");
        assert_eq!(
            cluster
                .describe()
                .await
                .expect("the broker serves")
                .brokers
                .len(),
            1
        );
        let new = NewTopic {
            name: topic.to_owned(),
            partitions: 1,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        let created = cluster
            .create_topics(&[new], false)
            .await
            .expect("the broker serves");
        assert_eq!(created[topic], Ok(()));
        let record = SeedRecord {
            key: Bytes::from_static(b"key"),
            value: Some(Bytes::from_static(b"value")),
        };
        let seeded = seeder::seed(settings, topic, 1, &[record], |_| ()).await;
        assert_eq!(seeded.expect("rskafka writes").records(), 1);
        let mut read = Vec::new();
        log::read_to_end(&cluster, topic, Isolation::ReadCommitted, |_, record| {
            read.push(record.value);
        })
        .await
        .expect("the broker serves");
        assert_eq!(read, [Some(Bytes::from_static(b"value"))]);
    });
}

/// Returns the error and its hint, with ports replaced; it must come before the deadline.
#[track_caller]
fn fails(settings: ClientSettings) -> String {
    let started = Instant::now();
    let error = fixture()
        .runtime
        .block_on(Cluster::connect(settings))
        .expect_err("it must fail");
    assert!(
        started.elapsed() < TIMEOUT,
        "{:?}: {error}",
        started.elapsed()
    );
    assert_hides_secrets(&format!("{error:?}"));
    shown(&error)
}

fn shown(error: &KafkaError) -> String {
    let text = format!("{error}\n{}", error.hint().unwrap_or_default());
    assert_hides_secrets(&text);
    without_ports(&text)
}

fn without_ports(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("127.0.0.1:") {
        shown.push_str(before);
        shown.push_str("127.0.0.1:PORT");
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    shown + rest
}

#[track_caller]
fn assert_hides_secrets(text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "a secret is shown: {text}");
    }
}

#[test]
fn every_sasl_mechanism_logs_in_with_and_without_tls() {
    require_kafka!();
    let f = fixture();
    let mechanisms = || {
        [
            ("plain", plain("alice", PLAIN_PASSWORD)),
            ("scram-256", scram("SCRAM-SHA-256", "alice", SCRAM_PASSWORD)),
            ("scram-512", scram("SCRAM-SHA-512", "alice", SCRAM_PASSWORD)),
            ("oauth", oauth(&f.identity.token_url(), CLIENT_SECRET)),
        ]
    };
    for (name, mechanism) in mechanisms() {
        works(
            &settings(&f.kafka.listener("LOGIN"), "SASL_PLAINTEXT", &[mechanism]),
            &format!("sasl-{name}"),
        );
    }
    for (name, mechanism) in mechanisms() {
        let all = [mechanism, trust_pem(&f.certificates)];
        works(
            &settings(&f.kafka.listener("LOGINTLS"), "sasl_ssl", &all),
            &format!("sasl-ssl-{name}"),
        );
    }
    assert!(
        f.identity
            .requests()
            .iter()
            .all(|body| body == "grant_type=client_credentials&scope=kafka")
    );
    let jaas = format!(
        "{MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"tester\" unsecuredLoginExtension_trace=\"1\";"
    );
    let unsecured = pairs(&[
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.jaas.config", &jaas),
    ]);
    works(
        &settings(
            &f.kafka.listener("UNSECURED"),
            "SASL_PLAINTEXT",
            &[unsecured],
        ),
        "sasl-unsecured",
    );
}

#[test]
fn every_kind_of_store_opens_tls_and_mutual_tls() {
    require_kafka!();
    let f = fixture();
    let c = &f.certificates;
    let store = |family: &str, file: &str, kind: &str| {
        pairs(&[
            (&format!("ssl.{family}.location"), &c.path(file)),
            (&format!("ssl.{family}.type"), kind),
            (&format!("ssl.{family}.password"), STORE_PASSWORD),
        ])
    };
    let pem_key = |file: &str| {
        pairs(&[
            ("ssl.keystore.location", &c.path(file)),
            ("ssl.keystore.type", "PEM"),
        ])
    };
    let one_line = |file: &str| c.text(file).replace('\n', " ");
    let key_password = pairs(&[("ssl.key.password", KEY_PASSWORD)]);
    let inline_trust = pairs(&[
        ("ssl.truststore.certificates", &one_line("ca.pem")),
        ("ssl.truststore.type", "PEM"),
    ]);
    let inline_key = pairs(&[
        ("ssl.keystore.key", &one_line("client.key")),
        ("ssl.keystore.certificate.chain", &one_line("client.crt")),
        ("ssl.keystore.type", "PEM"),
    ]);
    let without_password = pairs(&[("ssl.truststore.location", &c.path("ca.jks"))]);
    let cases = [
        ("pem", vec![trust_pem(c)], vec![pem_key("client.pem")]),
        (
            "encrypted",
            vec![trust_pem(c)],
            vec![pem_key("client.encrypted.pem"), key_password.clone()],
        ),
        ("inline", vec![inline_trust], vec![inline_key]),
        (
            "p12",
            vec![store("truststore", "ca.p12", "PKCS12")],
            vec![store("keystore", "client.p12", "pkcs12")],
        ),
        (
            "jks",
            vec![store("truststore", "ca.jks", "JKS")],
            vec![store("keystore", "client.jks", "JKS"), key_password],
        ),
        // The JDK reads either format under either type, and a trust store without its password.
        (
            "mixed",
            vec![without_password],
            vec![store("keystore", "client.p12", "JKS")],
        ),
    ];
    for (name, trust, key) in cases {
        works(
            &settings(&f.kafka.listener("TLS"), "SSL", &trust),
            &format!("tls-{name}"),
        );
        let both = [trust, key].concat();
        works(
            &settings(&f.kafka.listener("MUTUAL"), "SSL", &both),
            &format!("mutual-{name}"),
        );
    }
    for version in ["TLSv1.2", "TLSv1.3"] {
        let only = pairs(&[("ssl.enabled.protocols", version)]);
        works(
            &settings(&f.kafka.listener("TLS"), "SSL", &[trust_pem(c), only]),
            &format!("only-{version}"),
        );
    }
}

#[test]
fn a_refused_login_says_which_mechanism_and_why() {
    require_kafka!();
    let f = fixture();
    let at = f.kafka.listener("LOGIN");
    let refused = |more| fails(settings(&at, "SASL_PLAINTEXT", &[more]));
    let hint = "Check the user name, the password and sasl.mechanism in the client properties.";
    for (case, message) in [
        (
            plain("alice", "canary-wrong"),
            "127.0.0.1:PORT refused the login with PLAIN: Authentication failed: Invalid username or password",
        ),
        (
            plain("nobody", "canary-wrong"),
            "127.0.0.1:PORT refused the login with PLAIN: Authentication failed: Invalid username or password",
        ),
        (
            scram("SCRAM-SHA-256", "alice", "canary-wrong"),
            "127.0.0.1:PORT refused the login with SCRAM-SHA-256: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256",
        ),
        (
            scram("SCRAM-SHA-512", "nobody", "canary-wrong"),
            "127.0.0.1:PORT refused the login with SCRAM-SHA-512: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512",
        ),
    ] {
        assert_eq!(refused(case), format!("{message}\n{hint}"));
    }
    let disabled = settings(
        &f.kafka.listener("PLAINONLY"),
        "SASL_PLAINTEXT",
        &[scram("SCRAM-SHA-512", "alice", SCRAM_PASSWORD)],
    );
    assert_eq!(
        fails(disabled),
        "127.0.0.1:PORT does not offer SASL SCRAM-SHA-512, it offers PLAIN\nSet sasl.mechanism to one of the mechanisms that the listener offers."
    );
}

#[test]
fn a_token_that_cannot_be_had_says_so_and_blames_nobody_else() {
    require_kafka!();
    let f = fixture();
    let at = f.kafka.listener("LOGIN");
    let wrong = settings(
        &at,
        "SASL_PLAINTEXT",
        &[oauth(&f.identity.token_url(), "canary-wrong")],
    );
    assert_eq!(
        fails(wrong),
        "no token for OAUTHBEARER: the token endpoint http://127.0.0.1:PORT/token answered 401: invalid_client - unknown client or wrong secret\nCheck sasl.oauthbearer.client.credentials.client.id and .secret (clientId and clientSecret in sasl.jaas.config), and sasl.oauthbearer.scope."
    );
    let down = format!("http://127.0.0.1:{}/token", ports::free());
    assert_eq!(
        fails(settings(
            &at,
            "SASL_PLAINTEXT",
            &[oauth(&down, CLIENT_SECRET)]
        )),
        "no token for OAUTHBEARER: the token endpoint http://127.0.0.1:PORT/token could not be reached: Connection refused (os error 111)\nCheck sasl.oauthbearer.token.endpoint.url."
    );
}

#[test]
fn what_fails_in_tls_is_told_apart() {
    require_kafka!();
    let f = fixture();
    let c = &f.certificates;
    let tls = |listener: &str, more: &[Vec<(String, String)>]| {
        settings(&f.kafka.listener(listener), "SSL", more)
    };
    let other = pairs(&[
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", &c.path("other-ca.pem")),
    ]);
    assert_eq!(
        fails(tls("TLS", &[other])),
        "no TLS session with 127.0.0.1:PORT: the broker's certificate is not signed by an authority in the trust store\nPut the certificate authority of the brokers into ssl.truststore.location."
    );
    assert_eq!(
        fails(tls("ELSEWHERE", &[trust_pem(c)])),
        "no TLS session with 127.0.0.1:PORT: the broker's certificate is made out to kafka.elsewhere.example, not to 127.0.0.1\nUse the host name that the certificate is made out to, or set ssl.endpoint.identification.algorithm= (empty)."
    );
    assert_eq!(
        fails(tls("NAMELESS", &[trust_pem(c)])),
        "no TLS session with 127.0.0.1:PORT: the broker's certificate has no subjectAltName, only the common name 127.0.0.1, and host names are no longer compared with common names; issue it again with a subjectAltName, or set ssl.endpoint.identification.algorithm= (empty)\n"
    );
    let any_name = pairs(&[("ssl.endpoint.identification.algorithm", "")]);
    works(
        &tls("ELSEWHERE", &[trust_pem(c), any_name.clone()]),
        "tls-any-name",
    );
    let other = pairs(&[
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", &c.path("other-ca.pem")),
    ]);
    assert!(fails(tls("ELSEWHERE", &[other, any_name])).contains("not signed by an authority"));
    let missing = fails(tls("MUTUAL", &[trust_pem(c)]));
    assert!(
        missing
            .starts_with("no TLS session with 127.0.0.1:PORT: the broker ended it with the alert ")
            && missing.ends_with(
                "Set ssl.keystore.location to a key whose certificate the brokers trust."
            ),
        "{missing}"
    );
}

#[test]
fn a_wrong_port_says_what_is_wrong_with_it() {
    require_kafka!();
    let f = fixture();
    let plain_port = settings(&f.kafka.bootstrap(), "SSL", &[trust_pem(&f.certificates)]);
    assert_eq!(
        fails(plain_port),
        "no TLS session with 127.0.0.1:PORT: it hung up instead of answering in TLS\nSet security.protocol=PLAINTEXT or SASL_PLAINTEXT, or use the TLS port."
    );
    assert_eq!(
        fails(settings(&f.kafka.listener("TLS"), "PLAINTEXT", &[])),
        "127.0.0.1:PORT speaks TLS, but the connection is not encrypted\nSet security.protocol=SSL or SASL_SSL."
    );
    assert_eq!(
        fails(settings(
            &format!("127.0.0.1:{}", ports::free()),
            "PLAINTEXT",
            &[]
        )),
        "127.0.0.1:PORT refused the connection\nCheck that Kafka is running and listens on this port."
    );
    let unknown = fails(settings("kafka.invalid:9092", "PLAINTEXT", &[]));
    assert!(
        unknown.starts_with("the host of kafka.invalid:9092 is unknown: "),
        "{unknown}"
    );
    let login = fails(settings(&f.kafka.listener("LOGIN"), "PLAINTEXT", &[]));
    assert!(
        login.contains("Compare security.protocol with the listener"),
        "{login}"
    );
}

#[test]
fn a_missing_acl_names_operation_and_resource() {
    require_kafka!();
    let f = fixture();
    let bob = settings(
        &f.kafka.listener("LOGIN"),
        "SASL_PLAINTEXT",
        &[plain("bob", "bob")],
    );
    f.runtime.block_on(async {
        let cluster = Cluster::connect(bob).await.unwrap();
        let new = NewTopic {
            name: "forbidden".to_owned(),
            partitions: 1,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        let created = cluster.create_topics(&[new], false).await.unwrap();
        let refused = KafkaError::from(created["forbidden"].clone().unwrap_err());
        let text = shown(&refused);
        assert!(
            text.contains("CreateTopics for topic forbidden as User:bob")
                && text.contains("User:bob lacks Create on topic forbidden; an administrator types: kafka-acls.sh"),
            "{text}"
        );
        let described = cluster
            .topics(Some(&["forbidden".to_owned()]))
            .await
            .unwrap();
        let refused = KafkaError::from(described["forbidden"].error.clone().unwrap());
        assert!(refused.is_authorization());
        assert!(
            shown(&refused).contains("User:bob lacks Describe on topic forbidden"),
            "{}",
            shown(&refused)
        );
        let record = SeedRecord {
            key: Bytes::from_static(b"key"),
            value: None,
        };
        let refused = seeder::seed(cluster.settings(), "forbidden", 1, &[record], |_| ()).await;
        let text = refused.unwrap_err().to_string();
        assert!(
            text.contains("forbidden") && text.contains("AUTHORIZATION_FAILED"),
            "{text}"
        );
        let refused = cluster
            .committed_offsets("forbidden-group")
            .await
            .unwrap_err();
        assert!(refused.is_authorization(), "{refused}");
        assert!(
            shown(&refused).contains("forbidden-group"),
            "{}",
            shown(&refused)
        );
    });
}

#[test]
fn a_store_that_cannot_be_used_is_named_with_key_file_and_reason() {
    require_kafka!();
    let c = &fixture().certificates;
    let refused = |pairs_: &[(&str, &str)]| {
        let error = try_settings("127.0.0.1:1", "SSL", &[pairs(pairs_)]).unwrap_err();
        let text = format!("{error}\n{}", error.hint().unwrap_or_default());
        assert_hides_secrets(&format!("{text}{error:?}"));
        text.replace(&c.folder().display().to_string(), "DIR")
    };
    let (p12, jks, pem) = (c.path("ca.p12"), c.path("client.jks"), c.path("ca.pem"));
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[
                ("ssl.truststore.location", &p12),
                ("ssl.truststore.password", "canary-wrong"),
            ],
            "ssl.truststore.location=DIR/ca.p12: the password in ssl.truststore.password is wrong, or the store is damaged\nSet ssl.truststore.password to the password that the store was made with.",
        ),
        (
            &[("ssl.truststore.location", &p12)],
            "ssl.truststore.location=DIR/ca.p12: the store is protected by a password, and ssl.truststore.password is not set\nSet ssl.truststore.password to the password that the store was made with.",
        ),
        (
            &[("ssl.truststore.location", "/none/ca.jks")],
            "ssl.truststore.location=/none/ca.jks: no such file\nPoint ssl.truststore.location to a file that can be read here.",
        ),
        (
            &[("ssl.truststore.location", &pem)],
            "ssl.truststore.location=DIR/ca.pem: is PEM text, but ssl.truststore.type is JKS\nSet ssl.truststore.type=PEM and remove the store's password.",
        ),
        (
            &[
                ("ssl.truststore.location", &p12),
                ("ssl.truststore.type", "PEM"),
            ],
            "ssl.truststore.location=DIR/ca.p12: is a PKCS12 store, but ssl.truststore.type is PEM\nCorrect ssl.truststore.type.",
        ),
        (
            &[
                ("ssl.keystore.location", &jks),
                ("ssl.keystore.password", STORE_PASSWORD),
                ("ssl.key.password", "canary-wrong"),
                ("ssl.truststore.location", &pem),
                ("ssl.truststore.type", "PEM"),
            ],
            "ssl.keystore.location=DIR/client.jks: the password in ssl.key.password does not open the private key\nSet ssl.key.password to the password that the store was made with.",
        ),
    ];
    for (settings, expected) in cases {
        assert_eq!(refused(settings), *expected);
    }
}

#[test]
fn credentials_come_through_config_providers_and_stay_unseen() {
    require_kafka!();
    let f = fixture();
    let folder = f.certificates.folder();
    let provider = "org.apache.kafka.common.config.provider";
    let secrets = format!("password={PLAIN_PASSWORD}\n");
    std::fs::write(folder.join("kafka.properties"), secrets).unwrap();
    std::fs::write(folder.join("user"), "alice").unwrap();
    let folder = folder.display();
    let providers = pairs(&[
        ("config.providers", "file,dir,vault"),
        (
            "config.providers.file.class",
            &format!("{provider}.FileConfigProvider"),
        ),
        (
            "config.providers.dir.class",
            &format!("{provider}.DirectoryConfigProvider"),
        ),
        ("config.providers.vault.class", "com.example.Vault"),
        ("consumer.sasl.jaas.config", "${vault:kafka:jaas}"),
    ]);
    let user = format!("${{dir:{folder}:user}}");
    let at = f.kafka.listener("LOGIN");
    let with = |password: &str| [providers.clone(), plain(&user, password)];
    let password = format!("${{file:{folder}/kafka.properties:password}}");
    works(
        &settings(&at, "SASL_PLAINTEXT", &with(&password)),
        "sasl-providers",
    );
    let missing = format!("${{file:{folder}/kafka.properties:passwort}}");
    let refused = try_settings(&at, "SASL_PLAINTEXT", &with(&missing)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("sasl.jaas.config: {missing} was not found by the config provider file")
    );
    let refused =
        try_settings(&at, "SASL_PLAINTEXT", &with("${vault:kafka:password}")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "sasl.jaas.config: ${vault:kafka:password} needs the config provider class com.example.Vault, which only a JVM can load"
    );
}
