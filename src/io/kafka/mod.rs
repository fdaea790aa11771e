//! The Kafka client layer: kafka-protocol as codec; our own connections, routing, retry, deadlines and security.

pub mod acl;
pub mod admin_configs;
pub mod admin_topics;
pub mod cluster;
pub mod error;
pub mod group;
pub mod groups;
pub mod log;
pub mod offsets;
pub mod sasl;
pub mod security;
pub mod seeder;
pub mod settings;
pub mod writer;
pub use permissions::TopicPermissions;

pub(in crate::io) mod config;
mod connection;
mod consumer_groups;
mod coordinator;
mod fetcher;
mod jks;
mod keystore;
mod login;
mod oauth;
mod pem;
mod permissions;
mod retry;
mod seed_partition;
mod subject;
pub(in crate::io) mod tls;
mod token_endpoint;
mod unsecured;
pub(in crate::io) mod verifier;
mod versions;
mod wire;
