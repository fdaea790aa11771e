//! The partition Java's producer chooses for a keyed record.

/// Returns the 32-bit MurmurHash2 of `bytes`, as `org.apache.kafka.common.utils.Utils.murmur2` computes it.
pub fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Java's array lengths are 31-bit; a longer key does not exist there.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut h = SEED ^ length;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (position, byte) in tail.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * position);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^= h >> 15;
    h.cast_signed()
}

/// Returns the partition of a record with this key in a topic of `partitions` partitions, 0-based.
///
/// This is `BuiltInPartitioner.partitionForKey`. A topic has at least one partition; for less, the answer is 0.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::{murmur2, partition_of};

    /// Key, hash, partition of 25, partition of 5, as Kafka 4.3.1 computes them.
    const OF_JAVA: &[(&str, i32, i32, i32)] = &[
        ("", 275_646_681, 6, 1),
        ("a", -1_563_381_124, 24, 4),
        ("ab", 316_155_434, 9, 4),
        ("abc", 479_470_107, 7, 2),
        ("abcd", -1_323_649_548, 0, 0),
        (
            r#"["file-src",{"filename":"/var/lib/connect/in.txt"}]"#,
            1_905_532_739,
            14,
            4,
        ),
        (
            r#"["file-src2",{"filename":"/var/lib/connect/in.txt"}]"#,
            -1_730_665_125,
            23,
            3,
        ),
        (
            r#"["local-file-source",{"filename":"/tmp/test.txt"}]"#,
            -598_596_227,
            21,
            1,
        ),
        ("status-connector-file-src", -813_988_273, 0, 0),
        ("status-task-file-src-0", 1_281_269_615, 15, 0),
        (
            "status-topic-file-data:connector-file-src",
            2_064_022_364,
            14,
            4,
        ),
    ];

    #[test]
    fn keys_hash_as_in_java() {
        for (key, hash, _, _) in OF_JAVA {
            assert_eq!(murmur2(key.as_bytes()), *hash, "{key}");
        }
    }

    #[test]
    fn keys_go_to_the_partition_java_chooses() {
        for (key, _, of_25, of_5) in OF_JAVA {
            assert_eq!(partition_of(key.as_bytes(), 25), *of_25, "{key}");
            assert_eq!(partition_of(key.as_bytes(), 5), *of_5, "{key}");
            assert_eq!(partition_of(key.as_bytes(), 1), 0, "{key}");
        }
    }

    #[test]
    fn a_topic_without_partitions_does_not_divide_by_zero() {
        assert_eq!(partition_of(b"a", 0), 0);
        assert_eq!(partition_of(b"a", -1), 0);
    }
}
