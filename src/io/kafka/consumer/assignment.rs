//! What members of a consumer group tell each other, and who reads what (`RangeAssignor`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::{Decodable, Encodable, Message, StrBytes};

use crate::io::kafka::cluster::topic_name;
use crate::io::kafka::groups::TopicPartition;

/// The name of the assignor in the protocol.
pub(super) const RANGE: &str = "range";

/// Both messages of a consumer group, as `ConsumerProtocol` of Kafka 4.3.1 writes them.
const VERSION: i16 = 3;

/// Something that no member of a consumer group writes.
#[derive(Debug, thiserror::Error)]
#[error("{what} of a consumer group cannot be read or written: {reason}")]
pub(super) struct Malformed {
    what: &'static str,
    reason: String,
}

/// Returns the subscription of a member that owns nothing.
pub(super) fn subscription(topics: &BTreeSet<String>) -> Result<Bytes, Malformed> {
    let topics = topics.iter().cloned().map(StrBytes::from_string);
    let subscription = ConsumerProtocolSubscription::default()
        .with_topics(topics.collect())
        .with_generation_id(-1);
    versioned("a subscription", &subscription)
}

/// Reads the topics of a member's subscription.
pub(super) fn topics(metadata: &Bytes) -> Result<BTreeSet<String>, Malformed> {
    let read: ConsumerProtocolSubscription = decoded("a subscription", metadata)?;
    Ok(read.topics.iter().map(ToString::to_string).collect())
}

/// Reads what a member was given.
pub(super) fn partitions(assignment: &Bytes) -> Result<Vec<TopicPartition>, Malformed> {
    if assignment.is_empty() {
        return Ok(Vec::new());
    }
    let read: ConsumerProtocolAssignment = decoded("an assignment", assignment)?;
    let topics = read.assigned_partitions.into_iter();
    let partitions = topics.flat_map(|topic| {
        let name = topic.topic.to_string();
        let partitions = topic.partitions.into_iter();
        partitions.map(move |partition| (name.clone(), partition))
    });
    Ok(partitions.collect())
}

/// Writes what a member is given.
pub(super) fn assignment(partitions: &[TopicPartition]) -> Result<Bytes, Malformed> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        AssignedTopic::default()
            .with_topic(topic_name(topic))
            .with_partitions(partitions)
    });
    let assignment =
        ConsumerProtocolAssignment::default().with_assigned_partitions(topics.collect());
    versioned("an assignment", &assignment)
}

/// Gives each member, by its topics, a range of the partitions of each topic; `counts` are the partitions of the topics.
pub(super) fn range(
    members: &BTreeMap<String, BTreeSet<String>>,
    counts: &BTreeMap<String, i32>,
) -> BTreeMap<String, Vec<TopicPartition>> {
    let mut given: BTreeMap<String, Vec<TopicPartition>> = members
        .keys()
        .map(|member| (member.clone(), Vec::new()))
        .collect();
    for (topic, count) in counts {
        let readers: Vec<&String> = members
            .iter()
            .filter(|(_, topics)| topics.contains(topic))
            .map(|(member, _)| member)
            .collect();
        let Ok(total) = i32::try_from(readers.len()) else {
            continue;
        };
        if total == 0 {
            continue;
        }
        let (each, extra) = (count / total, count % total);
        for (at, member) in (0..total).zip(readers) {
            let first = each * at + at.min(extra);
            let length = each + i32::from(at < extra);
            let range = (first..first + length).map(|partition| (topic.clone(), partition));
            given.entry(member.clone()).or_default().extend(range);
        }
    }
    given
}

fn versioned<T: Encodable>(what: &'static str, message: &T) -> Result<Bytes, Malformed> {
    let mut bytes = BytesMut::new();
    bytes.put_i16(VERSION);
    match message.encode(&mut bytes, VERSION) {
        Ok(()) => Ok(bytes.freeze()),
        Err(error) => Err(Malformed {
            what,
            reason: error.to_string(),
        }),
    }
}

fn decoded<T: Decodable + Message>(what: &'static str, bytes: &Bytes) -> Result<T, Malformed> {
    let mut rest = bytes.clone();
    let malformed = |reason: String| Malformed { what, reason };
    if rest.len() < 2 {
        return Err(malformed("it has no version".to_owned()));
    }
    // What a later version adds comes after what this one knows.
    let version = rest.get_i16().min(T::VERSIONS.max);
    T::decode(&mut rest, version).map_err(|error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(of: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        of.iter()
            .map(|(member, topics)| {
                let topics = topics.iter().map(|topic| (*topic).to_owned());
                ((*member).to_owned(), topics.collect())
            })
            .collect()
    }

    fn shown(given: &BTreeMap<String, Vec<TopicPartition>>) -> Vec<String> {
        let row = |(member, partitions): (&String, &Vec<TopicPartition>)| {
            let partitions: Vec<_> = partitions
                .iter()
                .map(|(topic, partition)| format!("{topic}{partition}"))
                .collect();
            format!("{member}: {}", partitions.join(" "))
        };
        given.iter().map(row).collect()
    }

    #[test]
    fn partitions_are_given_in_ranges_and_the_first_members_get_more() {
        let counts = BTreeMap::from([("t".to_owned(), 5), ("u".to_owned(), 1)]);
        let given = range(
            &members(&[("a", &["t", "u"]), ("b", &["t"]), ("c", &[])]),
            &counts,
        );
        assert_eq!(shown(&given), ["a: t0 t1 t2 u0", "b: t3 t4", "c: "]);
        assert_eq!(shown(&range(&members(&[("a", &["x"])]), &counts)), ["a: "]);
    }

    #[test]
    fn what_members_tell_each_other_is_read_back() {
        let wanted = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(topics(&subscription(&wanted).unwrap()).unwrap(), wanted);
        let given = vec![
            ("a".to_owned(), 0),
            ("a".to_owned(), 2),
            ("b".to_owned(), 1),
        ];
        assert_eq!(partitions(&assignment(&given).unwrap()).unwrap(), given);
        assert_eq!(partitions(&Bytes::new()).unwrap(), []);
        for cut in 0..10 {
            assert!(topics(&subscription(&wanted).unwrap().slice(..cut)).is_err());
        }
    }
}
