//! A written offsets file starts a real standalone worker, and a worker's own file is read.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use connectctl::model::offset_file::{self, OffsetEntry};
use connectctl::model::offset_key::OffsetKey;

use crate::support::connect::{Deployment, Standalone};
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, wait};

const FIRST: &str = "live written é😀 first";
const SECOND: &str = "live written second";

fn values(bootstrap: &str, topic: &str) -> Vec<String> {
    java::read_topic(bootstrap, topic)
        .into_iter()
        .map(|record| String::from_utf8(record.value.expect("a line")).expect("ASCII"))
        .collect()
}

#[test]
fn a_standalone_worker_goes_on_exactly_where_a_written_file_says() {
    require_kafka!();
    let world = World::new();
    let bootstrap = kafka::shared().bootstrap();
    let input = world.file("in put.txt", "one\ntwo\nthree\nfour\n");
    let mut deployment = Deployment::new(world.root(), &bootstrap);
    deployment
        .file_source(FIRST, &input, "live-written-first")
        .file_source(SECOND, &input, "live-written-second");
    // The position of another connector, renamed as a migration renames it: only the name's JSON string changes.
    let partition = format!(r#"["other",{{"filename":"{}"}}]"#, input.display());
    let key = OffsetKey::parse(&partition.into()).expect("a key");
    let entry = |name: &str, position: u32| OffsetEntry {
        key: Some(key.renamed(name)),
        value: Some(format!(r#"{{"position":{position}}}"#).into()),
    };
    let gone = OffsetEntry {
        key: Some(Bytes::from_static(br#"["gone",{"filename":"/x"}]"#)),
        value: None,
    };
    let mut file = Vec::new();
    offset_file::write(
        &[gone.clone(), entry(FIRST, 4), entry(SECOND, 14)],
        &mut file,
    )
    .expect("a Vec takes everything");
    fs::write(&deployment.offsets, file).expect("the folder is writable");

    let mut worker = Standalone::start(&deployment);
    worker.wait_running(FIRST);
    worker.wait_running(SECOND);
    wait::expect(
        "the lines after both positions arrive",
        Duration::from_secs(60),
        || {
            values(&bootstrap, "live-written-second").len() == 1
                && values(&bootstrap, "live-written-first").len() == 3
        },
    );
    worker.stop();
    assert_eq!(
        values(&bootstrap, "live-written-first"),
        ["two", "three", "four"]
    );
    assert_eq!(values(&bootstrap, "live-written-second"), ["four"]);

    let flushed = fs::read(&deployment.offsets).expect("the worker wrote it");
    let map = offset_file::read(flushed.into()).expect("a complete file");
    let mut entries = map.entries;
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let mut expected = vec![gone, entry(FIRST, 19), entry(SECOND, 19)];
    expected.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(entries, expected);
}
