//! connectctl moves a Kafka Connect standalone deployment to distributed mode.
//!
//! A pure core with thin edges, divided by directory:
//!
//! * [`model`]: what files, storage records and REST bodies say. Pure.
//! * [`protocol`]: bytes that the kafka-protocol crate does not cover. Pure.
//! * [`plan`]: what must change, as a finished value. Pure.
//! * [`connectors`]: connectors that run without a JVM. Reads and writes files.
//! * [`worker`]: a distributed worker as machines without clock and socket. Pure.
//! * [`connect`]: Connect's data: schemas, values, records and converters. Pure.
//! * [`io`]: the only place with sockets, files, clocks and processes.
//! * [`cli`]: what was typed, what is said.
//!
//! `tests/architecture.rs` enforces who may use whom; `docs/architecture.md` explains why.

pub mod cli;
pub mod connect;
pub mod connectors;
pub mod io;
pub mod model;
pub mod plan;
pub mod protocol;
pub mod worker;
