//! JSON documents have the keys that their pages list: none more, and none less but for those marked `?`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::world::World;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A row of a page: `a`, `b[]` or `c?` | `{x, y?}`: text.
#[derive(Debug)]
struct Key {
    name: String,
    optional: bool,
    /// Fields of the objects in it, where the page lists them.
    fields: Vec<Key>,
}

fn key(text: &str) -> Key {
    let name = text.trim().trim_matches('`');
    let optional = name.ends_with('?');
    Key {
        name: name.trim_end_matches('?').trim_end_matches("[]").to_owned(),
        optional,
        fields: Vec::new(),
    }
}

/// Returns the key that a path such as `checks[].next[]` leads to, among the keys that were read before it.
fn parent<'a>(keys: &'a mut [Key], path: &str) -> Option<&'a mut Key> {
    let (name, rest) = path.split_once("[].")?;
    let found = keys.iter_mut().find(|key| key.name == name);
    let fields = &mut found.expect("the row of the object comes first").fields;
    if rest.contains("[].") {
        return parent(fields, rest);
    }
    let last = rest.trim_end_matches("[]");
    let found = fields.iter_mut().find(|key| key.name == last);
    Some(found.expect("the object has the field"))
}

/// The keys of every table of a page, one list per table.
fn tables(page: &str) -> Vec<Vec<Key>> {
    let text = fs::read_to_string(root().join("docs").join(page)).expect("the page");
    let mut tables: Vec<Vec<Key>> = Vec::new();
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| ") else {
            continue;
        };
        let (names, value) = row.split_once(" | ").expect("two columns");
        if names == "key" {
            tables.push(Vec::new());
            continue;
        }
        let fields: Vec<Key> = value
            .strip_prefix("`{")
            .and_then(|rest| rest.split_once("}`"))
            .map(|(fields, _)| fields.split(',').map(key).collect())
            .unwrap_or_default();
        let table = tables.last_mut().expect("a heading");
        if let Some(of_field) = parent(table, names.trim_matches('`')) {
            of_field.fields = fields;
            continue;
        }
        let mut keys: Vec<Key> = names.split(',').map(key).collect();
        let last = keys.last_mut().expect("a row has a key");
        last.fields = fields;
        table.extend(keys);
    }
    tables
}

/// The keys of the document of this name, which is its first key.
fn document(name: &str) -> Vec<Key> {
    let tables = tables("report-json.md").into_iter();
    let mut named = tables.filter(|keys| keys.first().is_some_and(|key| key.name == name));
    named.next().expect("the page has a table for it")
}

/// Compares an object's keys with the page's, and the fields of the objects in it.
fn compare(place: &str, object: &Value, keys: &[Key], wrong: &mut BTreeSet<String>) {
    let Some(object) = object.as_object() else {
        wrong.insert(format!("{place} is no object"));
        return;
    };
    for name in object.keys() {
        if !keys.iter().any(|key| key.name == *name) {
            wrong.insert(format!("{place}.{name} is not on the page"));
        }
    }
    for key in keys {
        let at = format!("{place}.{}", key.name);
        let Some(value) = object.get(&key.name) else {
            if !key.optional {
                wrong.insert(format!("{at} is on the page only"));
            }
            continue;
        };
        if key.fields.is_empty() {
            continue;
        }
        match value {
            Value::Array(items) => {
                for item in items {
                    compare(&at, item, &key.fields, wrong);
                }
            }
            Value::Null => {}
            other => compare(&at, other, &key.fields, wrong),
        }
    }
}

#[test]
fn plans_have_the_keys_of_their_page() {
    let tables = tables("plan-json.md");
    let [plan, connector] = tables.as_slice() else {
        panic!("the page has two tables: {tables:?}");
    };
    let folders = fs::read_dir(root().join("fixtures/deployments")).expect("fixtures");
    let plans: Vec<PathBuf> = folders
        .map(|entry| entry.expect("a folder").path().join("expected/plan.json"))
        .filter(|path| path.exists())
        .collect();
    assert!(plans.len() > 20, "the plans were not found");
    let mut wrong = BTreeSet::new();
    for path in plans {
        let text = fs::read_to_string(&path).expect("readable");
        let document: Value = serde_json::from_str(&text).expect("JSON");
        compare("plan", &document, plan, &mut wrong);
        for each in document["connectors"].as_array().expect("connectors") {
            compare("connector", each, connector, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_report_has_the_keys_of_its_page_in_the_file_and_on_stdout() {
    let world = World::new();
    world.file(
        "worker.properties",
        "bootstrap.servers=127.0.0.1:1\nkey.converter=a\nvalue.converter=b\noffset.storage.file.filename=none\n",
    );
    world.file(
        "sink.properties",
        "name=a-sink\nconnector.class=FileStreamSink\ntopics=t\n",
    );
    let words = [
        "migrate",
        "worker.properties",
        "sink.properties",
        "--offline",
        "--yes",
    ];
    let ran = world.run(words.iter().chain(&["-o", "json"])).success();
    let tables = tables("report-json.md");
    let mut wrong = BTreeSet::new();
    compare("report", &ran.json(), &tables[0], &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let report = ran.json();
    assert_eq!(report["outcome"], "done");
    assert!(!report["steps"].as_array().expect("steps").is_empty());
    assert!(!report["promises"].as_array().expect("promises").is_empty());
    assert!(!report["next"].as_array().expect("next").is_empty());
    let kept: Value = serde_json::from_str(&world.read("distributed/report.json")).expect("JSON");
    assert_eq!(kept, report, "the file and stdout are one document");
}

#[test]
fn a_run_that_failed_half_way_says_so_in_its_report() {
    let world = World::new();
    world.file(
        "worker.properties",
        "bootstrap.servers=127.0.0.1:1\nkey.converter=a\nvalue.converter=b\noffset.storage.file.filename=none\n",
    );
    world.file(
        "sink.properties",
        "name=a-sink\nconnector.class=FileStreamSink\ntopics=t\n",
    );
    // The connectors' folder cannot be made.
    world.file("distributed/connectors", "in the way");
    let words = [
        "migrate",
        "worker.properties",
        "sink.properties",
        "--offline",
        "--yes",
    ];
    let ran = world.run(words).code(1);
    assert!(ran.stderr.contains("report: "), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&world.read("distributed/report.json")).expect("JSON");
    let mut wrong = BTreeSet::new();
    compare("report", &report, &document("report"), &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(report["outcome"], "failed");
    assert!(
        report["error"]
            .as_str()
            .is_some_and(|why| why.contains("distributed/connectors"))
    );
}

/// The doctor's document is compared where there is a cluster: `live_doctor`.
pub(crate) fn doctor_as_documented(document_of_doctor: &Value) {
    let mut wrong = BTreeSet::new();
    let keys = document("doctor");
    compare("doctor", document_of_doctor, &keys, &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The inventory is compared where a worker runs: `live_capture`.
pub(crate) fn inventory_as_documented(inventory: &Value) {
    let mut wrong = BTreeSet::new();
    compare("inventory", inventory, &document("inventory"), &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
