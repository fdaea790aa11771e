//! The plan's page on terminals of all sorts, and without one.

use clap::CommandFactory as _;
use connectctl::cli::Cli;

use crate::support::world::World;

const WORKER: &str = "\
bootstrap.servers=127.0.0.1:1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename=connect.offsets
";

const PLAN: &[&str] = &[
    "migrate",
    "worker.properties",
    "sink.properties",
    "--offline",
    "--dry-run",
];

fn world() -> World {
    let world = World::new();
    world.file("worker.properties", WORKER);
    world.file(
        "sink.properties",
        "name=a-sink\nconnector.class=FileStreamSink\ntopics=t\nfile=/tmp/out\nconnection.password=x\n",
    );
    world
}

/// The part of the page that is prose: no diff, no JSON, no path.
fn prose(page: &str) -> Vec<&str> {
    let (_, rest) = page.split_once("Findings").expect("the page has findings");
    let (prose, _) = rest.split_once("dry run:").expect("a dry run says so");
    prose
        .lines()
        .filter(|line| !line.contains("/tmp/"))
        .collect()
}

#[test]
fn prose_is_wrapped_between_words_where_the_terminal_ends() {
    let world = world();
    for (columns, longest) in [(60, 60), (80, 80), (400, 120)] {
        let ran = world.run_pty_of(columns, "dumb", PLAN).code(3);
        let page = world.normal(&ran.stdout);
        let prose = prose(&page);
        let widest = prose.iter().map(|line| line.chars().count()).max();
        assert!(widest.expect("lines") <= longest, "{columns}: {page}");
        if columns < 100 {
            assert!(widest.expect("lines") > longest - 15, "{columns}: {page}");
        }
        assert!(page.contains("\n    -> "), "{page}");
    }
}

#[test]
fn files_of_the_plan_are_not_wrapped_and_neither_is_anything_without_a_terminal() {
    let world = world();
    let long = format!("# {}\n{WORKER}", "a comment that is long ".repeat(8));
    world.file(
        "worker.properties",
        long.replace("offset.storage", "#x\noffset.storage"),
    );
    let ran = world.run(PLAN).code(3);
    assert!(
        ran.stdout.lines().any(|line| line.chars().count() > 150),
        "{}",
        ran.stdout
    );
    let ran = world.run_pty_of(60, "dumb", PLAN).code(3);
    assert!(
        ran.stdout.contains("-value.converter")
            || ran
                .stdout
                .contains(" value.converter=org.apache.kafka.connect.storage.StringConverter"),
        "{}",
        ran.stdout
    );
}

#[test]
fn colour_is_for_terminals_that_have_it_and_for_those_who_ask() {
    const ESCAPE: char = '\u{1b}';
    let mut world = world();
    let on = |world: &World, terminal: &str, more: &[&str]| {
        let words = PLAN.iter().chain(more);
        world.run_pty_of(80, terminal, words).code(3).stdout
    };
    assert!(on(&world, "xterm", &[]).contains(ESCAPE));
    assert!(!on(&world, "dumb", &[]).contains(ESCAPE));
    assert!(!on(&world, "xterm", &["--color", "never"]).contains(ESCAPE));
    assert!(!world.run(PLAN).code(3).stdout.contains(ESCAPE));
    let asked = world.run(PLAN.iter().chain(&["--color", "always"])).code(3);
    assert!(asked.stdout.contains(ESCAPE));
    let json = world
        .run(PLAN.iter().chain(&["--color", "always", "-o", "json"]))
        .code(3);
    assert!(!json.stdout.contains(ESCAPE), "JSON has no colour");
    world.env("NO_COLOR", "1");
    assert!(!on(&world, "xterm", &[]).contains(ESCAPE));
}

#[test]
fn what_the_program_says_of_itself_is_ascii() {
    let world = world();
    let page = world.run(PLAN).code(3).stdout;
    assert!(page.is_ascii(), "{page}");
    let mut root = Cli::command();
    root.build();
    let mut commands = vec![&mut root];
    while let Some(command) = commands.pop() {
        let help = command.render_long_help().to_string();
        assert!(help.is_ascii(), "{help}");
        commands.extend(command.get_subcommands_mut());
    }
}

#[test]
fn a_refusal_of_two_hundred_connectors_is_a_few_lines() {
    let world = world();
    let mut words = vec!["migrate".to_owned(), "worker.properties".to_owned()];
    for number in 0..200 {
        let file = format!("source-{number}.properties");
        let text = format!("name=s{number}\nconnector.class=FileStreamSource\nfile=/in\ntopic=t\n");
        world.file(&file, text);
        words.push(file);
    }
    world.file("connect.offsets", EMPTY_MAP);
    let more = ["--group-id", "g", "--offline", "--dry-run"];
    words.extend(more.map(str::to_owned));
    let ran = world.run(&words).code(5);
    assert!(
        ran.stderr.contains("and 197 more of no-position"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.lines().count() < 20, "{}", ran.stderr);
    assert!(ran.stdout.lines().count() < 110, "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("Blocked by 200 findings: no-position (200)."),
        "{}",
        ran.stdout
    );
}

/// The map of a worker that never had a position.
const EMPTY_MAP: &[u8] = b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16`\xd1\x03\x00\x02F\x00\nloadFactorI\x00\tthresholdxp?@\x00\x00\x00\x00\x00\x0cw\x08\x00\x00\x00\x10\x00\x00\x00\x00x";
