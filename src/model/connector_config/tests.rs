//! Every form, and one test per refusal. What is expected here is what the real class did (`tests/oracle_properties.rs`).

use super::*;

fn read(text: &str) -> ConnectorConfig {
    parse(text.as_bytes()).expect("accepted")
}

fn settings(config: &ConnectorConfig) -> Vec<(&str, Option<&str>)> {
    config
        .config
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_deref()))
        .collect()
}

#[test]
fn scalars_of_a_flat_object_keep_their_text() {
    let config = read(
        r#"{"name":"x","a":1.50,"b":1e3,"c":true,"d":null,"e":-0,"f":123456789012345678901234567890}"#,
    );
    assert_eq!(config.form, Form::FlatJson);
    let expected = [
        ("name", Some("x")),
        ("a", Some("1.50")),
        ("b", Some("1e3")),
        ("c", Some("true")),
        ("d", None),
        ("e", Some("-0")),
        ("f", Some("123456789012345678901234567890")),
    ];
    assert_eq!(settings(&config), expected);
}

#[test]
fn the_named_form_gives_its_name_to_the_config() {
    let config =
        read(r#"{"name":1,"config":{"a":2},"initial_state":"Paused","more":[{"b":[]},3]}"#);
    assert_eq!(config.form, Form::NamedJson);
    assert_eq!(config.initial_state, Some(TargetState::Paused));
    assert_eq!(settings(&config), [("a", Some("2")), ("name", Some("1"))]);
}

#[test]
fn what_is_no_json_is_properties() {
    let config = read("name = x\na=b\\u00e9\n");
    assert_eq!(config.form, Form::Properties);
    assert_eq!(settings(&config), [("name", Some("x")), ("a", Some("bé"))]);
}

#[test]
fn text_after_the_first_value_is_ignored() {
    for text in [
        "{\"name\":\"x\"} trailing",
        "{\"name\":\"x\"}}",
        "{\"name\":\"x\"}\0",
    ] {
        assert_eq!(read(text).form, Form::FlatJson, "{text}");
    }
}

#[test]
fn the_last_of_two_values_of_one_name_wins() {
    assert_eq!(read(r#"{"name":"x","name":"y"}"#).name, "y");
}

#[test]
fn other_encodings_are_recognised() {
    let text = r#"{"name":"é"}"#;
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf32: Vec<u8> = text
        .chars()
        .flat_map(|c| u32::from(c).to_be_bytes())
        .collect();
    for bytes in [
        utf16.clone(),
        [b"\xff\xfe".as_slice(), &utf16].concat(),
        utf32,
        [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat(),
    ] {
        assert_eq!(parse(&bytes).expect("accepted").name, "é", "{bytes:?}");
    }
}

/// What Connect says, and what our own text is.
fn refused(text: &str) -> (String, String) {
    let error = parse(text.as_bytes()).expect_err("refused");
    (
        error.connect_says("FILE").expect("Connect refuses it too"),
        error.to_string(),
    )
}

const MISSING: &str =
    "Connector configuration at 'FILE' is missing the mandatory 'name' configuration";

#[test]
fn a_file_without_a_name_is_refused() {
    for text in [
        "",
        "a=b",
        "{}",
        "[]",
        "1",
        r#"{"a":1}"#,
        r#"{"name":"x","config":{"a":{}}}"#,
    ] {
        assert_eq!(
            refused(text),
            (
                MISSING.to_owned(),
                "the mandatory 'name' is missing".to_owned()
            ),
            "{text}"
        );
    }
}

#[test]
fn almost_json_says_where_it_is_none() {
    for (text, problem) in [
        (r#"{"name":"x",}"#, "1:13: expected a name in double quotes"),
        (
            "{\"name\":\"é\"\n \"a\":1}",
            "2:2: expected a comma or the end of the object",
        ),
        (
            r#"{"name":"x","a":01}"#,
            "1:18: expected a number without leading zeros",
        ),
        (r#"{"name":"x","a":NaN}"#, "1:17: expected a value"),
        (r#"{"name":"x","a":1.}"#, "1:19: expected a digit"),
        (
            r#"{"name":"x","a":"\q"}"#,
            "1:18: expected an escape that JSON knows",
        ),
        (
            r#"{"name":"x","a":"b"#,
            "1:19: expected the end of the string",
        ),
        (
            "{\"name\":\"x\ty\"}",
            "1:11: expected an escape of the control character",
        ),
        (r#"{"name""x"}"#, "1:8: expected a colon"),
        ("[]", "1:1: expected an object"),
        (
            r#"{"name":"x","config":{"a":[]}}"#,
            "1:27: expected a string, a number, a boolean or null",
        ),
        (
            r#"{"name":"x","config":{},"initial_state":"started"}"#,
            "1:41: expected \"running\", \"paused\" or \"stopped\"",
        ),
        (
            r#"{"name":"x","config":{},"initial_state":null,"config":{}}"#,
            "1:55: expected each member only once",
        ),
    ] {
        let found = parse(text.as_bytes()).expect_err("refused").json_problem();
        assert_eq!(
            found.map(|p| p.to_string()).as_deref(),
            Some(problem),
            "{text}"
        );
    }
    assert_eq!(parse(b"a=1").expect_err("refused").json_problem(), None);
    let invalid = parse(b"{\"name\":\"\xe9\"}")
        .expect_err("refused")
        .json_problem();
    assert_eq!(
        invalid.map(|p| p.to_string()).as_deref(),
        Some("1:10: expected UTF-8")
    );
}

#[test]
fn two_different_names_are_refused() {
    assert_eq!(
        refused(r#"{"name":"x","config":{"name":"y"}}"#),
        (
            "Connector name configuration in 'config' doesn't match the one specified in 'name' at 'FILE'".to_owned(),
            "'config' has the name \"y\", which is not the 'name' beside it".to_owned()
        )
    );
}

#[test]
fn nulls_where_connect_needs_a_value_are_refused() {
    for (text, ours) in [
        (r#"{"name":null}"#, "'name' is null"),
        (r#"{"config":{}}"#, "'name' is null"),
        (
            r#"{"name":"x","config":{"name":null}}"#,
            "'name' inside 'config' is null",
        ),
        ("null", "the file is null"),
        (
            r#"{"name":"x","a":{}}"#,
            "there is neither a 'config' nor a flat list of settings",
        ),
    ] {
        assert_eq!(refused(text).1, ours, "{text}");
    }
    let nested = parse(br#"{"name":"x","a":{}}"#).expect_err("refused");
    assert_eq!(nested.position(), Some((1, 17)));
}

#[test]
fn limits_are_those_of_jackson() {
    let number = format!(r#"{{"name":"x","a":{}}}"#, "9".repeat(1001));
    let says = "Number value length (1001) exceeds the maximum allowed (1000, from `StreamReadConstraints.getMaxNumberLength()`)";
    assert_eq!(refused(&number), (says.to_owned(), says.to_owned()));
    let deep = format!(r#"{{"name":"x","config":{{}},"a":{}}}"#, "[".repeat(1000));
    let says = "Document nesting depth (1001) exceeds the maximum allowed (1000, from `StreamReadConstraints.getMaxNestingDepth()`)";
    assert_eq!(refused(&deep).0, says);
    let name = format!(r#"{{"{}":1}}"#, "k".repeat(50_001));
    let says = "Name length (50001) exceeds the maximum allowed (50000, from `StreamReadConstraints.getMaxNameLength()`)";
    assert_eq!(refused(&name).0, says);
}

#[test]
fn unusual_byte_orders_are_refused() {
    let error = parse(b"\0\0\xff\xfe{}").expect_err("refused");
    assert_eq!(
        error.to_string(),
        "Unsupported UCS-4 endianness (2143) detected"
    );
    assert_eq!(error.connect_says("FILE"), Some(error.to_string()));
}

#[test]
fn malformed_properties_are_refused_with_their_place() {
    assert_eq!(
        refused("name=x\na=\\u12"),
        (
            "Malformed \\uxxxx encoding.".to_owned(),
            "malformed \\uxxxx encoding: four hexadecimal digits must follow \\u".to_owned()
        )
    );
    let error = parse(b"name=x\na=\\u12").expect_err("refused");
    assert_eq!(error.position(), Some((2, 3)));
}

#[test]
fn half_a_surrogate_pair_is_our_own_refusal() {
    let error = parse(br#"{"name":"x","a":"\ud83d"}"#).expect_err("refused");
    assert_eq!(error.connect_says("FILE"), None);
    assert_eq!(
        error.to_string(),
        "a string has \\ud83d, half of a surrogate pair, without the other half beside it"
    );
    // Where nobody keeps the string it does no harm.
    assert_eq!(read(r#"{"name":"x","config":{},"a":"\ud83d"}"#).name, "x");
}

#[test]
fn configurations_that_no_worker_takes_are_known() {
    let refusals = |text| -> Vec<String> {
        read(text)
            .refusals()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(refusals("name=x\nconnector.class=c"), Vec::<String>::new());
    assert_eq!(
        refusals("name=x"),
        ["Connector config contains no connector type"]
    );
    assert_eq!(
        refusals(r#"{"name":"x","connector.class":"c","a":null}"#),
        ["Null value can not be supplied as the configuration value."]
    );
    assert_eq!(
        refusals("name= \nconnector.class=c"),
        ["Invalid value  for configuration name: String may not be empty"]
    );
    assert_eq!(
        refusals("name=a\\u0001\\u0085b\nconnector.class=c"),
        [
            "Invalid value for configuration name: String may not contain control sequences but had the following \
             ASCII chars: 1, 133"
        ]
    );
}
