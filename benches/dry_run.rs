//! How long an operator waits: the start of the program, and the dry run of many connectors.
#![expect(
    missing_docs,
    reason = "criterion's macros make public functions without documentation"
)]

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use connectctl::model::offset_file::{self, OffsetEntry};
use criterion::{Criterion, criterion_group, criterion_main};

#[path = "../tests/support/mod.rs"]
mod support;

use support::world::World;

/// The exit code that says: there is something to do.
const CHANGES: i32 = 3;

fn started(criterion: &mut Criterion) {
    let world = World::new();
    let mut group = criterion.benchmark_group("connectctl");
    group.bench_function("--version", |bencher| {
        bencher.iter(|| run(&world, &["--version".into()], 0));
    });
    group.finish();
}

fn dry_runs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("migrate --dry-run --offline");
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(8));
    for (connectors, offsets) in [(1000, 0), (10_000, 0), (1000, 1_000_000)] {
        let world = World::new();
        let arguments = deployment(&world, connectors, offsets);
        let shown = run(&world, &arguments, CHANGES);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        for expected in [
            format!("Connector files ({connectors})"),
            format!("{offsets} to seed"),
        ] {
            assert!(shown.contains(&expected), "{expected} is not in\n{shown}");
        }
        group.bench_function(
            format!("{connectors} connectors, {offsets} offsets"),
            |bencher| {
                bencher.iter(|| run(&world, &arguments, CHANGES));
            },
        );
    }
    group.finish();
}

/// Writes a deployment, half sources, half sinks, every other file JSON; returns the arguments.
fn deployment(world: &World, connectors: usize, offsets: usize) -> Vec<PathBuf> {
    let worker = "bootstrap.servers=kafka-1:9092,kafka-2:9092\n\
        key.converter=org.apache.kafka.connect.json.JsonConverter\n\
        value.converter=org.apache.kafka.connect.json.JsonConverter\n\
        offset.storage.file.filename=connect.offsets\n";
    let mut arguments: Vec<PathBuf> = [
        "migrate",
        "--dry-run",
        "--offline",
        "--source-stopped",
        "--group-id",
        "connect-cluster",
    ]
    .map(PathBuf::from)
    .to_vec();
    if offsets == 0 {
        arguments.push("--no-offsets".into());
    } else {
        offsets_file(world, connectors, offsets);
    }
    arguments.push(world.file("worker.properties", worker));
    arguments.extend((0..connectors).map(|n| connector(world, n)));
    arguments
}

/// Writes offsets, in turn of every source.
fn offsets_file(world: &World, connectors: usize, offsets: usize) {
    let sources: Vec<_> = (0..connectors)
        .filter(|n| is_source(*n))
        .map(name)
        .collect();
    let entry = |n: usize| OffsetEntry {
        key: Some(
            format!(
                r#"["{}",{{"filename":"/var/lib/connect/in-{n:07}.txt"}}]"#,
                sources[n % sources.len()]
            )
            .into(),
        ),
        value: Some(format!(r#"{{"position":{}}}"#, n * 1000).into()),
    };
    let entries: Vec<_> = (0..offsets).map(entry).collect();
    let mut file = Vec::new();
    offset_file::write(&entries, &mut file).expect("a Vec takes everything");
    world.file("connect.offsets", file);
}

fn is_source(n: usize) -> bool {
    n % 4 < 2
}

fn connector(world: &World, n: usize) -> PathBuf {
    let name = name(n);
    let (class, topics) = if is_source(n) {
        ("Source", "topic")
    } else {
        ("Sink", "topics")
    };
    let settings = [
        ("name", name.clone()),
        (
            "connector.class",
            format!("org.apache.kafka.connect.file.FileStream{class}Connector"),
        ),
        ("tasks.max", "1".to_owned()),
        (topics, format!("events-{}", n % 50)),
        ("file", format!("/var/lib/connect/{name}.txt")),
    ];
    if n.is_multiple_of(2) {
        let lines = settings.map(|(key, value)| format!("{key}={value}\n"));
        return world.file(format!("{name}.properties"), lines.concat());
    }
    let members = settings.map(|(key, value)| format!("  {key:?}: {value:?}"));
    let json = format!("{{\n{}\n}}\n", members.join(",\n"));
    world.file(format!("{name}.json"), json)
}

fn name(n: usize) -> String {
    format!("connector-{n:05}")
}

fn run(world: &World, arguments: &[PathBuf], code: i32) -> Output {
    let output = world
        .command(arguments)
        .output()
        .expect("connectctl starts");
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

criterion_group!(benches, started, dry_runs);
criterion_main!(benches);
