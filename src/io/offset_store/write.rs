//! Records for an offset topic: produced by rskafka, read back through our own reader, compared byte for byte and
//! partition for partition.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::OffsetStoreError;
use super::topic::{described, read_unsorted};
use crate::io::files::{LARGEST_OFFSETS, back_up, read};
use crate::io::kafka::cluster::{Cluster, TopicDescription};
use crate::io::kafka::seeder;
use crate::plan::{SeedRecord, StoredOffsets};
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
    compare(cluster, topic, &records).await?;
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

/// Compares the topic with what it must say.
pub async fn compare(
    cluster: &Cluster,
    topic: &str,
    expected: &[SeedRecord],
) -> Result<(), OffsetStoreError> {
    let found = read_unsorted(cluster, topic, expected.len()).await?;
    let found = found.ok_or_else(|| gone(topic))?;
    let wrong = differences(expected, &found.stored);
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
pub(in crate::io) fn placed(records: &[SeedRecord], partitions: i32) -> Vec<SeedRecord> {
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
    let old: Vec<_> = records
        .iter()
        .filter_map(|record| {
            let old = seeding.stored.get(&record.key)?;
            let value = old.value.as_ref()?;
            (Some(value) != record.value.as_ref()).then(|| {
                json!({
                    "connector": record.connector,
                    "topic_partition": old.partition,
                    "key": STANDARD.encode(&record.key),
                    "value": STANDARD.encode(value),
                })
            })
        })
        .collect();
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

pub(in crate::io) fn differences(expected: &[SeedRecord], found: &StoredOffsets) -> Vec<String> {
    let mut wrong = Vec::new();
    for record in expected {
        let key = String::from_utf8_lossy(&record.key);
        let what = match found.get(&record.key) {
            None if record.value.is_none() => continue,
            None => format!("{key} is not there"),
            Some(stored) if stored.value != record.value => format!("{key} has another value"),
            Some(stored) if Some(stored.partition) != record.partition => format!(
                "{key} is in partition {}, where no worker looks for it",
                stored.partition
            ),
            Some(stored) if !stored.elsewhere.is_empty() => format!(
                "{key} is also in partition {}, and a worker finds either by chance",
                stored.elsewhere[0].partition
            ),
            Some(_) => continue,
        };
        wrong.push(what);
        if wrong.len() >= NAMED {
            break;
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::plan::{Elsewhere, StoredOffset};

    fn record(key: &'static str, value: Option<&'static str>) -> SeedRecord {
        SeedRecord {
            connector: "c".into(),
            key: Bytes::from_static(key.as_bytes()),
            value: value.map(|v| Bytes::from_static(v.as_bytes())),
            partition: None,
        }
    }

    fn stored(partition: i32, value: Option<&'static str>, elsewhere: &[i32]) -> StoredOffset {
        let other = |partition: &i32| Elsewhere {
            partition: *partition,
            value: None,
        };
        StoredOffset {
            partition,
            offset: 0,
            value: value.map(|v| Bytes::from_static(v.as_bytes())),
            elsewhere: elsewhere.iter().map(other).collect(),
        }
    }

    #[test]
    fn a_missing_changed_misplaced_or_doubled_record_is_a_difference() {
        let keys = ["a", "ab", "abc", "abcd"];
        let expected = placed(&keys.map(|key| record(key, Some("1"))), 25);
        let right: Vec<_> = expected.iter().filter_map(|r| r.partition).collect();
        assert_eq!(right, [24, 9, 7, 0]);
        let found = StoredOffsets::from_iter([
            ("ab".into(), stored(9, Some("2"), &[])),
            ("abc".into(), stored(8, Some("1"), &[])),
            ("abcd".into(), stored(0, Some("1"), &[3])),
        ]);
        let wrong = differences(&expected, &found);
        assert_eq!(wrong.len(), 4, "{wrong:?}");
        assert!(wrong[2].contains("partition 8"));
        let good = StoredOffsets::from_iter([("ab".into(), stored(9, Some("1"), &[]))]);
        assert!(differences(&expected[1..2], &good).is_empty());
    }

    #[test]
    fn a_tombstone_may_be_compacted_away() {
        let expected = placed(&[record("a", None)], 5);
        assert!(differences(&expected, &StoredOffsets::default()).is_empty());
        let alive = StoredOffsets::from_iter([("a".into(), stored(4, Some("1"), &[]))]);
        assert_eq!(differences(&expected, &alive).len(), 1);
    }
}
