//! The file source and sink against the tasks of Kafka's own FileStream connectors: the same edits, the same records.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectctl::connect::Text;
use connectctl::connectors::{FileStreamSink, FileStreamSource, Polled};

use crate::support::tasks::{config, file_source};
use crate::support::world::World;
use crate::support::{java, require_kafka};

const FILE_TASKS: &str = include_str!("support/java/FileTasks.java");

/// Something that happens to a task.
enum Step {
    Start(Option<u64>),
    Append(Vec<u8>),
    Poll,
}

fn append(bytes: impl AsRef<[u8]>) -> Step {
    Step::Append(bytes.as_ref().to_vec())
}

/// Values and positions of each poll, as Kafka's task gives them.
fn by_java(file: &Path, steps: &[Step]) -> Vec<Vec<(String, u64)>> {
    let script: String = steps
        .iter()
        .map(|step| match step {
            Step::Start(None) => "start -\n".to_owned(),
            Step::Start(Some(position)) => format!("start {position}\n"),
            Step::Append(bytes) => format!("append {}\n", STANDARD.encode(bytes)),
            Step::Poll => "poll\n".to_owned(),
        })
        .collect();
    let file = file.display().to_string();
    let output = java::run(FILE_TASKS, &[&file], script.as_bytes()).success();
    let text = output.text();
    let polls = text.split_terminator(".\n");
    polls
        .map(|poll| poll.lines().map(record).collect())
        .collect()
}

fn record(line: &str) -> (String, u64) {
    let (value, position) = line.split_once(' ').expect("value and position");
    let value = match value {
        "-" => Vec::new(),
        value => STANDARD.decode(value).expect("base64"),
    };
    let value = String::from_utf8(value).expect("Java writes UTF-8");
    (value, position.parse().expect("a position"))
}

fn by_us(file: &Path, steps: &[Step]) -> Vec<Vec<(String, u64)>> {
    let mut source = None;
    let mut polls = Vec::new();
    for step in steps {
        match step {
            Step::Start(position) => {
                let mut started =
                    FileStreamSource::new(&file_source(file, "t")).expect("it starts");
                started.seek(position.unwrap_or(0));
                source = Some(started);
            }
            Step::Append(bytes) => {
                let opened = fs::File::options().create(true).append(true).open(file);
                opened
                    .and_then(|mut file| file.write_all(bytes))
                    .expect("it is written");
            }
            Step::Poll => polls.push(polled(source.as_mut().expect("it was started"))),
        }
    }
    polls
}

fn polled(source: &mut FileStreamSource) -> Vec<(String, u64)> {
    let mut records = Vec::new();
    while let Polled::Lines(lines) = source.poll().expect("the file can be read") {
        for at in 0..lines.len() {
            let text = Text::decode_utf8(&lines.slice(at).expect("a line"));
            let position = lines.position_after(at).expect("a position");
            records.push((text.to_str().into_owned(), position));
        }
    }
    records
}

#[test]
fn the_same_edits_give_the_same_records_and_positions() {
    require_kafka!();
    let long = "x".repeat(5000);
    let steps = [
        Step::Start(None),
        Step::Poll,
        append("one\ntwo\r\nthree\rfour\n\n\r\n\r\rpart"),
        Step::Poll,
        append("ial\r"),
        Step::Poll,
        append("\n\r"),
        Step::Poll,
        append(format!("{long}\n{long}\r\n{long}")),
        Step::Poll,
        append("\r\rend\n"),
        Step::Poll,
        Step::Start(Some(9)),
        Step::Poll,
    ];
    let world = World::new();
    let theirs = by_java(&world.path("java.txt"), &steps);
    let ours = by_us(&world.path("ours.txt"), &steps);
    assert_eq!(ours, theirs);
    assert!(theirs.iter().map(Vec::len).sum::<usize>() > 20);
}

#[test]
fn bytes_that_are_no_utf_8_are_decoded_as_java_decodes_them() {
    require_kafka!();
    let mut bytes = Vec::new();
    for odd in [
        &b"\xff"[..],
        b"\xc3",
        b"\xe2\x82",
        b"\xe2\x28\xa1",
        b"\xf0\x9f\x92",
        b"\xf0\x28\x8c\xbc",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xef\xbb\xbf",
        b"\xf0\x9f\x92\xa9",
        b"\xe2\x82\xac",
    ] {
        bytes.extend_from_slice(b"a");
        bytes.extend_from_slice(odd);
        bytes.extend_from_slice(b"b\n");
        bytes.extend_from_slice(odd);
        bytes.push(b'\n');
    }
    let steps = [Step::Start(None), append(bytes), Step::Poll];
    let world = World::new();
    let values = |polls: Vec<Vec<(String, u64)>>| -> Vec<String> {
        polls
            .into_iter()
            .flatten()
            .map(|(value, _)| value)
            .collect()
    };
    let theirs = values(by_java(&world.path("java.txt"), &steps));
    let ours = values(by_us(&world.path("ours.txt"), &steps));
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 26);
}

/// The one deliberate difference: see `src/connectors/file_source.rs`.
#[test]
fn a_jvm_goes_on_rightly_where_we_stopped_and_not_where_it_stopped_itself() {
    require_kafka!();
    let text = "h\u{e9}llo\nw\u{f6}rld \u{1f4a9}\nthree\n";
    let steps = [Step::Start(None), append(text), Step::Poll];
    let world = World::new();
    let theirs = by_java(&world.path("java.txt"), &steps).remove(0);
    let ours = by_us(&world.path("ours.txt"), &steps).remove(0);
    let positions = |records: &[(String, u64)]| -> Vec<u64> {
        records.iter().map(|(_, position)| *position).collect()
    };
    assert_eq!(positions(&theirs), [6, 15, 21]);
    assert_eq!(positions(&ours), [7, 19, 25]);
    let from = |position| {
        let steps = [Step::Start(Some(position)), Step::Poll];
        by_java(&world.path("java.txt"), &steps).remove(0)
    };
    let values: Vec<_> = from(19).into_iter().map(|(value, _)| value).collect();
    assert_eq!(values, ["three"]);
    assert_ne!(from(15)[0].0, "three");
}

#[test]
fn both_sinks_write_the_same_file() {
    require_kafka!();
    let world = World::new();
    let (theirs, ours) = (world.path("java.txt"), world.path("ours.txt"));
    fs::write(&theirs, "before\n").expect("the folder is writable");
    fs::write(&ours, "before\n").expect("the folder is writable");
    let values = [Some("a"), None, Some(""), Some("h\u{e9}\u{1f4a9}\n\"x\"")];
    let words = values.map(|value| value.map_or("-".to_owned(), |text| STANDARD.encode(text)));
    // An empty text is an empty word.
    let script = format!("sink {} {}\n", theirs.display(), words.join(" "));
    let file = world.path("in.txt").display().to_string();
    java::run(FILE_TASKS, &[&file], script.as_bytes()).success();
    let task = config(&[("file", &ours.to_string_lossy())]);
    let mut sink = FileStreamSink::open(&task).expect("it opens");
    for value in values {
        sink.put(value.unwrap_or("null").as_bytes())
            .expect("it is put");
    }
    sink.flush().expect("it is written");
    let read = |path| fs::read_to_string(path).expect("it is there");
    assert_eq!(read(&ours), read(&theirs));
}
