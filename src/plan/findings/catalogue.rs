//! The 60 pitfalls of the way from standalone to distributed, and where each of them ends in this program.

use std::fmt::Write;

/// What a pitfall can be in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Stops the plan unless accepted.
    Block,
    Warn,
    /// The plan mends it.
    Fixed,
    /// The program is built so that it cannot happen.
    Impossible,
    /// Nothing that a plan sees tells.
    Undecidable,
}

impl Listing {
    pub fn text(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Warn => "warn",
            Self::Fixed => "fixed by the plan",
            Self::Impossible => "impossible by construction",
            Self::Undecidable => "not decidable here",
        }
    }
}

/// One row of `docs/findings.md`.
#[derive(Debug)]
pub struct Pitfall {
    pub id: &'static str,
    pub what: &'static str,
    /// What it can be, and the test that shows it: a folder of `fixtures/deployments` for a block and for what the
    /// plan mends, otherwise the name of a test function.
    pub listed: &'static [(Listing, &'static str)],
}

use Listing::{Block, Fixed, Impossible, Undecidable, Warn};

/// All pitfalls, then the findings that have a name instead of a number.
pub const CATALOGUE: &[Pitfall] = &[
    Pitfall {
        id: "P1",
        what: "`offset.storage.file.filename`, or another setting that is no topic setting, reaches the broker as one",
        listed: &[(Fixed, "seed"), (Block, "unknown-topic-setting")],
    },
    Pitfall {
        id: "P2",
        what: "`group.id` or a storage topic is missing",
        listed: &[(Fixed, "seed")],
    },
    Pitfall {
        id: "P3",
        what: "more replicas than brokers",
        listed: &[(Fixed, "one-broker"), (Block, "too-many-replicas")],
    },
    Pitfall {
        id: "P4",
        what: "an existing storage topic is not compacted",
        listed: &[(Block, "wrong-topics")],
    },
    Pitfall {
        id: "P5",
        what: "the config topic has more than one partition",
        listed: &[(Block, "wrong-topics")],
    },
    Pitfall {
        id: "P6",
        what: "the principal may not see or create the storage topics, and the broker makes them with a delete policy",
        listed: &[(Block, "no-create-permission"), (Block, "hidden-topics")],
    },
    Pitfall {
        id: "P7",
        what: "the offsets file is missing, empty or cut short",
        listed: &[
            (Block, "source-without-file"),
            (Warn, "declined_offsets_are_a_warning"),
            (
                Warn,
                "a_damaged_offsets_file_is_a_warning_where_only_sinks_move",
            ),
        ],
    },
    Pitfall {
        id: "P8",
        what: "the offsets file is read while the worker runs",
        listed: &[(Block, "not-stopped")],
    },
    Pitfall {
        id: "P9",
        what: "the worker was killed before its last flush",
        listed: &[(Undecidable, "")],
    },
    Pitfall {
        id: "P10",
        what: "a key is not, byte for byte, what a worker writes",
        listed: &[
            (
                Impossible,
                "a_key_keeps_its_bytes_from_the_file_to_the_seed",
            ),
            (Warn, "odd_keys_of_the_file_are_kept_and_reported"),
        ],
    },
    Pitfall {
        id: "P11",
        what: "a key has records in two partitions",
        listed: &[
            (
                Impossible,
                "every_seed_record_has_the_partition_that_java_computes",
            ),
            (Block, "key-in-two-partitions"),
        ],
    },
    Pitfall {
        id: "P12",
        what: "un-prefixed client settings become active for the storage topics",
        listed: &[(Fixed, "inert-settings")],
    },
    Pitfall {
        id: "P13",
        what: "a key is not in the partition where a worker writes it",
        listed: &[(Block, "key-in-wrong-partition")],
    },
    Pitfall {
        id: "P14",
        what: "the principal lacks permissions that standalone did not need",
        listed: &[(Warn, "a_secured_worker_is_told_the_permissions_it_needs")],
    },
    Pitfall {
        id: "P15",
        what: "security only under `producer.` and `consumer.`",
        listed: &[(Fixed, "prefixed-security"), (Block, "differing-security")],
    },
    Pitfall {
        id: "P16",
        what: "security only at top level: tasks do not inherit it",
        listed: &[(Warn, "tasks_do_not_inherit_top_level_security")],
    },
    Pitfall {
        id: "P17",
        what: "a sink's consumer group changes",
        listed: &[(Fixed, "renamed"), (Block, "changed-sink-group")],
    },
    Pitfall {
        id: "P18",
        what: "the worker's group is an existing consumer group, or a sink's",
        listed: &[(Block, "group-in-use")],
    },
    Pitfall {
        id: "P19",
        what: "the group or a storage topic belongs to another Connect cluster",
        listed: &[
            (Block, "foreign-cluster"),
            (Warn, "adopt_turns_a_foreign_cluster_into_a_warning"),
        ],
    },
    Pitfall {
        id: "P20",
        what: "standalone and distributed run at the same time",
        listed: &[(Block, "still-running")],
    },
    Pitfall {
        id: "P21",
        what: "connectors made over REST exist in memory only",
        listed: &[(Fixed, "running-worker")],
    },
    Pitfall {
        id: "P22",
        what: "files and running configuration differ",
        listed: &[(
            Warn,
            "the_running_configuration_wins_and_the_difference_is_reported",
        )],
    },
    Pitfall {
        id: "P23",
        what: "paused is kept in memory only",
        listed: &[(Fixed, "running-worker")],
    },
    Pitfall {
        id: "P24",
        what: "a connector starts before its offsets are there",
        listed: &[(Impossible, "connectors_start_only_after_their_offsets")],
    },
    Pitfall {
        id: "P25",
        what: "a name with spaces around it, which REST cuts off",
        listed: &[(Block, "odd-names")],
    },
    Pitfall {
        id: "P26",
        what: "offsets in the envelope of an old internal converter",
        listed: &[(Fixed, "envelopes")],
    },
    Pitfall {
        id: "P27",
        what: "offsets of an internal converter that is not JSON",
        listed: &[(Block, "not-json-keys")],
    },
    Pitfall {
        id: "P28",
        what: "reset offsets come back, null keys",
        listed: &[
            (Fixed, "reset-offsets"),
            (Warn, "null_keys_are_left_out_and_counted"),
        ],
    },
    Pitfall {
        id: "P29",
        what: "offsets of other or deleted connectors in the file",
        listed: &[(Warn, "orphans_stay_behind_and_are_counted")],
    },
    Pitfall {
        id: "P30",
        what: "values that are not strings, or null",
        listed: &[
            (Impossible, "every_value_of_the_json_is_a_string"),
            (Block, "null-values"),
        ],
    },
    Pitfall {
        id: "P31",
        what: "a name that REST cannot address",
        listed: &[
            (Block, "odd-names"),
            (
                Warn,
                "a_name_that_rest_cannot_address_is_a_warning_without_url",
            ),
        ],
    },
    Pitfall {
        id: "P32",
        what: "files, variables and drivers of one host",
        listed: &[
            (Block, "run-on-this-host"),
            (Warn, "resources_of_one_host_are_a_warning"),
        ],
    },
    Pitfall {
        id: "P33",
        what: "a plugin is missing on some worker",
        listed: &[(Undecidable, "")],
    },
    Pitfall {
        id: "P34",
        what: "secrets in plain text in connector files",
        listed: &[(Warn, "inline_secrets_are_a_warning_that_does_not_show_them")],
    },
    Pitfall {
        id: "P35",
        what: "the advertised REST address is not reachable for other workers",
        listed: &[
            (Block, "no-advertised-listener"),
            (Warn, "a_loopback_listener_is_a_warning"),
        ],
    },
    Pitfall {
        id: "P36",
        what: "two workers of a host share a port",
        listed: &[(Undecidable, "")],
    },
    Pitfall {
        id: "P37",
        what: "`rest.host.name` and `rest.port` are ignored since 3.0",
        listed: &[(Fixed, "inert-settings")],
    },
    Pitfall {
        id: "P38",
        what: "`connect.protocol` leaves internal requests unsigned",
        listed: &[(Fixed, "inert-settings")],
    },
    Pitfall {
        id: "P39",
        what: "https between workers without a trust store",
        listed: &[(Warn, "https_without_a_trust_store_is_a_warning")],
    },
    Pitfall {
        id: "P40",
        what: "source topics are auto-created on another cluster with other partition counts",
        listed: &[(Warn, "sources_on_another_kafka_are_warned_of_their_topics")],
    },
    Pitfall {
        id: "P41",
        what: "`exactly.once.support=required` without exactly-once workers",
        listed: &[(Block, "exactly-once-required")],
    },
    Pitfall {
        id: "P42",
        what: "`offsets.storage.topic` of a connector is honoured now, and exactly-once sources keep positions where their own clients are",
        listed: &[
            (Warn, "an_offset_topic_of_the_connector_is_a_warning"),
            (Block, "own-offset-topic"),
            (Block, "own-store-elsewhere"),
        ],
    },
    Pitfall {
        id: "P43",
        what: "the override policy refuses `*.override.*`",
        listed: &[(Warn, "overrides_against_the_policy_are_a_warning")],
    },
    Pitfall {
        id: "P44",
        what: "a configuration larger than a record may be",
        listed: &[(Block, "huge-configuration")],
    },
    Pitfall {
        id: "P45",
        what: "an empty `GET /connectors` of a starting worker is taken for an empty cluster",
        listed: &[(
            Impossible,
            "the_config_topic_says_which_connectors_there_are",
        )],
    },
    Pitfall {
        id: "P46",
        what: "transient REST errors of a rebalance",
        listed: &[(
            Impossible,
            "a_rebalance_is_transient_and_an_existing_connector_is_not",
        )],
    },
    Pitfall {
        id: "P47",
        what: "work of a lost worker stays unassigned for five minutes",
        listed: &[(Undecidable, "")],
    },
    Pitfall {
        id: "P48",
        what: "`tasks.max` above 1 now spreads over hosts",
        listed: &[(Warn, "several_tasks_on_local_files_are_a_warning")],
    },
    Pitfall {
        id: "P49",
        what: "the dead letter topic wants three replicas",
        listed: &[(Block, "dead-letters")],
    },
    Pitfall {
        id: "P50",
        what: "committed offsets of an idle group expire",
        listed: &[(Warn, "a_short_retention_of_committed_offsets_is_a_warning")],
    },
    Pitfall {
        id: "P51",
        what: "session and heartbeat of consumers now bind the worker's group",
        listed: &[(Fixed, "inert-settings")],
    },
    Pitfall {
        id: "P52",
        what: "UTF-8 in properties, which Java reads as Latin-1",
        listed: &[(Warn, "utf8_in_properties_is_a_warning")],
    },
    Pitfall {
        id: "P53",
        what: "REST does not see every offset",
        listed: &[(
            Impossible,
            "a_key_keeps_its_bytes_from_the_file_to_the_seed",
        )],
    },
    Pitfall {
        id: "P54",
        what: "REST rewrites keys and needs the connector's help",
        listed: &[(
            Impossible,
            "a_key_keeps_its_bytes_from_the_file_to_the_seed",
        )],
    },
    Pitfall {
        id: "P55",
        what: "records of an earlier life in a reused topic",
        listed: &[(Warn, "a_used_config_topic_without_connectors_is_a_warning")],
    },
    Pitfall {
        id: "P56",
        what: "a worker that counts config offsets differently from Java's",
        listed: &[(Undecidable, "")],
    },
    Pitfall {
        id: "P57",
        what: "the topic has other offsets under the connector's name",
        listed: &[
            (Block, "other-offsets-in-topic"),
            (
                Warn,
                "overwriting_offsets_is_a_warning_while_the_connector_is_at_rest",
            ),
        ],
    },
    Pitfall {
        id: "P58",
        what: "another Kafka cluster: committed offsets stay behind",
        listed: &[(Block, "another-kafka")],
    },
    Pitfall {
        id: "P59",
        what: "REST was open to the host alone and is now open to the network",
        listed: &[(Warn, "opening_rest_to_the_network_is_a_warning")],
    },
    Pitfall {
        id: "P60",
        what: "log levels set over REST are not kept",
        listed: &[(Undecidable, "")],
    },
    Pitfall {
        id: "no-position",
        what: "a source without an entry in the offsets file",
        listed: &[(Block, "source-without-entry")],
    },
    Pitfall {
        id: "rest-differs",
        what: "the offsets file is not that of the running worker: REST shows other positions",
        listed: &[(Block, "file-of-another-worker")],
    },
    Pitfall {
        id: "no-committed-offsets",
        what: "a sink whose consumer group has no committed offsets",
        listed: &[(Warn, "a_sink_without_committed_offsets_is_a_warning")],
    },
    Pitfall {
        id: "sink-group-unseen",
        what: "a sink's consumer group is in another Kafka cluster than the workers', or up to a config provider: it cannot be looked at",
        listed: &[
            (Block, "sink-group-elsewhere"),
            (Block, "sink-group-by-reference"),
        ],
    },
    Pitfall {
        id: "group-in-use",
        what: "connectors are not registered or not in their final state, and workers run already: no embedded worker joins",
        listed: &[(Block, "workers-before-the-final-states")],
    },
    Pitfall {
        id: "old-name-in-use",
        what: "`--delete-old`, and the target cluster has a connector of the old name",
        listed: &[(
            Warn,
            "what_a_connector_of_the_old_name_lives_on_is_not_deleted",
        )],
    },
    Pitfall {
        id: "topic-collision",
        what: "a storage topic collides with an existing one: `.` and `_` are the same to Kafka",
        listed: &[(Block, "topic-collision")],
    },
    Pitfall {
        id: "topic-refused",
        what: "the broker would refuse to create a storage topic as the worker file describes it",
        listed: &[(Block, "topic-refused")],
    },
    Pitfall {
        id: "topic-settings-hidden",
        what: "the principal may not read the settings of an existing storage topic",
        listed: &[(Warn, "settings_that_may_not_be_read_are_a_warning")],
    },
    Pitfall {
        id: "topic-unavailable",
        what: "partitions of an existing storage topic have no leader, or too few replicas in sync",
        listed: &[(Block, "topic-unavailable")],
    },
    Pitfall {
        id: "topic-unwritable",
        what: "an existing storage topic wants more in-sync replicas than it has replicas",
        listed: &[(Block, "wrong-topics")],
    },
    Pitfall {
        id: "topic-min-insync",
        what: "an existing storage topic wants fewer in-sync replicas than the worker file says",
        listed: &[(Warn, "fewer_in_sync_replicas_than_asked_for_are_a_warning")],
    },
    Pitfall {
        id: "repeated-key",
        what: "one key stands twice in the offsets file, with different values",
        listed: &[(Block, "repeated-key")],
    },
    Pitfall {
        id: "odd-value",
        what: "an offset that is not a JSON object",
        listed: &[(Warn, "an_offset_that_is_no_object_is_a_warning")],
    },
    Pitfall {
        id: "aborted-records",
        what: "positions in the offset topic that workers take or do not take by `exactly.once.source.support`: their transactions were aborted",
        listed: &[
            (Block, "aborted-records"),
            (
                Warn,
                "a_worker_that_reads_committed_offsets_is_told_of_the_others",
            ),
        ],
    },
    Pitfall {
        id: "aborted-configuration",
        what: "a connector in the config topic that workers take or do not take by `exactly.once.source.support`: the transaction that wrote it was aborted",
        listed: &[
            (Block, "aborted-records"),
            (
                Warn,
                "a_worker_that_reads_committed_offsets_is_told_of_the_others",
            ),
        ],
    },
    Pitfall {
        id: "open-transaction",
        what: "a transaction is open in the offset topic: which positions hold is not decided",
        listed: &[(Block, "aborted-records")],
    },
    Pitfall {
        id: "standalone-used-again",
        what: "the standalone worker was used again after the cutover, so the offsets file and the offset topic have both gone on",
        listed: &[(Block, "used-again")],
    },
    Pitfall {
        id: "both-modes",
        what: "the worker file names an offsets file and storage topics: it may be a distributed worker's already",
        listed: &[(
            Warn,
            "a_file_with_settings_of_both_modes_is_taken_for_standalone_with_a_warning",
        )],
    },
    Pitfall {
        id: "trailing-bytes",
        what: "bytes after the map in the offsets file",
        listed: &[(Warn, "bytes_after_the_map_are_a_warning")],
    },
];

/// Returns the table of `docs/findings.md`.
pub fn table() -> String {
    let mut table =
        String::from("| id | pitfall | what becomes of it | shown by |\n|---|---|---|---|\n");
    for pitfall in CATALOGUE {
        let classes: Vec<&str> = pitfall
            .listed
            .iter()
            .map(|(listing, _)| listing.text())
            .collect();
        let mut tests: Vec<String> = pitfall
            .listed
            .iter()
            .filter(|(_, test)| !test.is_empty())
            .map(|(listing, test)| match listing {
                Block | Fixed => format!("`fixtures/deployments/{test}`"),
                Warn | Impossible | Undecidable => format!("`{test}`"),
            })
            .collect();
        tests.dedup();
        writeln!(
            table,
            "| {} | {} | {} | {} |",
            pitfall.id,
            pitfall.what,
            classes.join(", "),
            tests.join(", ")
        )
        .expect("writing to a String never fails");
    }
    table
}
