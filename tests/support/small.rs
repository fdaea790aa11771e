//! The smallest deployment: a source and a sink that nobody runs, for what `migrate` says of files and clusters.

use super::world::World;

/// A worker file; nothing listens at its bootstrap server.
pub const WORKER: &str = "\
bootstrap.servers=127.0.0.1:1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename=connect.offsets
";

pub const SINK: &str = "name=a-sink\nconnector.class=FileStreamSink\ntopics=t\nfile=/tmp/out\n";
pub const SOURCE: &str = "name=a-source\nconnector.class=FileStreamSource\ntopic=t\nfile=/tmp/in\n";

/// One entry of `a-source`, as a standalone worker wrote it.
pub const OFFSETS: &[u8] = b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16`\xd1\x03\x00\x02F\x00\nloadFactorI\x00\tthresholdxp?@\x00\x00\x00\x00\x00\x0cw\x08\x00\x00\x00\x10\x00\x00\x00\x01ur\x00\x02[B\xac\xf3\x17\xf8\x06\x08T\xe0\x02\x00\x00xp\x00\x00\x00\x23[\"a-source\",{\"filename\":\"/tmp/in\"}]uq\x00~\x00\x02\x00\x00\x00\x0f{\"position\":35}x";

/// `worker.properties`, `source.properties`, `sink.properties` and `connect.offsets`.
pub fn world() -> World {
    world_on("127.0.0.1:1")
}

/// The same on a real broker.
pub fn world_on(bootstrap: &str) -> World {
    let world = World::new();
    world.file(
        "worker.properties",
        WORKER.replace("127.0.0.1:1", bootstrap),
    );
    world.file("sink.properties", SINK);
    world.file("source.properties", SOURCE);
    world.file("connect.offsets", OFFSETS);
    world
}
