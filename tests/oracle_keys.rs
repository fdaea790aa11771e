//! Offset keys: hashed, escaped, split and judged as the worker's own classes do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connectctl::model::offset_key::{OffsetKey, OffsetKeyError};
use connectctl::protocol::partitioner::{murmur2, partition_of};
use proptest::prelude::*;

use crate::support::generated::generated;
use crate::support::{java, require_kafka};

const KEY_ORACLE: &str = include_str!("support/java/KeyOracle.java");

/// Asks the oracle about each of `questions`; one line each.
fn answers(mode: &str, questions: &[Vec<u8>]) -> Vec<String> {
    let lines: Vec<_> = questions.iter().map(|q| STANDARD.encode(q)).collect();
    let output = java::run(KEY_ORACLE, &[mode], (lines.join("\n") + "\n").as_bytes());
    let answers: Vec<_> = output.success().text().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}

fn bytes(field: &str) -> Bytes {
    let field = field.strip_prefix('~').expect("the program marks base64");
    STANDARD
        .decode(field)
        .expect("the program writes base64")
        .into()
}

#[test]
fn ten_thousand_keys_hash_and_go_where_java_sends_them() {
    require_kafka!();
    let mut keys = generated(prop::collection::vec(any::<u8>(), 1..80), 10_000);
    keys.push(vec![0xff; 100_000]);
    for (key, answer) in keys.iter().zip(answers("hash", &keys)) {
        let ours = format!(
            "{}\t{}\t{}\t{}",
            murmur2(key),
            partition_of(key, 25),
            partition_of(key, 5),
            partition_of(key, 7)
        );
        assert_eq!(ours, answer, "{key:?}");
    }
}

#[test]
fn renamed_keys_have_the_bytes_that_the_workers_converter_writes() {
    require_kafka!();
    let mut names = generated(any::<String>(), 3000);
    names.extend((0..0x250).filter_map(char::from_u32).map(String::from));
    names.extend(["😀".repeat(5000), "é\u{2028}\"\\".repeat(3000)]);
    let questions: Vec<_> = names.iter().map(|n| n.clone().into_bytes()).collect();
    let template = OffsetKey::parse(&Bytes::from_static(br#"["x",{"p":1}]"#)).expect("a key");
    for (name, answer) in names.iter().zip(answers("name", &questions)) {
        let theirs = bytes(&answer);
        assert_eq!(template.renamed(name), theirs, "{name:?}");
        let key = OffsetKey::parse(&theirs).expect("Java wrote it");
        assert_eq!(key.connector(), name);
        assert_eq!(key.partition(), br#"{"p":1}"#);
    }
}

#[test]
fn no_key_that_a_worker_writes_deviates() {
    require_kafka!();
    let output = java::run(KEY_ORACLE, &["keys"], b"").success().text();
    let keys: Vec<_> = output.lines().map(bytes).collect();
    assert_eq!(keys.len(), 3000);
    for raw in keys {
        let key = OffsetKey::parse(&raw).unwrap_or_else(|e| panic!("{raw:?}: {e}"));
        assert_eq!(key.deviation(), None, "{raw:?}");
        assert_eq!(key.renamed(key.connector()), raw);
    }
}

/// Pieces of keys, right and wrong.
const PIECES: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    " ",
    "\n",
    "\"c\"",
    "\"a\"",
    "\"a b\"",
    "\"é\"",
    "\"\\u00e9\"",
    "\"\\n\"",
    "\"\\/\"",
    "\"\\uD83D\\uDE00\"",
    "\"😀\"",
    "\"\\u001f\"",
    "\"\\u001F\"",
    "\"\t\"",
    "\"\\x\"",
    "\"",
    "0",
    "1",
    "-1",
    "-0",
    "01",
    "1.5",
    "1.50",
    "-0.5",
    "1e3",
    "1.0E10",
    "1.0E5",
    "10.0E9",
    "0.001",
    "0.0001",
    "1.0E-4",
    "12345678.0",
    "9999999.5",
    "9223372036854775807",
    "9223372036854775808",
    "1.",
    ".5",
    "null",
    "true",
    "false",
    "nul",
    "NaN",
    "x",
];

fn built_of_pieces() -> impl Strategy<Value = String> {
    let piece = || prop::sample::select(PIECES);
    let string = || prop::sample::select(&PIECES[8..19]);
    let scalar = prop_oneof![
        prop::sample::select(&PIECES[22..41]),
        prop::sample::select(&PIECES[43..46]),
        string()
    ];
    let field = (string(), scalar).prop_map(|(name, value)| format!("{name}:{value}"));
    let fields = prop::collection::vec(field, 0..4).prop_map(|fields| fields.join(","));
    let key = (string(), fields).prop_map(|(name, fields)| format!("[{name},{{{fields}}}]"));
    let mutated =
        (key.clone(), any::<prop::sample::Index>(), piece()).prop_map(|(key, at, piece)| {
            let places: Vec<_> = key.char_indices().map(|(at, _)| at).collect();
            let at = places[at.index(places.len())];
            format!("{}{piece}{}", &key[..at], &key[at..])
        });
    let soup = prop::collection::vec(piece(), 0..9).prop_map(|pieces| pieces.concat());
    prop_oneof![3 => key, 4 => mutated, 2 => soup]
}

#[test]
fn keys_are_accepted_and_found_canonical_as_the_worker_finds_them() {
    require_kafka!();
    let keys = generated(built_of_pieces(), 20_000);
    let questions: Vec<_> = keys.iter().map(|k| k.clone().into_bytes()).collect();
    let mut outcomes = [0_u32; 4];
    for (text, answer) in keys.iter().zip(answers("parse", &questions)) {
        let raw = Bytes::copy_from_slice(text.as_bytes());
        let fields: Vec<_> = answer.split('\t').collect();
        let outcome = match (OffsetKey::parse(&raw), &fields[..]) {
            (Err(OffsetKeyError::NotJson { .. }), ["error"]) => 0,
            (Err(_), ["shape"]) => 1,
            // Java can hold half of a surrogate pair; Rust, UTF-8 and Kafka's names cannot.
            (Ok(_), [_, _]) if has_half_pair(text) => 3,
            (Ok(key), [name, again]) => {
                assert_eq!(key.connector().as_bytes(), bytes(name), "{text}");
                // Java's map has its own field order: only whether anything else differs can be compared.
                let same_bytes =
                    sorted(&bytes(again)) == sorted(&raw) && again.len() == answer_length(&raw);
                assert_eq!(
                    key.deviation().is_none(),
                    same_bytes,
                    "{text}: {:?}",
                    key.deviation()
                );
                if same_bytes { 2 } else { 3 }
            }
            // Jackson refuses exponents beyond an int, and names with half of a surrogate pair: no worker writes them.
            (ours, ["error"]) if has_long_exponent(text) || has_half_pair(text) => {
                assert!(
                    ours.is_err() || ours.is_ok_and(|key| key.deviation().is_some()),
                    "{text}"
                );
                0
            }
            // Half of a surrogate pair in a connector's name: no name in Kafka can hold it.
            (Err(OffsetKeyError::NotJson { reason, .. }), [_, _])
                if reason.expected == "a string of complete characters" =>
            {
                0
            }
            (ours, _) if root_token_is_glued(text) => {
                // Jackson wants a space after a number or a word that is the whole text; an offset key is neither.
                assert!(ours.is_err(), "{text}");
                0
            }
            (ours, theirs) => panic!("{text}: {ours:?}, Java says {theirs:?}"),
        };
        outcomes[outcome] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 500), "{outcomes:?}");
}

fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut sorted = bytes.to_vec();
    sorted.sort_unstable();
    sorted
}

fn answer_length(raw: &[u8]) -> usize {
    STANDARD.encode(raw).len() + 1
}

fn root_token_is_glued(text: &str) -> bool {
    !text.trim_start().starts_with(['[', '{', '"'])
}

fn has_long_exponent(text: &str) -> bool {
    text.split(['e', 'E']).skip(1).any(|rest| {
        rest.trim_start_matches('-')
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count()
            > 3
    })
}

/// True when an insertion may have torn a pair of surrogates.
fn has_half_pair(text: &str) -> bool {
    text.replace("\\uD83D\\uDE00", "").contains("\\uD")
}
