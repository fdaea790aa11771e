//! `connectctl config show`: what Connect reads, and every message about a file that it does not.

use std::os::unix::fs::PermissionsExt;

use crate::support::world::World;

const WORKER: &str = "# local\nbootstrap.servers = a:9092\nkey.converter=x\nproducer.sasl.jaas.config=hunter2\n\
    connection.url=https://u:hunter3@h/\nssl.key.password=${file:/etc/pw:key}\nname\\ 2=\\u00e9\n";

#[test]
fn a_worker_file_is_shown_as_a_table_with_its_secrets_hidden() {
    let world = World::new();
    world.file("w.properties", WORKER);
    let ran = world.run(["config", "show", "w.properties"]).success();
    assert_eq!(
        ran.stdout,
        "KEY                        VALUE\n\
         bootstrap.servers          a:9092\n\
         key.converter              x\n\
         producer.sasl.jaas.config  ********\n\
         connection.url             https://********@h/\n\
         ssl.key.password           ${file:/etc/pw:key}\n\
         name 2                     é\n"
    );
    let wide = world
        .run(["config", "show", "w.properties", "-o", "wide"])
        .success();
    assert!(
        wide.stdout
            .contains("2     both    bootstrap.servers          a:9092\n"),
        "{}",
        wide.stdout
    );
}

#[test]
fn every_format_says_the_same() {
    let world = World::new();
    world.file(
        "w.properties",
        "bootstrap.servers=a:1\\\n  ,b:2\nx.password=p\ny=\\u00e9 \n",
    );
    let show = |format: &str, more: &[&str]| {
        let arguments = ["config", "show", "w.properties", "-o", format];
        world.run(arguments.iter().chain(more)).success().stdout
    };
    assert_eq!(
        show("json", &[]),
        "{\n  \"bootstrap.servers\": \"a:1,b:2\",\n  \"x.password\": \"********\",\n  \"y\": \"é \"\n}\n"
    );
    assert_eq!(
        show("yaml", &[]),
        "bootstrap.servers: a:1,b:2\nx.password: '********'\ny: 'é '\n"
    );
    assert_eq!(show("name", &[]), "bootstrap.servers\nx.password\ny\n");
    assert_eq!(
        show("properties", &["--show-secrets"]),
        "bootstrap.servers=a:1,b:2\nx.password=p\ny=\\u00e9\\ \n"
    );
}

#[test]
fn a_connector_file_is_shown_in_each_of_its_forms() {
    let world = World::new();
    for (file, text) in [
        ("c.properties", "name=x\nconnector.class=c\nn=1.50"),
        ("c.json", r#"{"name":"x","connector.class":"c","n":1.50}"#),
        (
            "d.json",
            r#"{"config":{"name":"x","connector.class":"c","n":1.50},"name":"x","initial_state":"stopped"}"#,
        ),
    ] {
        world.file(file, text);
        let ran = world.run(["config", "show", file, "-o", "json"]).success();
        let expected = serde_json::json!({"name": "x", "connector.class": "c", "n": "1.50"});
        assert_eq!(ran.json(), expected, "{file}");
    }
    let ran = world.run(["config", "show", "d.json"]).success();
    assert_eq!(ran.stderr, "initial state: STOPPED\n");
}

/// Returns what is said about a file that ends the command with 1.
fn refused(text: &str) -> String {
    let world = World::new();
    world.file("c", text);
    world.run(["config", "show", "c"]).code(1).stderr
}

#[test]
fn a_connector_file_that_connect_refuses_ends_with_its_reason() {
    let missing = "Connector configuration at 'c' is missing the mandatory 'name' configuration";
    for (text, says) in [
        ("", format!("error: c: Connect refuses this connector file: {missing}\nhint: the file is empty\n")),
        (
            "a=1\n",
            format!(
                "error: c: Connect refuses this connector file: {missing}\n\
                 hint: add name=... to the file; for a worker file add --as worker\n"
            ),
        ),
        (
            "{\"name\":\"x\",\n}",
            format!(
                "error: c: Connect refuses this connector file: {missing}\n\
                 hint: as JSON it has a mistake at c:2:1: expected a name in double quotes\n"
            ),
        ),
        (
            "\u{1}\0\0\u{2}rubbish",
            format!(
                "error: c: Connect refuses this connector file: {missing}\n\
                 hint: the file looks binary; name a connector file in properties or JSON\n"
            ),
        ),
        (
            "name=x\na=\\u12",
            "error: c:2:3: Connect refuses this connector file: Malformed \\uxxxx encoding.\n\
             hint: write a backslash that is meant as such twice (\\\\u...)\n"
                .to_owned(),
        ),
        (
            "name=x\na=\\ud83d",
            "error: c:2:3: \\ud83d is half of a surrogate pair, and the other half is not beside it\n\
             hint: Connect accepts it; write both halves of the pair side by side, or the character U+FFFD\n"
                .to_owned(),
        ),
        (
            r#"{"name":"x","config":{"name":"y"}}"#,
            "error: c: Connect refuses this connector file: Connector name configuration in 'config' doesn't match the \
             one specified in 'name' at 'c'\nhint: write the same name in both places, or only once\n"
                .to_owned(),
        ),
        (
            "name=x",
            "error: c: Connect refuses this connector: Connector config contains no connector type\n\
             hint: add connector.class=...; for a worker file add --as worker\n"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(text), says, "{text:?}");
    }
}

#[test]
fn a_worker_file_with_a_malformed_escape_is_refused_with_its_place() {
    let world = World::new();
    world.file("w", "bootstrap.servers=a\nplugin.path=C:\\users\n");
    let ran = world.run(["config", "show", "w", "--as", "worker"]).code(1);
    assert_eq!(
        ran.stderr,
        "error: w:2:15: malformed \\uxxxx encoding: four hexadecimal digits must follow \\u\n\
         hint: write a backslash that is meant as such twice (\\\\u...)\n"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_a_remedy() {
    let world = World::new();
    let said = |file: &str| {
        let ran = world.run(["config", "show", file]).code(1);
        world.normal(&ran.stderr)
    };
    let missing = said("absent");
    assert!(missing.starts_with("error: "), "{missing}");
    assert!(
        missing.contains("absent: no such file\nhint: check the path"),
        "{missing}"
    );
    let directory = said(".");
    assert!(
        directory.contains("is a directory, not a file\nhint: name one worker"),
        "{directory}"
    );
    let locked = world.file("locked", "a=1");
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o000)).expect("own file");
    // Root reads everything.
    if std::fs::read(&locked).is_err() {
        let unreadable = said("locked");
        assert!(
            unreadable.contains("permission denied\nhint: run connectctl as"),
            "{unreadable}"
        );
    }
}

#[test]
fn what_the_jvm_reads_otherwise_than_meant_is_a_warning() {
    let world = World::new();
    world.file("c", "name=é\nconnector.class=c\nname=ü");
    let ran = world.run(["config", "show", "c"]).success();
    assert_eq!(
        ran.stderr,
        "warning: c:1: the file is UTF-8, and the JVM reads Latin-1: other characters are read than are meant\n\
         warning: c:3: name overrides line 1\n"
    );
    world.file("j", "{\"name\":\"x\",\nname=y\nconnector.class=c\n");
    let ran = world.run(["config", "show", "j"]).success();
    assert_eq!(
        ran.stderr,
        "warning: j:2:1: expected a name in double quotes; Connect therefore reads the file as properties\n"
    );
}
