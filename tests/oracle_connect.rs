//! Every converter against the worker's own classes, both ways: the same bytes, the same values, the same refusals.

#![expect(
    clippy::print_stdout,
    reason = "the number of vectors is a figure to be read"
)]

mod canonical;
mod cases;
mod generate;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use connectctl::connect::{
    Converter, ConverterError, HeaderConverter, SchemaAndValue, Throwable, Type, converter,
    header_converter,
};
use indexmap::IndexMap;

use crate::support::hex::{hex, unhex};
use crate::support::random::Random;
use crate::support::{java, require_kafka};
use cases::{HEADERS, JUNK, MALFORMED, ODD_ENVELOPES, PIECES};

const ORACLE: &str = include_str!("oracle_connect/ConnectData.java");
const CLASSES: [&str; 9] = [
    "org.apache.kafka.connect.storage.StringConverter",
    "org.apache.kafka.connect.json.JsonConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    "org.apache.kafka.connect.converters.BooleanConverter",
    "org.apache.kafka.connect.converters.ShortConverter",
    "org.apache.kafka.connect.converters.IntegerConverter",
    "org.apache.kafka.connect.converters.LongConverter",
    "org.apache.kafka.connect.converters.FloatConverter",
    "org.apache.kafka.connect.converters.DoubleConverter",
];
const STRING: &str = CLASSES[0];
const JSON: &str = CLASSES[1];
const SIMPLE: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// What is converted, and how.
struct Vector {
    class: &'static str,
    settings: Vec<(&'static str, String)>,
    use_as: Use,
    given: Given,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Key,
    Value,
    Header,
}

enum Given {
    Data(SchemaAndValue),
    Bytes(Option<Bytes>),
    /// Only the settings matter.
    Nothing,
}

impl Vector {
    fn question(&self) -> String {
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|(key, value)| format!("{key}={}", hex(value.as_bytes())))
            .collect();
        let (direction, given) = match &self.given {
            Given::Data(data) => (">", canonical::both(data)),
            Given::Bytes(bytes) => ("<", bytes.as_deref().map_or("-".to_owned(), hex)),
            Given::Nothing => ("", String::new()),
        };
        let use_as = match self.use_as {
            Use::Key => "k",
            Use::Value => "v",
            Use::Header => "h",
        };
        format!(
            "{use_as}{direction}\t{}\t{}\t{given}",
            self.class,
            settings.join(",")
        )
    }

    fn of_ours(&self) -> String {
        let settings: IndexMap<_, _> = self
            .settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        let found = match self.use_as {
            Use::Header => header_converter(self.class, &settings).map(Either::Header),
            _ => converter(self.class, &settings, self.use_as == Use::Key).map(Either::Data),
        };
        let converted = match found {
            Err(error) => return refused_settings(&error),
            Ok(converter) => converter.convert(&self.given),
        };
        match converted {
            Ok(answer) => format!("OK\t{answer}"),
            Err(throwable) => format!("THROWN{}", described(&throwable)),
        }
    }
}

enum Either {
    Data(Converter),
    Header(HeaderConverter),
}

impl Either {
    fn convert(&self, given: &Given) -> Result<String, Throwable> {
        match given {
            Given::Data(data) => {
                let (schema, value) = (data.schema.as_ref(), &data.value);
                let bytes = match self {
                    Self::Data(converter) => converter.from_connect_data("t", schema, value)?,
                    Self::Header(converter) => {
                        converter.from_connect_header("t", "k", schema, value)?
                    }
                };
                Ok(bytes.map_or("-".to_owned(), |bytes| hex(&bytes)))
            }
            Given::Bytes(bytes) => {
                let read = match self {
                    Self::Data(converter) => converter.to_connect_data("t", bytes.as_ref())?,
                    Self::Header(converter) => {
                        converter.to_connect_header("t", "k", bytes.as_ref())?
                    }
                };
                Ok(canonical::both(&read))
            }
            Given::Nothing => Ok(String::new()),
        }
    }
}

fn refused_settings(error: &ConverterError) -> String {
    match error {
        ConverterError::Thrown(throwable) => format!("THROWN{}", described(throwable)),
        error => {
            let message = hex(error.to_string().as_bytes());
            format!("THROWN\torg.apache.kafka.common.config.ConfigException\t{message}")
        }
    }
}

fn described(throwable: &Throwable) -> String {
    let mut text = String::new();
    for throwable in std::iter::successors(Some(throwable), |throwable| throwable.caused_by()) {
        let message = throwable.message().unwrap_or_default();
        write!(text, "\t{}\t{}", throwable.class(), hex(message.as_bytes()))
            .expect("a String takes everything");
    }
    text
}

/// Asks the JVM about all vectors at once, and tells what differs and how many there were of each converter.
#[track_caller]
fn compare(vectors: &[Vector]) {
    let questions: Vec<_> = vectors.iter().map(Vector::question).collect();
    let output = java::run(ORACLE, &[], (questions.join("\n") + "\n").as_bytes()).success();
    let answers: Vec<_> = output.text().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), vectors.len());
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut different = Vec::new();
    for ((vector, question), theirs) in vectors.iter().zip(&questions).zip(&answers) {
        let count = counts.entry(vector.class).or_default();
        match (&vector.given, theirs.starts_with("OK")) {
            (_, false) => count[2] += 1,
            (Given::Bytes(_), _) => count[1] += 1,
            _ => count[0] += 1,
        }
        let ours = vector.of_ours();
        let differ = if vector.is_hard_to_place() {
            without_cause(&ours) != without_cause(theirs)
        } else {
            ours != *theirs
        };
        if differ {
            different.push(format!(
                "{question}\n  java {}\n  ours {}",
                shown(theirs),
                shown(&ours)
            ));
        }
    }
    for (class, [written, read, refused]) in &counts {
        println!("{class}: {written} written, {read} read, {refused} refused as by the JVM");
        assert!(written + read + refused >= 30, "{class}: too few vectors");
    }
    assert!(
        different.is_empty(),
        "{} of {} differ:\n{}",
        different.len(),
        vectors.len(),
        different[..different.len().min(25)].join("\n")
    );
}

impl Vector {
    /// Where Jackson stumbles over bytes that are not UTF-8 depends on how it came there, and so does half of a pair in a name.
    fn is_hard_to_place(&self) -> bool {
        let Given::Bytes(Some(bytes)) = &self.given else {
            return false;
        };
        let odd = |byte: &u8| matches!(byte, 0 | 0xfe | 0xc0 | 0xed);
        let half = |pair: &[u8]| pair.starts_with(b"\\ud") || pair.starts_with(b"\\uD");
        self.class == JSON && (bytes.iter().any(odd) || bytes.windows(3).any(half))
    }
}

/// An answer without what caused an exception.
fn without_cause(answer: &str) -> String {
    let fields: Vec<_> = answer.split('\t').collect();
    let kept = if fields[0] == "THROWN" {
        3
    } else {
        fields.len()
    };
    fields[..kept.min(fields.len())].join("\t")
}

/// An answer with what is text in it, so that a difference can be read.
fn shown(answer: &str) -> String {
    let fields = answer.split('\t').map(|field| {
        let is_hex =
            field.len() > 1 && field.len() % 2 == 0 && field.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hex {
            String::from_utf8_lossy(&unhex(field)).into_owned()
        } else {
            field.to_owned()
        }
    });
    fields.collect::<Vec<_>>().join(" | ")
}

fn vector(class: &'static str, settings: &[(&'static str, &str)], given: Given) -> Vector {
    let settings = settings
        .iter()
        .map(|(key, value)| (*key, (*value).to_owned()));
    Vector {
        class,
        settings: settings.collect(),
        use_as: Use::Value,
        given,
    }
}

fn read(class: &'static str, settings: &[(&'static str, &str)], bytes: &[u8]) -> Vector {
    vector(
        class,
        settings,
        Given::Bytes(Some(Bytes::copy_from_slice(bytes))),
    )
}

fn random_bytes(random: &mut Random, most: usize) -> Vec<u8> {
    const BYTES: &[u8] =
        b"a\x00\x01\x7f\x80\xbf\xc0\xc2\xe0\xa0\xed\xf0\x9f\x90\xf4\xf5\xff\xe2\x82\xac";
    (0..random.index(most))
        .map(|_| *random.pick(BYTES))
        .collect()
}

#[test]
fn strings_bytes_and_numbers_are_those_of_the_jvm() {
    require_kafka!();
    let mut random = Random::new(1);
    let mut vectors = Vec::new();
    for class in CLASSES.into_iter().filter(|class| *class != JSON) {
        for use_as in [Use::Key, Use::Value, Use::Header] {
            vectors.push(Vector {
                use_as,
                ..vector(class, &[], Given::Bytes(None))
            });
            for kind in [
                Type::Int16,
                Type::Int32,
                Type::Int64,
                Type::Float32,
                Type::Float64,
                Type::Boolean,
                Type::Bytes,
                Type::String,
            ] {
                for _ in 0..12 {
                    let value = generate::scalar(&mut random, kind);
                    if class == STRING && kind == Type::Bytes {
                        continue; // Printed as the place where they happen to be.
                    }
                    let schema = connectctl::connect::Schema::optional(kind);
                    let schema = Some(schema).filter(|_| random.percent(70));
                    let data = Given::Data(SchemaAndValue { schema, value });
                    vectors.push(Vector {
                        use_as,
                        ..vector(class, &[], data)
                    });
                }
            }
            for round in 0..96 {
                let length = [0, 1, 2, 3, 4, 5, 8, 9, 1, 2, 4, 8][round % 12];
                let bytes: Vec<u8> = (0..length)
                    .map(|_| random.next().to_be_bytes()[0] % 3)
                    .collect();
                vectors.push(Vector {
                    use_as,
                    ..read(class, &[], &bytes)
                });
            }
        }
    }
    compare(&vectors);
}

#[test]
fn strings_of_every_encoding_are_those_of_the_jvm() {
    require_kafka!();
    let mut random = Random::new(2);
    let mut vectors = Vec::new();
    let encodings = [
        "UTF-8",
        " utf8 ",
        "ISO-8859-1",
        "latin1",
        "ISO8859_1",
        "US-ASCII",
        "ascii",
        "646",
    ];
    for encoding in encodings {
        let settings = [("converter.encoding", encoding)];
        for _ in 0..100 {
            vectors.push(read(STRING, &settings, &random_bytes(&mut random, 12)));
            let value = generate::text(&mut random).into();
            let data = SchemaAndValue {
                schema: None,
                value,
            };
            vectors.push(vector(STRING, &settings, Given::Data(data)));
        }
    }
    for _ in 0..300 {
        let data = generate::pair(&mut random);
        if !canonical::both(&data).contains('Y') {
            vectors.push(vector(STRING, &[], Given::Data(data)));
        }
    }
    compare(&vectors);
}

/// Settings of a JSON converter.
const JSON_SETTINGS: [&[(&str, &str)]; 6] = [
    &[],
    &[("schemas.enable", "false")],
    &[("decimal.format", "numeric")],
    &[("schemas.enable", " FALSE "), ("decimal.format", "NUMERIC")],
    &[("replace.null.with.default", "false")],
    &[
        ("schemas.enable", "false"),
        ("replace.null.with.default", "false"),
    ],
];

#[test]
fn json_is_written_as_by_the_jvm() {
    require_kafka!();
    let mut random = Random::new(3);
    let mut vectors = Vec::new();
    for settings in JSON_SETTINGS {
        for _ in 0..400 {
            vectors.push(vector(
                JSON,
                settings,
                Given::Data(generate::pair(&mut random)),
            ));
        }
    }
    for _ in 0..2000 {
        let kind = *random.pick(&[Type::Float32, Type::Float64]);
        let value = generate::scalar(&mut random, kind);
        let data = SchemaAndValue {
            schema: None,
            value,
        };
        vectors.push(vector(
            JSON,
            &[("schemas.enable", "false")],
            Given::Data(data),
        ));
    }
    compare(&vectors);
}

#[test]
fn json_without_schemas_is_read_as_by_the_jvm() {
    require_kafka!();
    let mut random = Random::new(4);
    let mut vectors = Vec::new();
    for _ in 0..1500 {
        let mut json = generate::json(&mut random, 4).into_bytes();
        if random.percent(15) {
            let at = random.index(json.len() + 1);
            let junk = *random.pick(JUNK);
            json.splice(at..at, junk.iter().copied());
        }
        if random.percent(5) {
            json.truncate(random.index(json.len() + 1));
        }
        vectors.push(read(JSON, &[("schemas.enable", "false")], &json));
    }
    let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    let long_number = |digits: usize| "9".repeat(digits);
    let long_name = |length: usize| format!("{{\"{}\":1}}", "é".repeat(length));
    for json in [
        deep(200),
        deep(1000),
        deep(1001),
        long_number(1000),
        long_number(1001),
        long_name(25_000),
        long_name(25_001),
        "1 2".into(),
        "1x".into(),
        "nullx".into(),
        "null x".into(),
        "[1]x".into(),
        "\"a\"x".into(),
        "1e2147483648".into(),
        "\u{feff}[1]".into(),
        "-".into(),
        "+1".into(),
        ".5".into(),
        "1.".into(),
        "00".into(),
        "-00.50".into(),
        "NaN".into(),
        "0x1".into(),
        "'a'".into(),
        "[1,]".into(),
        "{\"a\":1,}".into(),
        "{a:1}".into(),
        "/**/1".into(),
        "True".into(),
    ] {
        vectors.push(read(JSON, &[("schemas.enable", "false")], json.as_bytes()));
    }
    for json in MALFORMED {
        vectors.push(read(JSON, &[("schemas.enable", "false")], json.as_bytes()));
        vectors.push(read(JSON, &[], format!(" [{{\n\"é\": {json}").as_bytes()));
    }
    let not_utf8: [&[u8]; 9] = [
        b"\xff",
        b"\"\xff\"",
        b"\"\xc3\"",
        b"\"\xe2\x82\"",
        b"[\xff",
        b"a\xff",
        b"\"\xed\xa0\x80\"",
        b"\"\xe2",
        b"\x80",
    ];
    for json in not_utf8 {
        vectors.push(read(JSON, &[], json));
    }
    let utf16: Vec<u8> = "{\"a\":\"é\"}"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    vectors.push(read(JSON, &[("schemas.enable", "false")], &utf16));
    compare(&vectors);
}

#[test]
fn json_with_schemas_is_read_as_by_the_jvm() {
    require_kafka!();
    let mut random = Random::new(5);
    let mut vectors = Vec::new();
    let writer = converter(JSON, &IndexMap::new(), false).expect("a converter");
    let numeric = IndexMap::from([("decimal.format".to_owned(), "NUMERIC".to_owned())]);
    let numeric = converter(JSON, &numeric, false).expect("a converter");
    let settings = [JSON_SETTINGS[0], JSON_SETTINGS[4]];
    for index in 0..1500 {
        let data = generate::pair(&mut random);
        let writer = if random.percent(30) {
            &numeric
        } else {
            &writer
        };
        let Ok(Some(json)) = writer.from_connect_data("t", data.schema.as_ref(), &data.value)
        else {
            continue;
        };
        let mut json = json.into_owned();
        if random.percent(30) {
            damage(&mut random, &mut json);
        }
        vectors.push(read(JSON, settings[index % 2], &json));
    }
    for (schema, payload) in ODD_ENVELOPES {
        let json = format!("{{\"schema\":{schema},\"payload\":{payload}}}");
        vectors.push(read(JSON, settings[0], json.as_bytes()));
        let content = [("schema.content", *schema)];
        vectors.push(read(JSON, &content, payload.as_bytes()));
    }
    for json in [
        "",
        " ",
        "null",
        "{}",
        "1",
        "{\"schema\":null}",
        "{\"schema\":null,\"payload\":1,\"a\":2}",
        "{\"payload\":1,\"a\":2}",
    ] {
        vectors.push(read(JSON, settings[0], json.as_bytes()));
        vectors.push(read(
            JSON,
            &[("schema.content", "{\"type\":\"int8\"}")],
            json.as_bytes(),
        ));
    }
    compare(&vectors);
}

/// Changes a scalar or a word, so that it is still JSON.
fn damage(random: &mut Random, json: &mut Vec<u8>) {
    const CHANGES: &[(&str, &str)] = &[
        ("\"int8\"", "\"int32\""),
        ("\"optional\":true", "\"optional\":false"),
        ("\"string\"", "\"bytes\""),
        ("\"payload\":", "\"payload\":[1,\"a\",null],\"x\":"),
        ("\"scale\"", "\"scales\""),
        ("\"int64\"", "\"string\""),
        ("\"bytes\"", "\"array\""),
        ("\"version\":1", "\"version\":1.5"),
        ("\"field\"", "\"fields\""),
        ("\"items\"", "\"item\""),
        ("\"keys\"", "\"key\""),
        ("true", "\"true\""),
        ("1", "null"),
        ("[", "[1,"),
        (":{", ":3,\"y\":{"),
        ("\"type\"", "\"Type\""),
        ("\"int32\"", "\"float\""),
        ("\"double\"", "\"int16\""),
        ("\"Decimal\"", "\"Date\""),
        ("data.Date", "data.Time"),
        ("data.Timestamp", "data.Decimal"),
        ("\"scale\":\"", "\"scale\":\"x"),
    ];
    let text = String::from_utf8_lossy(json).into_owned();
    let possible: Vec<_> = CHANGES
        .iter()
        .filter(|(from, _)| text.contains(from))
        .collect();
    if let Some((from, to)) = possible.get(random.index(possible.len().max(1))) {
        *json = text.replacen(from, to, 1).into_bytes();
    }
}

#[test]
fn headers_are_taken_for_what_the_jvm_takes_them() {
    require_kafka!();
    let mut random = Random::new(6);
    let mut vectors = Vec::new();
    let mut push = |given| {
        let simple = vector(SIMPLE, &[], given);
        vectors.push(Vector {
            use_as: Use::Header,
            ..simple
        });
    };
    push(Given::Bytes(None));
    for text in HEADERS {
        push(Given::Bytes(Some(Bytes::from_static(text.as_bytes()))));
    }
    for _ in 0..1500 {
        let pieces: Vec<_> = (0..=random.below(7))
            .map(|_| *random.pick(PIECES))
            .collect();
        push(Given::Bytes(Some(pieces.concat().into())));
        push(Given::Data(generate::pair(&mut random)));
    }
    for _ in 0..200 {
        push(Given::Bytes(Some(random_bytes(&mut random, 12).into())));
        let number = generate::decimal(&mut random).to_string();
        push(Given::Bytes(Some(number.into())));
        let date =
            connectctl::connect::Value::Date(generate::long(&mut random) % 300_000_000_000_000);
        push(Given::Data(SchemaAndValue {
            schema: None,
            value: date,
        }));
    }
    for depth in [10, 100, 100_000] {
        push(Given::Bytes(Some("[".repeat(depth).into())));
    }
    compare(&vectors);
}

#[test]
fn settings_are_refused_in_the_words_of_the_jvm() {
    require_kafka!();
    let mut vectors = Vec::new();
    let cases: &[(&'static str, &[&str])] = &[
        (
            "schemas.enable",
            &["true", "false", " True", "yes", "", "1"],
        ),
        (
            "schemas.cache.size",
            &["1000", " 7 ", "0", "x", "", "2147483648", "1.5"],
        ),
        (
            "decimal.format",
            &["base64", "Numeric", " NUMERIC ", "x", ""],
        ),
        ("replace.null.with.default", &["true", "maybe"]),
        (
            "schema.content",
            &[
                "",
                " ",
                "null",
                "{\"type\":\"int8\"}",
                "{\"type\":\"x\"}",
                "5",
                "{\"type\":\"map\"}",
                "{",
            ],
        ),
        ("unknown.setting", &["x"]),
    ];
    for (key, values) in cases {
        for value in *values {
            for use_as in [Use::Key, Use::Header] {
                let json = vector(JSON, &[(key, value)], Given::Nothing);
                vectors.push(Vector { use_as, ..json });
            }
        }
    }
    compare(&vectors);
}

#[test]
fn classes_have_the_aliases_that_a_worker_finds() {
    require_kafka!();
    let output = java::run(ORACLE, &["aliases"], b"").success();
    let none = IndexMap::new();
    let mut found = 0;
    for line in output.text().lines() {
        let [_, alias, class, is_data] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let known = CLASSES.contains(&class);
        assert_eq!(
            converter(alias, &none, false).is_ok(),
            known && is_data == "true",
            "{line}"
        );
        assert_eq!(
            header_converter(alias, &none).is_ok(),
            known || class == SIMPLE,
            "{line}"
        );
        found += usize::from(known || class == SIMPLE);
    }
    println!("{found} names of {} classes", CLASSES.len() + 1);
    assert!(found >= 3 * CLASSES.len(), "{}", output.text());
}
