//! Real Kafka, real JVM Connect and the real `connectctl` binary, for tests, examples and benches.
//!
//! * [`maven`]: Kafka's jars from Maven Central, cached in `target/kafka/<version>/libs`.
//! * [`jvm`]: a Java process with a log, killed with this process whatever happens to it.
//! * [`kafka`]: brokers and clusters; [`kafka::shared`] is the suite's one broker.
//! * [`connect`]: standalone and distributed workers of Apache Kafka Connect.
//! * [`java`]: a single-file Java program with Kafka's class path.
//! * [`cutover`]: a whole migration with lines written all the while, counted by Kafka's own consumer.
//! * [`by_hand`]: the migration without connectctl, the control experiment of the cutover.
//! * [`flow`]: lines on their way through native workers that are killed.
//! * [`generated`]: inputs by the thousand, the same at every run.
//! * [`hex`]: bytes as text.
//! * [`random`]: numbers for generated cases, the same at every run.
//! * [`moving`]: a file source and a file sink on their way, for tests of `migrate`.
//! * [`native_worker`]: workers of `connectctl run`.
//! * [`proxy`]: a way to a broker that can be held at a chosen request, or cut.
//! * [`rest`]: blocking JSON over HTTP.
//! * [`run`]: a run of `connectctl` that something happens to from outside.
//! * [`sinks`]: what goes into sinks of the native engine, and what has come out of them.
//! * [`small`]: the smallest deployment, which nobody runs.
//! * [`tasks`]: tasks of the native engine in the own process.
//! * [`world`]: a temporary folder in which `connectctl` is run.
//!
//! Usable from `examples/*.rs` and `benches/*.rs` with
//! `#[path = "../tests/support/mod.rs"] mod support;`.

#![allow(
    dead_code,
    unused_macros,
    unreachable_pub,
    clippy::print_stderr,
    reason = "every test, example and bench that includes this folder uses another part of it"
)]

pub mod binary;
pub mod by_hand;
pub mod certificates;
pub mod connect;
pub mod cutover;
pub mod flow;
pub mod generated;
pub mod hex;
pub mod identity_provider;
pub mod java;
pub mod jvm;
pub mod kafka;
pub mod maven;
pub mod moving;
pub mod native_worker;
pub mod ports;
pub mod proxy;
pub mod random;
pub mod rest;
pub mod run;
pub mod sinks;
pub mod small;
pub mod tasks;
pub mod wait;
pub mod watchdog;
pub mod world;

/// Returns from the test with a printed reason where Java or Maven is missing; fails there when `CI` is set.
macro_rules! require_kafka {
    () => {
        if let Err(reason) = $crate::support::maven::available() {
            assert!(
                std::env::var_os("CI").is_none(),
                "real Kafka is required when CI is set: {reason}"
            );
            eprintln!("skipped: {reason}");
            return;
        }
    };
}
#[allow(
    unused_imports,
    reason = "examples and benches fail instead of skipping"
)]
pub(crate) use require_kafka;
