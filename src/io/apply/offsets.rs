//! Offsets: produced by rskafka, read back through our own reader, compared byte for byte and partition for partition.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;

use crate::io::files::{LARGEST_OFFSETS, back_up, read};
use crate::io::kafka::seeder;
use crate::io::observe::latest_offsets;
use crate::model::worker_config::StorageRole;
use crate::plan::{Plan, SeedRecord, Step, StoredOffset};
use crate::protocol::partitioner::partition_of;

use super::error::{AFTER_READ_BACK, BEFORE_FIRST_PRODUCE};
use super::files::backup_folder;
use super::{ApplyError, Means, Target};

/// Differences that an error names; the rest are counted.
const NAMED: usize = 20;

pub(super) async fn seed(
    plan: &Plan,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    if plan.seed.is_empty() {
        return Ok(());
    }
    let topic = offset_topic(plan);
    means
        .journal
        .begin(Step::Seed(plan.seed.len()), Some(plan.seed.len()));
    unchanged(means, BEFORE_FIRST_PRODUCE)?;
    let partitions = partitions_of(target, topic).await?;
    let records = placed(&plan.seed, partitions);
    keep_old_values(&records, target, means)?;
    // Tombstones of old names come last: until the new names are in place, the old ones are the only positions.
    let (fresh, gone): (Vec<_>, Vec<_>) = records.into_iter().partition(|r| r.value.is_some());
    let before = fresh.len();
    produce(target, topic, partitions, &fresh, |done| {
        means.journal.advance(done);
    })
    .await?;
    let mut expected = fresh;
    expected.extend(gone);
    let gone = &expected[before..];
    produce(target, topic, partitions, gone, |done| {
        means.journal.advance(before + done);
    })
    .await?;
    read_back(target, topic, &expected).await?;
    unchanged(means, AFTER_READ_BACK)?;
    means
        .journal
        .end(format!("{} written and read back", expected.len()));
    Ok(())
}

pub(super) fn offset_topic(plan: &Plan) -> &str {
    &plan.topic(StorageRole::Offset).wanted.name
}

/// Compares the topic with what it must say.
pub(super) async fn read_back(
    target: Target<'_>,
    topic: &str,
    expected: &[SeedRecord],
) -> Result<(), ApplyError> {
    let found = latest_offsets(target.cluster, topic).await?;
    let wrong = differences(expected, &found);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(ApplyError::ReadBack {
        topic: topic.to_owned(),
        wrong,
    })
}

/// Hashes the offsets file again; another hash means that the worker is alive.
fn unchanged(means: &Means<'_>, when: &'static str) -> Result<(), ApplyError> {
    let Some(file) = &means.offsets_file else {
        return Ok(());
    };
    let now = read(&file.path, LARGEST_OFFSETS)?;
    if now.sha256 == file.sha256 {
        return Ok(());
    }
    Err(ApplyError::OffsetsFileChanged {
        path: file.path.clone(),
        when,
    })
}

async fn partitions_of(target: Target<'_>, topic: &str) -> Result<i32, ApplyError> {
    let names = [topic.to_owned()];
    let described = target.cluster.topics(Some(&names)).await?;
    let found = described
        .get(topic)
        .filter(|found| found.error.is_none() && !found.partitions.is_empty())
        .ok_or_else(|| ApplyError::TopicGone {
            topic: topic.to_owned(),
        })?;
    Ok(i32::try_from(found.partitions.len()).unwrap_or(i32::MAX))
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
    target: Target<'_>,
    topic: &str,
    partitions: i32,
    records: &[SeedRecord],
    advance: impl Fn(usize),
) -> Result<(), ApplyError> {
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
    seeder::seed(
        target.cluster.settings(),
        topic,
        partitions,
        &records,
        advance,
    )
    .await
    .map(drop)
    .map_err(|source| ApplyError::Seed {
        topic: topic.to_owned(),
        source,
    })
}

/// Saves the topic's values of the keys that get another one.
fn keep_old_values(
    records: &[SeedRecord],
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    let stored = &target.observed.stored_offsets;
    let old: Vec<_> = records
        .iter()
        .filter_map(|record| {
            let old = stored.get(&record.key)?;
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
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(&old).unwrap_or_default();
    back_up(&backup_folder(means.out), "offset-topic", "json", &text)?;
    Ok(())
}

fn differences(expected: &[SeedRecord], found: &BTreeMap<Bytes, StoredOffset>) -> Vec<String> {
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
                "{key} is also in partitions {:?}, and a worker finds either by chance",
                stored.elsewhere
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
    use super::*;

    fn record(key: &'static str, value: Option<&'static str>) -> SeedRecord {
        SeedRecord {
            connector: "c".into(),
            key: Bytes::from_static(key.as_bytes()),
            value: value.map(|v| Bytes::from_static(v.as_bytes())),
            partition: None,
        }
    }

    fn stored(partition: i32, value: Option<&'static str>, elsewhere: Vec<i32>) -> StoredOffset {
        StoredOffset {
            partition,
            offset: 0,
            value: value.map(|v| Bytes::from_static(v.as_bytes())),
            elsewhere,
        }
    }

    #[test]
    fn a_missing_changed_misplaced_or_doubled_record_is_a_difference() {
        let keys = ["a", "ab", "abc", "abcd"];
        let expected = placed(&keys.map(|key| record(key, Some("1"))), 25);
        let right: Vec<_> = expected.iter().filter_map(|r| r.partition).collect();
        assert_eq!(right, [24, 9, 7, 0]);
        let found = BTreeMap::from([
            ("ab".into(), stored(9, Some("2"), vec![])),
            ("abc".into(), stored(8, Some("1"), vec![])),
            ("abcd".into(), stored(0, Some("1"), vec![3])),
        ]);
        let wrong = differences(&expected, &found);
        assert_eq!(wrong.len(), 4, "{wrong:?}");
        assert!(wrong[2].contains("partition 8"));
        let good = BTreeMap::from([("ab".into(), stored(9, Some("1"), vec![]))]);
        assert!(differences(&expected[1..2], &good).is_empty());
    }

    #[test]
    fn a_tombstone_may_be_compacted_away() {
        let expected = placed(&[record("a", None)], 5);
        assert!(differences(&expected, &BTreeMap::new()).is_empty());
        let alive = BTreeMap::from([("a".into(), stored(4, Some("1"), vec![]))]);
        assert_eq!(differences(&expected, &alive).len(), 1);
    }
}
