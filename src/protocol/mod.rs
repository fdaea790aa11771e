//! Bytes that the kafka-protocol crate does not cover. Pure.

pub mod connect_group;
pub mod errors;
pub mod partitioner;
pub mod record_batch;
