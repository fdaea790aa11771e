//! The one integration binary.

mod architecture;
mod cli_capture;
mod cli_config;
mod cli_help;
mod cli_migrate;
mod docs;
mod fuzz_corpus;
mod golden_deployments;
mod golden_offsets;
mod live_config_topic;
mod live_cutover;
mod live_judge;
mod live_kafka;
mod live_kafka_cluster;
mod live_kafka_failures;
mod live_migrate;
mod live_offsets_file;
mod live_security;
mod live_support;
mod live_topics;
mod oracle_config_topic;
mod oracle_keys;
mod oracle_offsets;
mod oracle_properties;
mod oracle_records;
mod support;
