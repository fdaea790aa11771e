//! What is said of listeners that config providers fill in.

use super::builder::{SINK, WORKER, choices, cluster, deployment, make};

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
