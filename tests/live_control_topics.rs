//! `migrate --verify control` on topics with records that no worker understands, and with each protocol of Connect.

use crate::live_control::{CONTROL, promise};
use crate::live_kafka::connect;
use crate::support::moving::Moving;
use crate::support::{java, kafka, require_kafka};

#[test]
fn records_that_no_worker_understands_are_told_once_and_passed_over() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let mut moving = Moving::run("control-rubbish", &bootstrap);
    moving.append(10);
    _ = moving.migrate(&["--source-stopped", "--yes"]).success();
    let rubbish: [(&str, i32, &[u8], &[u8]); 4] = [
        ("config", 0, b"what is this", b"{}"),
        ("config", 0, b"connector-other", b"{"),
        ("offset", 3, b"no key of a connector", b"{}"),
        ("status", 2, b"status-connector-other", b"{"),
    ];
    for (role, partition, key, value) in rubbish {
        let topic = format!("_control_rubbish.{role}");
        java::produce(&bootstrap, &topic, partition, key, Some(value));
    }
    let ran = moving.migrate(&CONTROL).success();
    for (topic, offset) in [
        ("config-0", 0),
        ("config-0", 1),
        ("offset-3", 0),
        ("status-2", 0),
    ] {
        let told = format!("the record at offset {offset} of _control_rubbish.{topic} is ignored");
        assert_eq!(
            ran.stderr.matches(&told).count(),
            1,
            "{told}: {}",
            ran.stderr
        );
    }
    let read = promise(&moving, "storage topics readable and writable");
    let detail = read["detail"].as_str().expect("a text");
    assert!(
        detail.starts_with("2 config, 2 offset and 1 status records read"),
        "{read}"
    );
    let worker = moving.start_distributed();
    worker.wait_running("control-rubbish-source");
    worker.wait_running("control-rubbish-sink");
    moving.expect_lines();
}

#[test]
fn with_an_older_protocol_control_joins_and_a_worker_goes_on_after_it() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    // `default` is what the eager protocol is called in the group.
    for (protocol, called) in [("compatible", "compatible"), ("eager", "default")] {
        let name = format!("control-{protocol}");
        let mut moving = Moving::written(&name, &bootstrap, 1);
        moving.append(10);
        let protocol = format!("connect.protocol={protocol}");
        let more = ["--set", &protocol, "--no-offsets"];
        let more = [&CONTROL[..], &more, &["--accept", "no-committed-offsets"]].concat();
        _ = moving.migrate(&more).success();
        for said in ["group joined and left", "final states stored"] {
            assert_eq!(promise(&moving, said)["verdict"], "kept", "{protocol}");
        }
        for none in [
            "offsets byte for byte in the topic",
            "offsets found as a worker finds them",
        ] {
            let promise = promise(&moving, none);
            assert_eq!(promise["verdict"], "not-performed", "{promise}");
        }
        let mut worker = moving.start_distributed();
        worker.wait_running(&format!("{name}-source"));
        worker.wait_running(&format!("{name}-sink"));
        moving.expect_lines();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let described = runtime.block_on(async {
            let cluster = connect(&bootstrap).await;
            cluster.describe_groups(std::slice::from_ref(&name)).await
        });
        let group = described.expect("the broker serves").remove(&name);
        let group = group.expect("it was asked for").expect("the broker tells");
        assert_eq!(group.protocol, called);
        worker.stop();
    }
}
