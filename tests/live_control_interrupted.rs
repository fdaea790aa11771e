//! Ctrl-C while the embedded worker is in the group: it leaves, nothing runs, and the next run goes on.

use connectctl::io::kafka::groups::GroupDescription;
use kafka_protocol::messages::ApiKey;

use crate::live_control::{CONTROL, config_records, expect_stopped, promise, start_past_the_proxy};
use crate::live_kafka::connect;
use crate::support::moving::Moving;
use crate::support::proxy::{Hold, Proxy};
use crate::support::run::Run;
use crate::support::world::Ran;
use crate::support::{kafka, require_kafka};

/// The group as its coordinator has it at this moment.
pub(crate) fn group(id: &str) -> GroupDescription {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let cluster = connect(&kafka::shared().bootstrap()).await;
        let mut described = cluster
            .describe_groups(&[id.to_owned()])
            .await
            .expect("the broker serves");
        described
            .remove(id)
            .expect("it was asked for")
            .expect("the broker tells")
    })
}

/// Types Ctrl-C when the run is held at this write, and lets everything through once it was heard.
fn interrupted_at(moving: &Moving, proxy: &Proxy, nth: usize, hold: Hold) -> Ran {
    let arguments = moving.arguments(&[&CONTROL[..], &["-v"]].concat());
    proxy.hold_at(ApiKey::Produce, nth, hold);
    let mut run = Run::start(&moving.world, &arguments);
    run.until_held(proxy);
    run.press_ctrl_c();
    run.until_said("the embedded worker leaves the group");
    proxy.release();
    run.end()
}

#[test]
fn ctrl_c_leaves_the_group_and_every_connector_stopped_or_absent() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let mut moving = Moving::run("control-ctrl-c", &proxy.bootstrap());
    moving.append(10);
    // The first write of all seeds the offset.
    for (nth, hold, stored, when) in [
        (2, Hold::Request, 0, "before the target states"),
        (1, Hold::Response, 0, "after the target states"),
        (2, Hold::Response, 2, "after the connectors"),
    ] {
        let ran = interrupted_at(&moving, &proxy, nth, hold).code(130);
        // The member has left: nobody waits for its session to end.
        let group = group("control-ctrl-c");
        assert_eq!((group.members.len(), &*group.state), (0, "Empty"), "{when}");
        assert_eq!(expect_stopped(&moving), stored, "{when}");
        let said =
            "the embedded worker has left its group; every connector that it stored is STOPPED";
        assert!(ran.stderr.contains(said), "{when}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("run the same command again"),
            "{when}: {}",
            ran.stderr
        );
        let report = moving.report();
        assert_eq!(report["outcome"], "interrupted", "{when}");
        assert_eq!(report["embedded_worker"], "cut short", "{when}");
        let group = promise(&moving, "group joined and left");
        assert_eq!(group["verdict"], "kept", "{when}: {group}");
        let states = promise(&moving, "final states stored");
        assert_eq!(states["verdict"], "not-performed", "{when}: {states}");
    }
    // Kafka is gone in the look after all was done: what the embedded worker saw is told all the same.
    proxy.cut_at(ApiKey::ListGroups, 3);
    let ran = moving.migrate(&[&CONTROL[..], &["--timeout", "8s"]].concat());
    proxy.release();
    let ran = ran.code(4);
    let said = "applied, but what came of it was not seen";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(moving.report()["embedded_worker"], "performed");
    for said in ["group joined and left", "final states stored"] {
        assert_eq!(promise(&moving, said)["verdict"], "kept", "{said}");
    }
    let again = moving.migrate(&CONTROL).success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    let written = config_records(&moving).len();
    let worker = start_past_the_proxy(&moving, &proxy);
    worker.wait_running("control-ctrl-c-source");
    worker.wait_running("control-ctrl-c-sink");
    moving.expect_lines();
    assert!(
        config_records(&moving).len() > written,
        "the worker wrote its tasks"
    );
}
