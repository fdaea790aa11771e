//! The settings that `StandaloneConfig` and `DistributedConfig` of Kafka 4.3.1 define.
//!
//! `tests/oracle_settings.rs` compares the table with the real classes. Defaults that the JVM gives are those of Java 17.

/// Which kind of worker defines a setting. A worker takes any other as well, and passes it on to its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Standalone,
    Both,
    Distributed,
}

/// The type of a setting (`org.apache.kafka.common.config.ConfigDef.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Boolean,
    Class,
    Double,
    Int,
    List,
    Long,
    Password,
    Short,
    String,
}

/// What a worker takes when a setting is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// The worker does not start.
    Required,
    Null,
    /// As it would be written in a file.
    Value(&'static str),
}

/// One setting of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub mode: Mode,
    pub kind: Type,
    pub default: Default,
}

impl Setting {
    const fn new(name: &'static str, mode: Mode, kind: Type, default: Default) -> Self {
        Self {
            name,
            mode,
            kind,
            default,
        }
    }

    /// Returns whether a standalone worker defines it.
    pub fn in_standalone(&self) -> bool {
        self.mode != Mode::Distributed
    }

    /// Returns whether a distributed worker defines it.
    pub fn in_distributed(&self) -> bool {
        self.mode != Mode::Standalone
    }
}

/// Returns what is known about a setting; `None` for one that no worker defines.
pub fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS
        .binary_search_by(|setting| setting.name.cmp(name))
        .ok()
        .map(|index| &SETTINGS[index])
}

/// All settings, sorted by name.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    Setting::new("access.control.allow.methods", Mode::Both, Type::String, Default::Value("")),
    Setting::new("access.control.allow.origin", Mode::Both, Type::String, Default::Value("")),
    Setting::new("admin.listeners", Mode::Both, Type::List, Default::Null),
    Setting::new("bootstrap.servers", Mode::Both, Type::List, Default::Required),
    Setting::new("client.dns.lookup", Mode::Both, Type::String, Default::Value("use_all_dns_ips")),
    Setting::new("client.id", Mode::Distributed, Type::String, Default::Value("")),
    Setting::new("config.providers", Mode::Both, Type::List, Default::Value("")),
    Setting::new("config.storage.replication.factor", Mode::Distributed, Type::Short, Default::Value("3")),
    Setting::new("config.storage.topic", Mode::Distributed, Type::String, Default::Required),
    Setting::new("connect.protocol", Mode::Distributed, Type::String, Default::Value("sessioned")),
    Setting::new("connections.max.idle.ms", Mode::Distributed, Type::Long, Default::Value("540000")),
    Setting::new("connector.client.config.override.policy", Mode::Both, Type::String, Default::Value("All")),
    Setting::new("exactly.once.source.support", Mode::Distributed, Type::String, Default::Value("disabled")),
    Setting::new("group.id", Mode::Distributed, Type::String, Default::Required),
    Setting::new("header.converter", Mode::Both, Type::Class, Default::Value("org.apache.kafka.connect.storage.SimpleHeaderConverter")),
    Setting::new("header.converter.plugin.version", Mode::Both, Type::String, Default::Null),
    Setting::new("heartbeat.interval.ms", Mode::Distributed, Type::Int, Default::Value("3000")),
    Setting::new("inter.worker.key.generation.algorithm", Mode::Distributed, Type::String, Default::Value("HmacSHA256")),
    Setting::new("inter.worker.key.size", Mode::Distributed, Type::Int, Default::Null),
    Setting::new("inter.worker.key.ttl.ms", Mode::Distributed, Type::Int, Default::Value("3600000")),
    Setting::new("inter.worker.signature.algorithm", Mode::Distributed, Type::String, Default::Value("HmacSHA256")),
    Setting::new("inter.worker.verification.algorithms", Mode::Distributed, Type::List, Default::Value("HmacSHA256")),
    Setting::new("key.converter", Mode::Both, Type::Class, Default::Required),
    Setting::new("key.converter.plugin.version", Mode::Both, Type::String, Default::Null),
    Setting::new("listeners", Mode::Both, Type::List, Default::Value("http://:8083")),
    Setting::new("metadata.max.age.ms", Mode::Distributed, Type::Long, Default::Value("300000")),
    Setting::new("metadata.recovery.rebootstrap.trigger.ms", Mode::Distributed, Type::Long, Default::Value("300000")),
    Setting::new("metadata.recovery.strategy", Mode::Distributed, Type::String, Default::Value("rebootstrap")),
    Setting::new("metric.reporters", Mode::Both, Type::List, Default::Value("org.apache.kafka.common.metrics.JmxReporter")),
    Setting::new("metrics.num.samples", Mode::Both, Type::Int, Default::Value("2")),
    Setting::new("metrics.recording.level", Mode::Both, Type::String, Default::Value("INFO")),
    Setting::new("metrics.sample.window.ms", Mode::Both, Type::Long, Default::Value("30000")),
    Setting::new("offset.flush.interval.ms", Mode::Both, Type::Long, Default::Value("60000")),
    Setting::new("offset.flush.timeout.ms", Mode::Both, Type::Long, Default::Value("5000")),
    Setting::new("offset.storage.file.filename", Mode::Standalone, Type::String, Default::Required),
    Setting::new("offset.storage.partitions", Mode::Distributed, Type::Int, Default::Value("25")),
    Setting::new("offset.storage.replication.factor", Mode::Distributed, Type::Short, Default::Value("3")),
    Setting::new("offset.storage.topic", Mode::Distributed, Type::String, Default::Required),
    Setting::new("plugin.discovery", Mode::Both, Type::String, Default::Value("hybrid_warn")),
    Setting::new("plugin.path", Mode::Both, Type::List, Default::Null),
    Setting::new("rebalance.timeout.ms", Mode::Distributed, Type::Int, Default::Value("60000")),
    Setting::new("receive.buffer.bytes", Mode::Distributed, Type::Int, Default::Value("32768")),
    Setting::new("reconnect.backoff.max.ms", Mode::Distributed, Type::Long, Default::Value("1000")),
    Setting::new("reconnect.backoff.ms", Mode::Distributed, Type::Long, Default::Value("50")),
    Setting::new("request.timeout.ms", Mode::Distributed, Type::Int, Default::Value("40000")),
    Setting::new("response.http.headers.config", Mode::Both, Type::String, Default::Value("")),
    Setting::new("rest.advertised.host.name", Mode::Both, Type::String, Default::Null),
    Setting::new("rest.advertised.listener", Mode::Both, Type::String, Default::Null),
    Setting::new("rest.advertised.port", Mode::Both, Type::Int, Default::Null),
    Setting::new("rest.extension.classes", Mode::Both, Type::List, Default::Value("")),
    Setting::new("retry.backoff.max.ms", Mode::Distributed, Type::Long, Default::Value("1000")),
    Setting::new("retry.backoff.ms", Mode::Distributed, Type::Long, Default::Value("100")),
    Setting::new("sasl.client.callback.handler.class", Mode::Distributed, Type::Class, Default::Null),
    Setting::new("sasl.jaas.config", Mode::Distributed, Type::Password, Default::Null),
    Setting::new("sasl.kerberos.kinit.cmd", Mode::Distributed, Type::String, Default::Value("/usr/bin/kinit")),
    Setting::new("sasl.kerberos.min.time.before.relogin", Mode::Distributed, Type::Long, Default::Value("60000")),
    Setting::new("sasl.kerberos.service.name", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.kerberos.ticket.renew.jitter", Mode::Distributed, Type::Double, Default::Value("0.05")),
    Setting::new("sasl.kerberos.ticket.renew.window.factor", Mode::Distributed, Type::Double, Default::Value("0.8")),
    Setting::new("sasl.login.callback.handler.class", Mode::Distributed, Type::Class, Default::Null),
    Setting::new("sasl.login.class", Mode::Distributed, Type::Class, Default::Null),
    Setting::new("sasl.login.connect.timeout.ms", Mode::Distributed, Type::Int, Default::Null),
    Setting::new("sasl.login.read.timeout.ms", Mode::Distributed, Type::Int, Default::Null),
    Setting::new("sasl.login.refresh.buffer.seconds", Mode::Distributed, Type::Short, Default::Value("300")),
    Setting::new("sasl.login.refresh.min.period.seconds", Mode::Distributed, Type::Short, Default::Value("60")),
    Setting::new("sasl.login.refresh.window.factor", Mode::Distributed, Type::Double, Default::Value("0.8")),
    Setting::new("sasl.login.refresh.window.jitter", Mode::Distributed, Type::Double, Default::Value("0.05")),
    Setting::new("sasl.login.retry.backoff.max.ms", Mode::Distributed, Type::Long, Default::Value("10000")),
    Setting::new("sasl.login.retry.backoff.ms", Mode::Distributed, Type::Long, Default::Value("100")),
    Setting::new("sasl.mechanism", Mode::Distributed, Type::String, Default::Value("GSSAPI")),
    Setting::new("sasl.oauthbearer.assertion.algorithm", Mode::Distributed, Type::String, Default::Value("RS256")),
    Setting::new("sasl.oauthbearer.assertion.claim.aud", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.assertion.claim.exp.seconds", Mode::Distributed, Type::Int, Default::Value("300")),
    Setting::new("sasl.oauthbearer.assertion.claim.iss", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.assertion.claim.jti.include", Mode::Distributed, Type::Boolean, Default::Value("false")),
    Setting::new("sasl.oauthbearer.assertion.claim.nbf.seconds", Mode::Distributed, Type::Int, Default::Value("60")),
    Setting::new("sasl.oauthbearer.assertion.claim.sub", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.assertion.file", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.assertion.private.key.file", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.assertion.private.key.passphrase", Mode::Distributed, Type::Password, Default::Null),
    Setting::new("sasl.oauthbearer.assertion.template.file", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.client.credentials.client.id", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.client.credentials.client.secret", Mode::Distributed, Type::Password, Default::Null),
    Setting::new("sasl.oauthbearer.clock.skew.seconds", Mode::Distributed, Type::Int, Default::Value("30")),
    Setting::new("sasl.oauthbearer.expected.audience", Mode::Distributed, Type::List, Default::Value("")),
    Setting::new("sasl.oauthbearer.expected.issuer", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.header.urlencode", Mode::Distributed, Type::Boolean, Default::Value("false")),
    Setting::new("sasl.oauthbearer.jwks.endpoint.refresh.ms", Mode::Distributed, Type::Long, Default::Value("3600000")),
    Setting::new("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Mode::Distributed, Type::Long, Default::Value("10000")),
    Setting::new("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Mode::Distributed, Type::Long, Default::Value("100")),
    Setting::new("sasl.oauthbearer.jwks.endpoint.url", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.jwt.retriever.class", Mode::Distributed, Type::Class, Default::Value("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever")),
    Setting::new("sasl.oauthbearer.jwt.validator.class", Mode::Distributed, Type::Class, Default::Value("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator")),
    Setting::new("sasl.oauthbearer.scope", Mode::Distributed, Type::String, Default::Null),
    Setting::new("sasl.oauthbearer.scope.claim.name", Mode::Distributed, Type::String, Default::Value("scope")),
    Setting::new("sasl.oauthbearer.sub.claim.name", Mode::Distributed, Type::String, Default::Value("sub")),
    Setting::new("sasl.oauthbearer.token.endpoint.url", Mode::Distributed, Type::String, Default::Null),
    Setting::new("scheduled.rebalance.max.delay.ms", Mode::Distributed, Type::Int, Default::Value("300000")),
    Setting::new("security.protocol", Mode::Distributed, Type::String, Default::Value("PLAINTEXT")),
    Setting::new("send.buffer.bytes", Mode::Distributed, Type::Int, Default::Value("131072")),
    Setting::new("session.timeout.ms", Mode::Distributed, Type::Int, Default::Value("10000")),
    Setting::new("socket.connection.setup.timeout.max.ms", Mode::Distributed, Type::Long, Default::Value("30000")),
    Setting::new("socket.connection.setup.timeout.ms", Mode::Distributed, Type::Long, Default::Value("10000")),
    Setting::new("ssl.cipher.suites", Mode::Both, Type::List, Default::Value("")),
    Setting::new("ssl.client.auth", Mode::Both, Type::String, Default::Value("none")),
    Setting::new("ssl.enabled.protocols", Mode::Both, Type::List, Default::Value("TLSv1.2,TLSv1.3")),
    Setting::new("ssl.endpoint.identification.algorithm", Mode::Both, Type::String, Default::Value("https")),
    Setting::new("ssl.engine.factory.class", Mode::Both, Type::Class, Default::Null),
    Setting::new("ssl.key.password", Mode::Both, Type::Password, Default::Null),
    Setting::new("ssl.keymanager.algorithm", Mode::Both, Type::String, Default::Value("SunX509")),
    Setting::new("ssl.keystore.certificate.chain", Mode::Both, Type::Password, Default::Null),
    Setting::new("ssl.keystore.key", Mode::Both, Type::Password, Default::Null),
    Setting::new("ssl.keystore.location", Mode::Both, Type::String, Default::Null),
    Setting::new("ssl.keystore.password", Mode::Both, Type::Password, Default::Null),
    Setting::new("ssl.keystore.type", Mode::Both, Type::String, Default::Value("JKS")),
    Setting::new("ssl.protocol", Mode::Both, Type::String, Default::Value("TLSv1.3")),
    Setting::new("ssl.provider", Mode::Both, Type::String, Default::Null),
    Setting::new("ssl.secure.random.implementation", Mode::Both, Type::String, Default::Null),
    Setting::new("ssl.trustmanager.algorithm", Mode::Both, Type::String, Default::Value("PKIX")),
    Setting::new("ssl.truststore.certificates", Mode::Both, Type::Password, Default::Null),
    Setting::new("ssl.truststore.location", Mode::Both, Type::String, Default::Null),
    Setting::new("ssl.truststore.password", Mode::Both, Type::Password, Default::Null),
    Setting::new("ssl.truststore.type", Mode::Both, Type::String, Default::Value("JKS")),
    Setting::new("status.storage.partitions", Mode::Distributed, Type::Int, Default::Value("5")),
    Setting::new("status.storage.replication.factor", Mode::Distributed, Type::Short, Default::Value("3")),
    Setting::new("status.storage.topic", Mode::Distributed, Type::String, Default::Required),
    Setting::new("task.shutdown.graceful.timeout.ms", Mode::Both, Type::Long, Default::Value("5000")),
    Setting::new("topic.creation.enable", Mode::Both, Type::Boolean, Default::Value("true")),
    Setting::new("topic.tracking.allow.reset", Mode::Both, Type::Boolean, Default::Value("true")),
    Setting::new("topic.tracking.enable", Mode::Both, Type::Boolean, Default::Value("true")),
    Setting::new("value.converter", Mode::Both, Type::Class, Default::Required),
    Setting::new("value.converter.plugin.version", Mode::Both, Type::String, Default::Null),
    Setting::new("worker.sync.timeout.ms", Mode::Distributed, Type::Int, Default::Value("3000")),
    Setting::new("worker.unsync.backoff.ms", Mode::Distributed, Type::Int, Default::Value("300000")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(SETTINGS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(
            setting("bootstrap.servers").map(|s| s.mode),
            Some(Mode::Both)
        );
        assert_eq!(setting("bootstrap.server"), None);
    }
}
