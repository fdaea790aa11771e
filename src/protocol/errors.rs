//! Broker error codes: name, whether a retry can help, and what to do about those an operator can act upon.
//!
//! Source: `org.apache.kafka.common.protocol.Errors` of Kafka 4.3.1; a live test compares the table with that enum.

/// One error code of the Kafka protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    pub code: i16,
    /// Kafka's own constant, `TOPIC_ALREADY_EXISTS`; `UNKNOWN` for a code that Kafka 4.3.1 does not define.
    pub name: &'static str,
    /// True when Kafka's clients retry it (`RetriableException`).
    pub retriable: bool,
}

impl ErrorCode {
    /// Returns the code's row of the table; a code of a newer broker is unnamed and not retriable.
    pub fn of(code: i16) -> Self {
        let unnamed = ErrorCode {
            code,
            name: "UNKNOWN",
            retriable: false,
        };
        CODES
            .binary_search_by_key(&code, |row| row.0)
            .ok()
            .and_then(|at| CODES.get(at))
            .map_or(unnamed, |&(code, name, retriable)| ErrorCode {
                code,
                name,
                retriable,
            })
    }

    /// Returns every code the table knows, in ascending order, `NONE` included.
    pub fn all() -> impl Iterator<Item = ErrorCode> {
        CODES.iter().map(|&(code, name, retriable)| ErrorCode {
            code,
            name,
            retriable,
        })
    }

    pub fn is_error(self) -> bool {
        self.code != NONE
    }

    /// True for the codes by which a broker says that the principal lacks an ACL.
    pub fn is_authorization(self) -> bool {
        matches!(
            self.code,
            TOPIC_AUTHORIZATION_FAILED
                | GROUP_AUTHORIZATION_FAILED
                | CLUSTER_AUTHORIZATION_FAILED
                | TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                | DELEGATION_TOKEN_AUTHORIZATION_FAILED
        )
    }

    /// True when the missing ACL is one on the cluster.
    pub fn is_about_the_cluster(self) -> bool {
        self.code == CLUSTER_AUTHORIZATION_FAILED
    }

    /// True when the missing ACL is one on a group.
    pub fn is_about_a_group(self) -> bool {
        self.code == GROUP_AUTHORIZATION_FAILED
    }

    /// Returns what an operator can do about it, as a sentence.
    pub fn advice(self) -> Option<&'static str> {
        ADVICE
            .iter()
            .find(|(name, _)| *name == self.name)
            .map(|(_, advice)| *advice)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.code)
    }
}

pub const NONE: i16 = 0;
pub const OFFSET_OUT_OF_RANGE: i16 = 1;
pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
pub const LEADER_NOT_AVAILABLE: i16 = 5;
pub const NOT_LEADER_OR_FOLLOWER: i16 = 6;
pub const REQUEST_TIMED_OUT: i16 = 7;
pub const MESSAGE_TOO_LARGE: i16 = 10;
pub const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
pub const COORDINATOR_NOT_AVAILABLE: i16 = 15;
pub const NOT_COORDINATOR: i16 = 16;
pub const INVALID_TOPIC_EXCEPTION: i16 = 17;
pub const NOT_ENOUGH_REPLICAS_AFTER_APPEND: i16 = 20;
pub const ILLEGAL_GENERATION: i16 = 22;
pub const INCONSISTENT_GROUP_PROTOCOL: i16 = 23;
pub const RECORD_LIST_TOO_LARGE: i16 = 18;
pub const UNKNOWN_MEMBER_ID: i16 = 25;
pub const REBALANCE_IN_PROGRESS: i16 = 27;
pub const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
pub const GROUP_AUTHORIZATION_FAILED: i16 = 30;
pub const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
pub const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
pub const ILLEGAL_SASL_STATE: i16 = 34;
pub const UNSUPPORTED_VERSION: i16 = 35;
pub const TOPIC_ALREADY_EXISTS: i16 = 36;
pub const INVALID_REPLICATION_FACTOR: i16 = 38;
pub const INVALID_CONFIG: i16 = 40;
pub const NOT_CONTROLLER: i16 = 41;
pub const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
pub const DUPLICATE_SEQUENCE_NUMBER: i16 = 46;
pub const INVALID_PRODUCER_EPOCH: i16 = 47;
pub const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
pub const SASL_AUTHENTICATION_FAILED: i16 = 58;
pub const UNKNOWN_PRODUCER_ID: i16 = 59;
pub const DELEGATION_TOKEN_AUTHORIZATION_FAILED: i16 = 65;
pub const NON_EMPTY_GROUP: i16 = 68;
pub const GROUP_ID_NOT_FOUND: i16 = 69;
pub const MEMBER_ID_REQUIRED: i16 = 79;
pub const FENCED_INSTANCE_ID: i16 = 82;
pub const UNKNOWN_TOPIC_ID: i16 = 100;

const ADVICE: &[(&str, &str)] = &[
    (
        "UNKNOWN_TOPIC_OR_PARTITION",
        "The topic does not exist, or the principal may not DESCRIBE it: check the name with `kafka-topics.sh --list`.",
    ),
    (
        "LEADER_NOT_AVAILABLE",
        "The partition has no leader: check that its brokers are running.",
    ),
    (
        "REQUEST_TIMED_OUT",
        "The cluster did not finish in time: check that all brokers are running, or give a longer --timeout.",
    ),
    (
        "MESSAGE_TOO_LARGE",
        "Raise max.message.bytes of the topic above the size of the largest record.",
    ),
    (
        "COORDINATOR_NOT_AVAILABLE",
        "The group coordinator is not available: check __consumer_offsets and its replicas.",
    ),
    (
        "INVALID_TOPIC_EXCEPTION",
        "Topic names have 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'.",
    ),
    (
        "RECORD_LIST_TOO_LARGE",
        "Raise segment.bytes of the topic above the size of the largest record.",
    ),
    (
        "NOT_ENOUGH_REPLICAS",
        "Fewer replicas are in sync than min.insync.replicas asks for: start the missing brokers.",
    ),
    (
        "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        "Fewer replicas are in sync than min.insync.replicas asks for: start the missing brokers.",
    ),
    (
        "INVALID_GROUP_ID",
        "The group id is empty or not acceptable to the broker.",
    ),
    (
        "TOPIC_AUTHORIZATION_FAILED",
        "Grant the principal the missing ACL on the topic with `kafka-acls.sh --add`.",
    ),
    (
        "GROUP_AUTHORIZATION_FAILED",
        "Grant the principal the missing ACL on the group with `kafka-acls.sh --add`.",
    ),
    (
        "CLUSTER_AUTHORIZATION_FAILED",
        "Grant the principal the missing ACL on the cluster with `kafka-acls.sh --add --cluster`.",
    ),
    (
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        "Grant the principal WRITE and DESCRIBE on the transactional id with `kafka-acls.sh --add`.",
    ),
    (
        "UNSUPPORTED_SASL_MECHANISM",
        "Set sasl.mechanism to one of the mechanisms that the listener offers.",
    ),
    (
        "ILLEGAL_SASL_STATE",
        "The listener does not speak SASL: compare security.protocol with the broker's listener.",
    ),
    (
        "UNSUPPORTED_VERSION",
        "The broker is too old or too new for this request.",
    ),
    ("TOPIC_ALREADY_EXISTS", "A topic of this name exists."),
    (
        "INVALID_PARTITIONS",
        "The number of partitions must be at least 1.",
    ),
    (
        "INVALID_REPLICATION_FACTOR",
        "Use a replication factor of at least 1 and at most the number of brokers; -1 takes the broker's default.",
    ),
    (
        "INVALID_CONFIG",
        "A topic setting is unknown to the broker or has a value it does not accept.",
    ),
    (
        "POLICY_VIOLATION",
        "The broker's create.topic.policy or alter.config.policy refuses this topic: use the settings it asks for.",
    ),
    (
        "SECURITY_DISABLED",
        "The broker has no authorizer: ACLs cannot be read or written.",
    ),
    (
        "KAFKA_STORAGE_ERROR",
        "A broker cannot read or write its log directory: see its log.",
    ),
    (
        "SASL_AUTHENTICATION_FAILED",
        "Check the user name, the password and sasl.mechanism in the client properties.",
    ),
    ("NON_EMPTY_GROUP", "Stop the members of the group first."),
    ("GROUP_ID_NOT_FOUND", "No group of this id exists."),
    (
        "TOPIC_DELETION_DISABLED",
        "The broker has delete.topic.enable=false.",
    ),
    (
        "THROTTLING_QUOTA_EXCEEDED",
        "The principal's controller mutation quota is used up: wait, or raise the quota.",
    ),
    (
        "INVALID_RECORD",
        "The broker refused the record; a compacted topic takes no record without a key.",
    ),
    (
        "UNKNOWN_TOPIC_ID",
        "The topic was deleted, or deleted and created again, meanwhile.",
    ),
    (
        "CORRUPT_MESSAGE",
        "The broker found a damaged record batch; a compacted topic takes no record without a key.",
    ),
];

/// Code, name, retriable; ascending by code.
const CODES: &[(i16, &str, bool)] = &[
    (-1, "UNKNOWN_SERVER_ERROR", false),
    (0, "NONE", false),
    (1, "OFFSET_OUT_OF_RANGE", false),
    (2, "CORRUPT_MESSAGE", true),
    (3, "UNKNOWN_TOPIC_OR_PARTITION", true),
    (4, "INVALID_FETCH_SIZE", false),
    (5, "LEADER_NOT_AVAILABLE", true),
    (6, "NOT_LEADER_OR_FOLLOWER", true),
    (7, "REQUEST_TIMED_OUT", true),
    (8, "BROKER_NOT_AVAILABLE", false),
    (9, "REPLICA_NOT_AVAILABLE", true),
    (10, "MESSAGE_TOO_LARGE", false),
    (11, "STALE_CONTROLLER_EPOCH", false),
    (12, "OFFSET_METADATA_TOO_LARGE", false),
    (13, "NETWORK_EXCEPTION", true),
    (14, "COORDINATOR_LOAD_IN_PROGRESS", true),
    (15, "COORDINATOR_NOT_AVAILABLE", true),
    (16, "NOT_COORDINATOR", true),
    (17, "INVALID_TOPIC_EXCEPTION", false),
    (18, "RECORD_LIST_TOO_LARGE", false),
    (19, "NOT_ENOUGH_REPLICAS", true),
    (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true),
    (21, "INVALID_REQUIRED_ACKS", false),
    (22, "ILLEGAL_GENERATION", false),
    (23, "INCONSISTENT_GROUP_PROTOCOL", false),
    (24, "INVALID_GROUP_ID", false),
    (25, "UNKNOWN_MEMBER_ID", false),
    (26, "INVALID_SESSION_TIMEOUT", false),
    (27, "REBALANCE_IN_PROGRESS", false),
    (28, "INVALID_COMMIT_OFFSET_SIZE", false),
    (29, "TOPIC_AUTHORIZATION_FAILED", false),
    (30, "GROUP_AUTHORIZATION_FAILED", false),
    (31, "CLUSTER_AUTHORIZATION_FAILED", false),
    (32, "INVALID_TIMESTAMP", false),
    (33, "UNSUPPORTED_SASL_MECHANISM", false),
    (34, "ILLEGAL_SASL_STATE", false),
    (35, "UNSUPPORTED_VERSION", false),
    (36, "TOPIC_ALREADY_EXISTS", false),
    (37, "INVALID_PARTITIONS", false),
    (38, "INVALID_REPLICATION_FACTOR", false),
    (39, "INVALID_REPLICA_ASSIGNMENT", false),
    (40, "INVALID_CONFIG", false),
    (41, "NOT_CONTROLLER", true),
    (42, "INVALID_REQUEST", false),
    (43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", false),
    (44, "POLICY_VIOLATION", false),
    (45, "OUT_OF_ORDER_SEQUENCE_NUMBER", false),
    (46, "DUPLICATE_SEQUENCE_NUMBER", false),
    (47, "INVALID_PRODUCER_EPOCH", false),
    (48, "INVALID_TXN_STATE", false),
    (49, "INVALID_PRODUCER_ID_MAPPING", false),
    (50, "INVALID_TRANSACTION_TIMEOUT", false),
    (51, "CONCURRENT_TRANSACTIONS", true),
    (52, "TRANSACTION_COORDINATOR_FENCED", false),
    (53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false),
    (54, "SECURITY_DISABLED", false),
    (55, "OPERATION_NOT_ATTEMPTED", false),
    (56, "KAFKA_STORAGE_ERROR", true),
    (57, "LOG_DIR_NOT_FOUND", false),
    (58, "SASL_AUTHENTICATION_FAILED", false),
    (59, "UNKNOWN_PRODUCER_ID", false),
    (60, "REASSIGNMENT_IN_PROGRESS", false),
    (61, "DELEGATION_TOKEN_AUTH_DISABLED", false),
    (62, "DELEGATION_TOKEN_NOT_FOUND", false),
    (63, "DELEGATION_TOKEN_OWNER_MISMATCH", false),
    (64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", false),
    (65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", false),
    (66, "DELEGATION_TOKEN_EXPIRED", false),
    (67, "INVALID_PRINCIPAL_TYPE", false),
    (68, "NON_EMPTY_GROUP", false),
    (69, "GROUP_ID_NOT_FOUND", false),
    (70, "FETCH_SESSION_ID_NOT_FOUND", true),
    (71, "INVALID_FETCH_SESSION_EPOCH", true),
    (72, "LISTENER_NOT_FOUND", true),
    (73, "TOPIC_DELETION_DISABLED", false),
    (74, "FENCED_LEADER_EPOCH", true),
    (75, "UNKNOWN_LEADER_EPOCH", true),
    (76, "UNSUPPORTED_COMPRESSION_TYPE", false),
    (77, "STALE_BROKER_EPOCH", false),
    (78, "OFFSET_NOT_AVAILABLE", true),
    (79, "MEMBER_ID_REQUIRED", false),
    (80, "PREFERRED_LEADER_NOT_AVAILABLE", true),
    (81, "GROUP_MAX_SIZE_REACHED", false),
    (82, "FENCED_INSTANCE_ID", false),
    (83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", true),
    (84, "ELECTION_NOT_NEEDED", true),
    (85, "NO_REASSIGNMENT_IN_PROGRESS", false),
    (86, "GROUP_SUBSCRIBED_TO_TOPIC", false),
    (87, "INVALID_RECORD", false),
    (88, "UNSTABLE_OFFSET_COMMIT", true),
    (89, "THROTTLING_QUOTA_EXCEEDED", true),
    (90, "PRODUCER_FENCED", false),
    (91, "RESOURCE_NOT_FOUND", false),
    (92, "DUPLICATE_RESOURCE", false),
    (93, "UNACCEPTABLE_CREDENTIAL", false),
    (94, "INCONSISTENT_VOTER_SET", false),
    (95, "INVALID_UPDATE_VERSION", false),
    (96, "FEATURE_UPDATE_FAILED", false),
    (97, "PRINCIPAL_DESERIALIZATION_FAILURE", false),
    (98, "SNAPSHOT_NOT_FOUND", false),
    (99, "POSITION_OUT_OF_RANGE", false),
    (100, "UNKNOWN_TOPIC_ID", true),
    (101, "DUPLICATE_BROKER_REGISTRATION", false),
    (102, "BROKER_ID_NOT_REGISTERED", false),
    (103, "INCONSISTENT_TOPIC_ID", true),
    (104, "INCONSISTENT_CLUSTER_ID", false),
    (105, "TRANSACTIONAL_ID_NOT_FOUND", false),
    (106, "FETCH_SESSION_TOPIC_ID_ERROR", true),
    (107, "INELIGIBLE_REPLICA", false),
    (108, "NEW_LEADER_ELECTED", false),
    (109, "OFFSET_MOVED_TO_TIERED_STORAGE", false),
    (110, "FENCED_MEMBER_EPOCH", false),
    (111, "UNRELEASED_INSTANCE_ID", false),
    (112, "UNSUPPORTED_ASSIGNOR", false),
    (113, "STALE_MEMBER_EPOCH", false),
    (114, "MISMATCHED_ENDPOINT_TYPE", false),
    (115, "UNSUPPORTED_ENDPOINT_TYPE", false),
    (116, "UNKNOWN_CONTROLLER_ID", false),
    (117, "UNKNOWN_SUBSCRIPTION_ID", false),
    (118, "TELEMETRY_TOO_LARGE", false),
    (119, "INVALID_REGISTRATION", false),
    (120, "TRANSACTION_ABORTABLE", false),
    (121, "INVALID_RECORD_STATE", false),
    (122, "SHARE_SESSION_NOT_FOUND", true),
    (123, "INVALID_SHARE_SESSION_EPOCH", true),
    (124, "FENCED_STATE_EPOCH", false),
    (125, "INVALID_VOTER_KEY", false),
    (126, "DUPLICATE_VOTER", false),
    (127, "VOTER_NOT_FOUND", false),
    (128, "INVALID_REGULAR_EXPRESSION", false),
    (129, "REBOOTSTRAP_REQUIRED", false),
    (130, "STREAMS_INVALID_TOPOLOGY", false),
    (131, "STREAMS_INVALID_TOPOLOGY_EPOCH", false),
    (132, "STREAMS_TOPOLOGY_FENCED", false),
    (133, "SHARE_SESSION_LIMIT_REACHED", true),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete_from_minus_one_on() {
        for (row, at) in ErrorCode::all().zip(-1i16..) {
            assert_eq!(row.code, at, "{row}");
        }
    }

    #[test]
    fn constants_agree_with_the_table() {
        assert_eq!(ErrorCode::of(NOT_CONTROLLER).name, "NOT_CONTROLLER");
        assert!(ErrorCode::of(NOT_CONTROLLER).retriable);
        assert_eq!(
            ErrorCode::of(TOPIC_ALREADY_EXISTS).name,
            "TOPIC_ALREADY_EXISTS"
        );
        assert!(!ErrorCode::of(TOPIC_ALREADY_EXISTS).retriable);
        assert!(ErrorCode::of(GROUP_AUTHORIZATION_FAILED).is_authorization());
    }

    #[test]
    fn a_code_of_the_future_is_shown_by_its_number() {
        assert_eq!(ErrorCode::of(9999).to_string(), "UNKNOWN (9999)");
        assert!(ErrorCode::of(9999).is_error());
        assert!(ErrorCode::of(9999).advice().is_none());
    }

    #[test]
    fn every_advice_belongs_to_a_code() {
        for (name, _) in ADVICE {
            assert!(ErrorCode::all().any(|row| row.name == *name), "{name}");
        }
    }
}
