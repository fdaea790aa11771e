use bytes::Bytes;

use super::{DeviationKind, OffsetKey, OffsetKeyError, unwrap_envelope};
use crate::model::offset_file::OffsetEntry;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn key(text: &str) -> OffsetKey {
    OffsetKey::parse(&bytes(text)).unwrap()
}

fn refusal(text: &[u8]) -> String {
    OffsetKey::parse(&Bytes::copy_from_slice(text))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_key_is_split_into_name_and_partition() {
    let key = key(r#"["local-file-source",{"filename":"/tmp/test.txt"}]"#);
    assert_eq!(key.connector(), "local-file-source");
    assert_eq!(key.partition(), br#"{"filename":"/tmp/test.txt"}"#);
}

#[test]
fn a_null_partition_is_a_partition() {
    assert_eq!(key(r#"["c",null]"#).partition(), b"null");
}

#[test]
fn the_partition_keeps_its_bytes_whatever_they_are() {
    let odd = r#"[ "c" ,{ "b":1.50, "a":007,"é":"\u00e9\/","n":[{}] } ] rest"#;
    let key = key(odd);
    assert_eq!(
        key.partition(),
        r#"{ "b":1.50, "a":007,"é":"\u00e9\/","n":[{}] }"#.as_bytes()
    );
    assert_eq!(key.raw(), odd.as_bytes());
}

#[test]
fn names_are_unescaped() {
    let name = |text: &str| key(text).connector().to_owned();
    assert_eq!(name(r#"["a\"b\\\n\u00e9",{}]"#), "a\"b\\\né");
    assert_eq!(name(r#"["\uD83D\uDE00 x",{}]"#), "😀 x");
    assert_eq!(name("[\"\",{}]"), "");
}

#[test]
fn a_rename_replaces_the_name_and_nothing_else() {
    let renamed = |text: &str, name: &str| String::from_utf8(key(text).renamed(name).to_vec());
    assert_eq!(
        renamed(r#"["a",{"b":"a", "c":1.50}]"#, "new").unwrap(),
        r#"["new",{"b":"a", "c":1.50}]"#
    );
    assert_eq!(
        renamed(r#"[ "a" , null ]x"#, "q\"\\/\u{1}\u{7f}é😀\u{2028}").unwrap(),
        "[ \"q\\\"\\\\/\\u0001\u{7f}é\\uD83D\\uDE00\u{2028}\" , null ]x"
    );
}

#[test]
fn other_json_is_refused_by_its_shape() {
    assert_eq!(
        refusal(b"{}"),
        "JSON, but not [connector, partition]: the key is not an array"
    );
    for text in [
        &b"\"c\""[..],
        b"1",
        b"null",
        b"[]",
        b"[\"c\"]",
        b"[1,{}]",
        b"[\"c\",[]]",
        b"[\"c\",1]",
        b"[\"c\",{},1]",
        b"[null,{}]",
    ] {
        let error = OffsetKey::parse(&Bytes::copy_from_slice(text)).unwrap_err();
        assert!(
            matches!(error, OffsetKeyError::Shape(_)),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn keys_of_other_converters_are_refused_and_recognised() {
    assert_eq!(
        refusal(b"\0\0\0\0\x07\x02c"),
        "not JSON: byte 0: expected a JSON value, it looks like a schema registry converter's format (Avro, Protobuf or JSON Schema)"
    );
    assert_eq!(
        refusal(b"[c, {filename=/tmp/x}]"),
        "not JSON: byte 1: expected a JSON value, it looks like StringConverter's text of a Java list"
    );
    assert_eq!(refusal(b""), "not JSON: byte 0: expected a JSON value");
    assert_eq!(
        refusal(b"[\"c\",{\"a\":\"\xff\"}]"),
        "not JSON: byte 11: expected UTF-8"
    );
    assert_eq!(
        refusal(b"[\"c\",{}"),
        "not JSON: byte 7: expected a comma or the end of the array or object"
    );
    assert_eq!(
        refusal(br#"["\uD83D",{}]"#).split(':').next(),
        Some("not JSON")
    );
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("[\"c\",{{\"a\":{}", "[".repeat(1_000_000));
    assert_eq!(
        refusal(deep.as_bytes()),
        "not JSON: byte 1009: expected at most 1000 levels"
    );
}

#[test]
fn keys_as_a_worker_writes_them_do_not_deviate() {
    for text in [
        r#"["c",{"filename":"/tmp/x y/é"}]"#,
        r#"["c",null]"#,
        r#"["c",{}]"#,
        r#"["c",{"a":1,"b":-9223372036854775808,"c":100.0,"d":1.0E10,"e":-0.0,"f":4.9E-324,"g":"NaN","h":true,"i":null}]"#,
        r#"["\u0000\u001F\uD83D\uDE00\"\\\t",{"a b":"\b\f\n\r"}]"#,
    ] {
        assert_eq!(key(text).deviation(), None, "{text}");
    }
}

#[test]
fn the_first_deviation_from_a_workers_bytes_is_found() {
    let deviation = |text: &str| key(text).deviation().map(|d| (d.offset, d.kind));
    let cases = [
        (r#" ["c",{}]"#, 0, DeviationKind::Whitespace),
        (r#"["c", {}]"#, 5, DeviationKind::Whitespace),
        (r#"["c",{"a": 1}]"#, 10, DeviationKind::Whitespace),
        (r#"["c",{}]x"#, 8, DeviationKind::TrailingText),
        (r#"["c\/d",{}]"#, 1, DeviationKind::Escape),
        (r#"["c",{"a":"\u00e9"}]"#, 10, DeviationKind::Escape),
        ("[\"😀\",{}]", 1, DeviationKind::Escape),
        (r#"["c",{"a":01}]"#, 10, DeviationKind::Number),
        (r#"["c",{"a":-0}]"#, 10, DeviationKind::Number),
        (r#"["c",{"a":1.50}]"#, 10, DeviationKind::Number),
        (r#"["c",{"a":1e3}]"#, 10, DeviationKind::Number),
        (r#"["c",{"a":10.0E3}]"#, 10, DeviationKind::Number),
        (
            r#"["c",{"a":99999999999999999999}]"#,
            10,
            DeviationKind::Number,
        ),
        (r#"["c",{"a":{}}]"#, 10, DeviationKind::Nested),
        (r#"["c",{"a":[1]}]"#, 10, DeviationKind::Nested),
        (r#"["c",{"a":1,"a":2}]"#, 12, DeviationKind::RepeatedField),
    ];
    for (text, offset, kind) in cases {
        assert_eq!(deviation(text), Some((offset, kind)), "{text}");
    }
    assert_eq!(
        key(r#"["c", {}]"#).deviation().unwrap().to_string(),
        "whitespace at byte 5"
    );
}

fn entry(key: Option<&str>, value: Option<&str>) -> OffsetEntry {
    OffsetEntry {
        key: key.map(bytes),
        value: value.map(bytes),
    }
}

#[test]
fn an_envelope_is_cut_to_its_payload() {
    let key = r#"{"schema":null,"payload":["n",{"filename":"/x", "z":1.50}]}"#;
    let plain = r#"["n",{"filename":"/x", "z":1.50}]"#;
    let unwrapped = |value| unwrap_envelope(&entry(Some(key), value)).unwrap().unwrap();
    assert_eq!(
        unwrapped(Some(r#"{"schema":null,"payload":{"position":35}}"#)),
        entry(Some(plain), Some(r#"{"position":35}"#))
    );
    for nothing in [
        None,
        Some(""),
        Some("null"),
        Some(r#"{"schema":null,"payload":null}"#),
    ] {
        assert_eq!(unwrapped(nothing), entry(Some(plain), None));
    }
    let reversed = entry(
        Some(r#" { "payload" : ["n",{}] , "schema" : {"type":"x"} } "#),
        None,
    );
    assert_eq!(
        unwrap_envelope(&reversed).unwrap(),
        Some(entry(Some(r#"["n",{}]"#), None))
    );
}

#[test]
fn only_objects_of_exactly_schema_and_payload_are_envelopes() {
    for plain in [
        r#"["n",{"schema":1,"payload":2}]"#,
        r"{}",
        r#"{"payload":["n",{}]}"#,
        r#"{"schema":null,"payload":["n",{}],"x":1}"#,
        r#"{"schema":null,"schema":["n",{}]}"#,
    ] {
        assert_eq!(
            unwrap_envelope(&entry(Some(plain), None)),
            Ok(None),
            "{plain}"
        );
    }
    let value_alone = entry(Some(r#"["n",{}]"#), Some(r#"{"schema":null,"payload":{}}"#));
    assert_eq!(unwrap_envelope(&value_alone), Ok(None));
    assert_eq!(unwrap_envelope(&entry(None, Some("{}"))), Ok(None));
}

#[test]
fn a_plain_value_under_an_enveloped_key_is_refused() {
    let mixed = entry(
        Some(r#"{"schema":null,"payload":["n",{}]}"#),
        Some(r#"{"position":1}"#),
    );
    assert_eq!(
        unwrap_envelope(&mixed),
        Err(OffsetKeyError::ValueWithoutEnvelope)
    );
    let broken = entry(Some(r#"{"schema":null,"payload":["n",{}]"#), None);
    assert!(matches!(
        unwrap_envelope(&broken),
        Err(OffsetKeyError::NotJson { .. })
    ));
}
