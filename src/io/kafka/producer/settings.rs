//! A producer's settings, read as Java's `ProducerConfig` reads them.

use std::time::Duration;

use crate::io::kafka::settings::SettingsError;
use crate::model::properties::Properties;
use crate::protocol::record_batch::{Codec, Level};

/// How a producer writes.
#[derive(Debug, Clone)]
pub struct ProducerSettings {
    /// 0, 1, or -1 for all in-sync replicas.
    pub acks: i16,
    pub is_idempotent: bool,
    /// Requests without an answer, per broker.
    pub max_in_flight: usize,
    /// Bytes from which on a batch is sent when its turn has come.
    pub batch_size: usize,
    /// Bytes that a batch may grow to while its turn has not come.
    pub batch_limit: usize,
    /// How long a batch waits to be filled.
    pub linger: Duration,
    /// Bytes of records that wait for their acknowledgement.
    pub buffer_memory: usize,
    pub max_request_size: usize,
    pub request_timeout: Duration,
    /// `None`: a record is tried for ever.
    pub delivery_timeout: Option<Duration>,
    pub retry_backoff: Duration,
    pub metadata_max_age: Duration,
    pub codec: Codec,
    pub level: Level,
}

/// Where nothing is configured, a batch grows while its turn has not come: small when there is little to do, and few when
/// there is much.
const GROWN_BATCH: usize = 256 << 10;

/// More than this waiting for a broker makes nothing faster.
const BUFFER: usize = 8 << 20;

/// Settings that ask for code or for what is not offered here.
const REFUSED: &[&str] = &[
    "partitioner.class",
    "interceptor.classes",
    "transactional.id",
];

impl Default for ProducerSettings {
    /// As the producer of a source task: every record is tried until it is written.
    fn default() -> Self {
        Self {
            acks: -1,
            is_idempotent: true,
            max_in_flight: 5,
            batch_size: 16_384,
            batch_limit: GROWN_BATCH,
            linger: Duration::from_millis(5),
            buffer_memory: BUFFER,
            max_request_size: 1 << 20,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: None,
            retry_backoff: Duration::from_millis(100),
            metadata_max_age: Duration::from_secs(300),
            codec: Codec::None,
            level: None,
        }
    }
}

impl ProducerSettings {
    /// Reads a client's own settings; those of the connection are not looked at.
    pub fn from_properties(client: &Properties) -> Result<Self, SettingsError> {
        for key in REFUSED {
            if let Some(value) = client.get(*key).filter(|value| !value.trim().is_empty()) {
                return Err(SettingsError::Unsupported {
                    key: (*key).to_owned(),
                    value: value.clone(),
                    reason: "the native engine has no such producer".to_owned(),
                    hint: Some(
                        "Run this connector on a JVM worker (connect-distributed.sh).".to_owned(),
                    ),
                });
            }
        }
        let default = Self::default();
        let read = Reader(client);
        let (acks, is_idempotent, max_in_flight) = read.guarantees(&default)?;
        let codec = read.codec()?;
        let batch_size = read.number("batch.size")?;
        let delivery_timeout = read.millis("delivery.timeout.ms")?;
        Ok(Self {
            acks,
            is_idempotent,
            max_in_flight,
            // As in Java, 0 is a batch per record.
            batch_size: batch_size.unwrap_or(default.batch_size).max(1),
            batch_limit: batch_size.unwrap_or(GROWN_BATCH).max(1),
            linger: read.millis("linger.ms")?.unwrap_or(default.linger),
            buffer_memory: read.number("buffer.memory")?.unwrap_or(BUFFER),
            max_request_size: read
                .number("max.request.size")?
                .unwrap_or(default.max_request_size),
            request_timeout: read
                .millis("request.timeout.ms")?
                .unwrap_or(default.request_timeout),
            delivery_timeout: delivery_timeout.filter(|timeout| *timeout < FOR_EVER),
            retry_backoff: read
                .millis("retry.backoff.ms")?
                .unwrap_or(default.retry_backoff),
            metadata_max_age: read
                .millis("metadata.max.age.ms")?
                .unwrap_or(default.metadata_max_age),
            codec,
            level: read.level(codec)?,
        })
    }
}

/// What Connect sets, `Integer.MAX_VALUE` milliseconds, is meant as no end.
const FOR_EVER: Duration = Duration::from_millis(i32::MAX as u64);

struct Reader<'a>(&'a Properties);

const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";

/// How many requests brokers keep in order for an idempotent producer.
const MOST_IDEMPOTENT: usize = 5;

impl Reader<'_> {
    /// Returns `acks`, whether the producer is idempotent, and how many requests may be on their way.
    fn guarantees(&self, default: &ProducerSettings) -> Result<(i16, bool, usize), SettingsError> {
        let acks = self.acks()?.unwrap_or(default.acks);
        let retries = self.number("retries")?;
        let in_flight = self.number(IN_FLIGHT)?;
        if in_flight == Some(0) {
            return Err(self.invalid(IN_FLIGHT, "is less than 1"));
        }
        let wanted = self.flag("enable.idempotence")?;
        let obstacle = obstacle(acks, retries, in_flight);
        if let (Some(true), Some((key, message))) = (wanted, &obstacle) {
            return Err(SettingsError::Contradiction {
                key: (*key).to_owned(),
                message: message.clone(),
            });
        }
        // Idempotence is this engine's default, not a wish: other settings go before it.
        let is_idempotent = wanted.unwrap_or(obstacle.is_none());
        // As Connect sets it: a batch that is sent again would be overtaken.
        let most = if is_idempotent {
            default.max_in_flight
        } else {
            1
        };
        Ok((acks, is_idempotent, in_flight.unwrap_or(most)))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.trim())
    }

    fn invalid(&self, key: &str, reason: &str) -> SettingsError {
        SettingsError::Invalid {
            key: key.to_owned(),
            value: self.text(key).unwrap_or_default().to_owned(),
            reason: reason.to_owned(),
            hint: None,
        }
    }

    fn number(&self, key: &str) -> Result<Option<usize>, SettingsError> {
        let parsed = self.text(key).map(str::parse).transpose();
        parsed.map_err(|_| self.invalid(key, "is not a number"))
    }

    fn millis(&self, key: &str) -> Result<Option<Duration>, SettingsError> {
        let parsed = self.text(key).map(str::parse).transpose();
        let parsed = parsed.map_err(|_| self.invalid(key, "is not a number of milliseconds"))?;
        Ok(parsed.map(Duration::from_millis))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, SettingsError> {
        match self.text(key).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.invalid(key, "is neither true nor false")),
        }
    }

    fn acks(&self) -> Result<Option<i16>, SettingsError> {
        match self.text("acks") {
            None => Ok(None),
            Some("all" | "-1") => Ok(Some(-1)),
            Some("0") => Err(self.invalid(
                "acks",
                "leaves nothing to commit: offsets follow what was acknowledged",
            )),
            Some("1") => Ok(Some(1)),
            Some(_) => Err(self.invalid("acks", "is not one of all, -1, 0, 1")),
        }
    }

    fn codec(&self) -> Result<Codec, SettingsError> {
        let Some(name) = self.text("compression.type") else {
            return Ok(Codec::None);
        };
        Codec::from_name(name).ok_or_else(|| {
            self.invalid(
                "compression.type",
                "is not one of none, gzip, snappy, lz4, zstd",
            )
        })
    }

    fn level(&self, codec: Codec) -> Result<Level, SettingsError> {
        let key = match codec {
            Codec::Gzip => "compression.gzip.level",
            Codec::Lz4 => "compression.lz4.level",
            Codec::Zstd => "compression.zstd.level",
            Codec::None | Codec::Snappy => return Ok(None),
        };
        let parsed = self.text(key).map(str::parse).transpose();
        parsed.map_err(|_| self.invalid(key, "is not a number"))
    }
}

/// Returns what keeps a producer from being idempotent, in the words of Java's `ProducerConfig`.
fn obstacle(
    acks: i16,
    retries: Option<usize>,
    in_flight: Option<usize>,
) -> Option<(&'static str, String)> {
    if retries == Some(0) {
        let message = "Must set retries to non-zero when using the idempotent producer.";
        return Some(("retries", message.to_owned()));
    }
    if acks != -1 {
        let message = "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee \
                       idempotence.";
        return Some(("acks", message.to_owned()));
    }
    let many = in_flight.filter(|many| *many > MOST_IDEMPOTENT)?;
    let message = format!(
        "To use the idempotent producer, {IN_FLIGHT} must be set to at most {MOST_IDEMPOTENT}. Current value is {many}."
    );
    Some((IN_FLIGHT, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ProducerSettings, SettingsError> {
        let pairs = pairs.iter();
        let client = pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        ProducerSettings::from_properties(&client)
    }

    #[test]
    fn batches_grow_unless_a_size_is_set() {
        assert_eq!(read(&[]).unwrap().batch_limit, GROWN_BATCH);
        let set = read(&[("batch.size", "524288"), ("linger.ms", "10")]).unwrap();
        assert_eq!((set.batch_size, set.batch_limit), (524_288, 524_288));
        assert_eq!(set.linger, Duration::from_millis(10));
    }

    #[test]
    fn idempotence_gives_way_to_other_settings() {
        assert!(
            read(&[("delivery.timeout.ms", "2147483647")])
                .unwrap()
                .is_idempotent
        );
        assert!(!read(&[("acks", "1")]).unwrap().is_idempotent);
        let many = [("max.in.flight.requests.per.connection", "8")];
        assert!(!read(&many).unwrap().is_idempotent);
        assert!(
            !read(&[("enable.idempotence", "false")])
                .unwrap()
                .is_idempotent
        );
    }

    #[test]
    fn without_idempotence_one_request_is_on_its_way_as_connect_has_it() {
        let in_flight = |pairs: &[(&str, &str)]| read(pairs).unwrap().max_in_flight;
        assert_eq!(in_flight(&[]), 5);
        for not_idempotent in [
            ("enable.idempotence", "false"),
            ("acks", "1"),
            ("retries", "0"),
        ] {
            assert_eq!(in_flight(&[not_idempotent]), 1, "{not_idempotent:?}");
            assert_eq!(in_flight(&[not_idempotent, (IN_FLIGHT, "3")]), 3);
        }
    }

    #[test]
    fn what_contradicts_idempotence_is_refused_in_java_s_words() {
        let wanted = ("enable.idempotence", "true");
        for (key, value, words) in [
            (
                "acks",
                "1",
                "Must set acks to all in order to use the idempotent producer.",
            ),
            (
                "retries",
                "0",
                "Must set retries to non-zero when using the idempotent producer.",
            ),
            (
                IN_FLIGHT,
                "6",
                "must be set to at most 5. Current value is 6.",
            ),
        ] {
            let error = read(&[wanted, (key, value)]).unwrap_err();
            assert_eq!(error.key(), key);
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(
            read(&[wanted, (IN_FLIGHT, "5"), ("acks", "all")])
                .unwrap()
                .is_idempotent
        );
    }

    #[test]
    fn what_connect_sets_as_no_end_is_none() {
        let set = |value| {
            read(&[("delivery.timeout.ms", value)])
                .unwrap()
                .delivery_timeout
        };
        assert_eq!(set("2147483647"), None);
        assert_eq!(set("120000"), Some(Duration::from_secs(120)));
    }

    #[test]
    fn wrong_settings_are_refused_by_name() {
        for (key, value) in [
            ("acks", "2"),
            ("acks", "0"),
            ("compression.type", "brotli"),
            ("linger.ms", "soon"),
            ("partitioner.class", "com.example.P"),
            ("enable.idempotence", "maybe"),
            ("retries", "some"),
            (IN_FLIGHT, "0"),
        ] {
            assert_eq!(read(&[(key, value)]).unwrap_err().key(), key);
        }
    }
}
