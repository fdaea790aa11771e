//! What is said of listeners.

use super::builder::{SINK, WORKER, choices, cluster, deployment, make};
use crate::plan::{Class, Finding};

/// Returns whether no listener fits what is advertised.
fn is_stopped(settings: &str) -> bool {
    let worker = format!("{WORKER}{settings}");
    let plan = make(&deployment(&worker, &[SINK]), &choices(), Some(&cluster())).expect("a plan");
    plan.blocked().any(|finding| finding.id == "P35")
}

const DECLARED: &str = "config.providers=env\nconfig.providers.env.class=E\n";

#[test]
fn a_host_that_is_filled_in_makes_no_listener_fit() {
    let unfit = "listeners=http://:8083\nrest.advertised.listener=https\n";
    let pod = "rest.advertised.host.name=${env:POD_IP}\n";
    assert!(is_stopped(&format!("{DECLARED}{unfit}{pod}")));
}

#[test]
fn a_port_that_is_filled_in_may_fit_where_its_provider_is_declared() {
    let by_reference = "listeners=http://:${env:PORT}\n";
    assert!(!is_stopped(&format!("{DECLARED}{by_reference}")));
    assert!(is_stopped(by_reference), "it is text to a worker");
}

/// What is said of listeners that nobody reaches.
fn warning(settings: &str) -> Option<Finding> {
    let worker = format!("{WORKER}{settings}");
    let plan = make(&deployment(&worker, &[SINK]), &choices(), Some(&cluster())).expect("a plan");
    assert_eq!(plan.blocked().count(), 0, "{:#?}", plan.findings);
    let found = plan.findings.into_iter().find(|f| f.id == "P35")?;
    assert_eq!(found.class, Class::Warn, "{found:?}");
    Some(found)
}

#[test]
fn a_loopback_listener_is_a_warning() {
    let listen_elsewhere = "--set listeners=http://:8083";
    let found = warning("listeners=http://localhost:8083\n").expect("P35");
    assert!(found.message.contains("worker.properties:6"), "{found:?}");
    assert!(found.remedy.contains(listen_elsewhere), "{found:?}");
    // A name alone does not make it listen there.
    let named = "listeners=http://127.0.0.1:8083\nrest.advertised.host.name=h\n";
    let found = warning(named).expect("P35");
    assert!(found.remedy.contains(listen_elsewhere), "{found:?}");
    let found = warning("listeners=http://0.0.0.0:8083\n").expect("P35");
    assert!(!found.remedy.contains("listeners="), "{found:?}");
    let right = "listeners=http://0.0.0.0:8083\nrest.advertised.host.name=h\n";
    assert_eq!(warning(right), None);
}
