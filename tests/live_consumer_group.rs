//! Groups of the new rebalance protocol (KIP-848): a running consumer is seen, and so is what it left behind.

use std::time::Duration;

use connectctl::io::kafka::groups::GroupDescription;

use crate::live_kafka::{connect, create, new_topic};
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, wait};

#[test]
fn a_group_of_the_new_protocol_is_not_taken_for_none() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cluster = runtime.block_on(async {
        let cluster = connect(&bootstrap).await;
        create(&cluster, new_topic("new-protocol", 2, 1, &[])).await;
        cluster
    });
    java::produce(&bootstrap, "new-protocol", 0, b"key", Some(b"value"));
    let group = "connect-new-protocol";
    let described = || -> GroupDescription {
        let described = runtime.block_on(cluster.describe_groups(&[group.to_owned()]));
        described.expect("the broker answers")[group]
            .clone()
            .expect("the group may be described")
    };
    assert_eq!(described().state, "Dead");

    let world = World::new();
    let stop = world.path("stop").display().to_string();
    std::thread::scope(|scope| {
        let arguments = [bootstrap.as_str(), "new-protocol", group, &stop];
        let consumer = scope.spawn(move || java::consume_by_the_new_protocol(arguments));
        let mut found = described();
        let in_time = wait::until(Duration::from_secs(60), || {
            found = described();
            found.members.len() == 1 && found.state == "Stable"
        });
        let committed = wait::until(Duration::from_secs(60), || {
            let offsets = runtime.block_on(cluster.committed_offsets(group));
            offsets.is_ok_and(|offsets| offsets.get(&("new-protocol".to_owned(), 0)) == Some(&1))
        });
        world.file("stop", "");
        consumer.join().expect("the consumer ends well");
        assert!(in_time, "{found:?}");
        assert!(committed);
        assert_eq!(found.members[0].client_id, "new-protocol");
        assert_eq!(found.protocol_type, "consumer");
    });
    let left = described();
    assert_eq!((left.state.as_str(), left.members.len()), ("Empty", 0));
}
