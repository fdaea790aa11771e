//! Records for an offset topic: produced by rskafka, read back through our own reader, compared byte for byte and
//! partition for partition.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;

use super::OffsetStoreError;
use super::topic::described;
use crate::io::files::{LARGEST_OFFSETS, back_up, read};
use crate::io::kafka::cluster::{Cluster, TopicDescription};
use crate::io::kafka::log::{self, Isolation};
use crate::io::kafka::seeder;
use crate::plan::offset_check::OffsetCheck;
use crate::plan::{SeedRecord, StoredOffset, StoredOffsets};
use crate::protocol::partitioner::partition_of;

/// Differences that an error names; the rest are counted.
const NAMED: usize = 20;

/// The moments at which the offsets file is hashed after the yes.
const BEFORE_FIRST_PRODUCE: &str =
    "before the first offset was written; the offset topic is untouched";
const AFTER_READ_BACK: &str = "while its offsets were copied";

/// A file that must not change while its contents are copied.
#[derive(Debug, Clone)]
pub struct WatchedFile {
    pub path: PathBuf,
    pub sha256: String,
}

/// What to write, and where.
#[derive(Debug)]
pub struct Seeding<'a> {
    pub cluster: &'a Cluster,
    pub topic: &'a str,
    /// How the workers read it.
    pub isolation: Isolation,
    /// Connectors whose records may also lie where no worker writes them: that was accepted.
    pub in_any_place: &'a BTreeSet<String>,
    pub records: &'a [SeedRecord],
    /// What the topic held when the records were decided on.
    pub stored: &'a StoredOffsets,
    /// Where replaced values are saved.
    pub backup: &'a Path,
    pub file: Option<&'a WatchedFile>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub records: usize,
    /// The values that were replaced, when there were any.
    pub backup: Option<PathBuf>,
}

/// Saves what is to be replaced, writes, and reads back.
///
/// The file is hashed before the first record and after the last: another hash means that the worker is alive.
pub async fn write(
    seeding: &Seeding<'_>,
    advance: impl Fn(usize),
) -> Result<Written, OffsetStoreError> {
    let Seeding { cluster, topic, .. } = *seeding;
    unchanged(seeding.file, BEFORE_FIRST_PRODUCE, false)?;
    let before = existing(cluster, topic).await?;
    let partitions = before.partition_count();
    // Tombstones come last: until all else is in place, what they end are the only positions.
    let (mut records, ended): (Vec<_>, Vec<_>) = placed(seeding.records, partitions)
        .into_iter()
        .partition(|r| r.value.is_some());
    let first_ended = records.len();
    records.extend(ended);
    let backup = keep_old_values(&records, seeding)?;
    let (live, ended) = records.split_at(first_ended);
    let produced = async {
        produce(cluster, topic, partitions, live, &advance).await?;
        let advance_further = |done| advance(first_ended + done);
        produce(cluster, topic, partitions, ended, advance_further).await
    };
    let produced = produced.await;
    // A topic that is deleted meanwhile may be made again by the broker at the seeder's own question, as no worker wants it.
    if existing(cluster, topic).await?.id != before.id {
        return Err(gone(topic));
    }
    produced?;
    let check = OffsetCheck::new(&records).in_any_place(seeding.in_any_place);
    compared(cluster, topic, seeding.isolation, check).await?;
    unchanged(seeding.file, AFTER_READ_BACK, true)?;
    Ok(Written {
        records: records.len(),
        backup,
    })
}

/// Returns records with the partitions that the topic has for them now.
pub async fn place(
    cluster: &Cluster,
    topic: &str,
    records: &[SeedRecord],
) -> Result<Vec<SeedRecord>, OffsetStoreError> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let partitions = existing(cluster, topic).await?.partition_count();
    Ok(placed(records, partitions))
}

async fn existing(cluster: &Cluster, topic: &str) -> Result<TopicDescription, OffsetStoreError> {
    described(cluster, topic).await?.ok_or_else(|| gone(topic))
}

/// Compares the topic with what it must say to workers that read it like this.
pub async fn compare(
    cluster: &Cluster,
    topic: &str,
    isolation: Isolation,
    check: OffsetCheck<'_>,
) -> Result<(), OffsetStoreError> {
    compared(cluster, topic, isolation, check).await
}

async fn compared(
    cluster: &Cluster,
    topic: &str,
    isolation: Isolation,
    mut check: OffsetCheck<'_>,
) -> Result<(), OffsetStoreError> {
    existing(cluster, topic).await?;
    let read = log::read_to_end(cluster, topic, isolation, |partition, record| {
        if let Some(key) = &record.key {
            check.record(partition, key, record.value.as_deref());
        }
    });
    read.await?;
    let wrong = check.finish(NAMED);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(OffsetStoreError::ReadBack {
        topic: topic.to_owned(),
        wrong,
    })
}

fn gone(topic: &str) -> OffsetStoreError {
    OffsetStoreError::TopicGone {
        topic: topic.to_owned(),
    }
}

fn unchanged(
    file: Option<&WatchedFile>,
    when: &'static str,
    written: bool,
) -> Result<(), OffsetStoreError> {
    let Some(file) = file else {
        return Ok(());
    };
    let now = read(&file.path, LARGEST_OFFSETS)?;
    if now.sha256 == file.sha256 {
        return Ok(());
    }
    Err(OffsetStoreError::FileChanged {
        path: file.path.clone(),
        when,
        written,
    })
}

/// Gives every record the partition in which a worker looks for it.
fn placed(records: &[SeedRecord], partitions: i32) -> Vec<SeedRecord> {
    records
        .iter()
        .map(|record| SeedRecord {
            partition: Some(partition_of(&record.key, partitions)),
            ..record.clone()
        })
        .collect()
}

async fn produce(
    cluster: &Cluster,
    topic: &str,
    partitions: i32,
    records: &[SeedRecord],
    advance: impl Fn(usize),
) -> Result<(), OffsetStoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let records: Vec<_> = records
        .iter()
        .map(|record| seeder::SeedRecord {
            key: record.key.clone(),
            value: record.value.clone(),
        })
        .collect();
    seeder::seed(cluster.settings(), topic, partitions, &records, advance)
        .await
        .map(drop)
        .map_err(|source| OffsetStoreError::Seed {
            topic: topic.to_owned(),
            source,
        })
}

/// Saves the topic's values of the keys that get another one.
fn keep_old_values(
    records: &[SeedRecord],
    seeding: &Seeding<'_>,
) -> Result<Option<PathBuf>, OffsetStoreError> {
    let old = old_values(records, seeding.stored);
    if old.is_empty() {
        return Ok(None);
    }
    let text = format!("{:#}\n", serde_json::Value::Array(old));
    Ok(Some(back_up(
        seeding.backup,
        "offset-topic",
        "json",
        text.as_bytes(),
    )?))
}

/// Returns all that stands under the keys that get another value: also what readers of the other isolation level find, which is
/// the committed position where a transaction was aborted, and what stands in other partitions.
fn old_values(records: &[SeedRecord], stored: &StoredOffsets) -> Vec<serde_json::Value> {
    let replaced = records.iter().filter_map(|record| {
        let old = stored.get(&record.key)?;
        let otherwise = old.otherwise.as_deref();
        let held = [old.value.as_ref(), otherwise.and_then(|o| o.value.as_ref())];
        let elsewhere = old.elsewhere.iter().map(|other| other.value.as_ref());
        let mut held = held.into_iter().chain(elsewhere).flatten();
        held.any(|value| Some(value) != record.value.as_ref())
            .then(|| old_value(record, old))
    });
    replaced.collect()
}

fn old_value(record: &SeedRecord, old: &StoredOffset) -> serde_json::Value {
    let encoded = |value: &Option<Bytes>| value.as_ref().map(|value| STANDARD.encode(value));
    let mut saved = json!({
        "connector": record.connector,
        "topic_partition": old.partition,
        "key": STANDARD.encode(&record.key),
        "value": encoded(&old.value),
    });
    if let Some(otherwise) = &old.otherwise {
        saved["otherwise"] = json!({
            "isolation_level": otherwise.isolation.text(),
            "value": encoded(&otherwise.value),
        });
    }
    if !old.elsewhere.is_empty() {
        let elsewhere = old.elsewhere.iter();
        let elsewhere = elsewhere.map(
            |other| json!({ "topic_partition": other.partition, "value": encoded(&other.value) }),
        );
        saved["elsewhere"] = elsewhere.collect();
    }
    saved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Elsewhere, Otherwise};

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    /// What is saved of a key that gets `new`.
    fn saved(old: StoredOffset, new: Option<&'static str>) -> Vec<serde_json::Value> {
        let stored = StoredOffsets::from_iter([(bytes("k"), old)]);
        let record = SeedRecord {
            connector: "c".to_owned(),
            key: bytes("k"),
            value: new.map(bytes),
            partition: None,
        };
        old_values(&[record], &stored)
    }

    fn old(value: Option<&'static str>) -> StoredOffset {
        StoredOffset {
            partition: 3,
            offset: 0,
            value: value.map(bytes),
            elsewhere: Vec::new(),
            otherwise: None,
        }
    }

    #[test]
    fn only_what_gets_another_value_is_saved() {
        assert!(saved(old(Some("a")), Some("a")).is_empty());
        assert!(saved(old(None), Some("a")).is_empty());
        let plain =
            json!({ "connector": "c", "topic_partition": 3, "key": "aw==", "value": "YQ==" });
        for new in [Some("b"), None] {
            assert_eq!(saved(old(Some("a")), new)[0], plain);
        }
    }

    #[test]
    fn the_committed_position_behind_an_aborted_one_is_saved_too() {
        for aborted in [Some("a"), Some("b"), None] {
            let committed = StoredOffset {
                otherwise: Some(Box::new(Otherwise {
                    isolation: Isolation::ReadCommitted,
                    value: Some(bytes("c")),
                })),
                ..old(aborted)
            };
            let saved = saved(committed, Some("b"));
            let value = aborted.map(|value| STANDARD.encode(value));
            assert_eq!(saved[0]["value"], json!(value));
            let otherwise = json!({ "isolation_level": "read_committed", "value": "Yw==" });
            assert_eq!(saved[0]["otherwise"], otherwise, "{aborted:?}");
        }
    }

    #[test]
    fn what_stands_in_other_partitions_is_saved_too() {
        let elsewhere = [(5, Some("c")), (7, None)];
        let elsewhere = elsewhere.map(|(partition, value)| Elsewhere {
            partition,
            value: value.map(bytes),
        });
        let doubled = StoredOffset {
            elsewhere: elsewhere.into(),
            ..old(Some("b"))
        };
        let places = json!([
            { "topic_partition": 5, "value": "Yw==" },
            { "topic_partition": 7, "value": null },
        ]);
        assert_eq!(saved(doubled, Some("b"))[0]["elsewhere"], places);
    }
}
