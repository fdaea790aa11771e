use super::*;

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn environment() -> Environment {
    [("USER_PASSWORD", "s3cret"), ("OTHER", "o")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn resolved(pairs: &[(&str, &str)], key: &str) -> Result<String, String> {
    resolve_with(&properties(pairs), |_| true, &environment())
        .map(|resolved| resolved[key].clone())
        .map_err(|error| error.to_string())
}

const FILE: &str = "org.apache.kafka.common.config.provider.FileConfigProvider";
const DIR: &str = "org.apache.kafka.common.config.provider.DirectoryConfigProvider";
const ENV: &str = "org.apache.kafka.common.config.provider.EnvVarConfigProvider";

#[test]
fn environment_variables_are_resolved_where_the_pattern_allows() {
    let declared = [
        ("config.providers", "env"),
        ("config.providers.env.class", ENV),
    ];
    for (pattern, value, expected) in [
        (None, "a${env:USER_PASSWORD}b${env::OTHER}", "as3cretbo"),
        (
            Some("USER_.*"),
            "${env:USER_PASSWORD}${env:OTHER}",
            "s3cret${env:OTHER}",
        ),
        (Some("USER"), "${env:USER_PASSWORD}", "${env:USER_PASSWORD}"),
        (None, "${env:NONE}", "${env:NONE}"),
    ] {
        let mut pairs = declared.to_vec();
        pairs.extend(pattern.map(|p| ("config.providers.env.param.allowlist.pattern", p)));
        pairs.push(("x", value));
        assert_eq!(resolved(&pairs, "x").as_deref(), Ok(expected), "{value}");
    }
}

#[test]
fn a_path_for_an_environment_variable_is_refused() {
    let refused = resolved(
        &[
            ("config.providers", "env"),
            ("config.providers.env.class", ENV),
            ("x", "${env:path:USER_PASSWORD}"),
        ],
        "x",
    );
    assert_eq!(
        refused.unwrap_err(),
        "x: ${env:path:USER_PASSWORD} has a path, which EnvVarConfigProvider does not know"
    );
}

#[test]
fn files_and_folders_are_read_and_nothing_is_trimmed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    std::fs::write(
        folder.path().join("a b.properties"),
        "pass:x = zażółć\nempty=\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("password"), "s3cret\n").unwrap();
    let pairs = |value: &str| {
        resolve_with(
            &properties(&[
                ("config.providers", "f,d"),
                ("config.providers.f.class", FILE),
                ("config.providers.d.class", DIR),
                ("x", value),
            ]),
            |_| true,
            &environment(),
        )
        .map(|resolved| resolved["x"].clone())
        .map_err(|error| error.to_string())
    };
    assert_eq!(
        pairs(&format!("${{f:{path}/a b.properties:pass}}")).as_deref(),
        Ok("x = zażółć")
    );
    assert_eq!(
        pairs(&format!("<${{f:{path}/a b.properties:empty}}>")).as_deref(),
        Ok("<>")
    );
    assert_eq!(
        pairs(&format!("<${{d:{path}:password}}>")).as_deref(),
        Ok("<s3cret\n>")
    );
    let escape = format!("${{d:{path}/sub:../password}}");
    assert_eq!(pairs(&escape).as_deref(), Ok(escape.as_str()));
    assert_eq!(
        pairs(&format!("${{f:{path}/none:k}}")).unwrap_err(),
        format!("x: ${{f:{path}/none:k}}: could not read {path}/none: no such file")
    );
}

#[test]
fn paths_outside_the_allowed_ones_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (open, closed) = (folder.path().join("open"), folder.path().join("closed"));
    for place in [&open, &closed] {
        std::fs::create_dir(place).unwrap();
        std::fs::write(place.join("p"), "k=v").unwrap();
    }
    let (open, closed) = (open.display(), closed.display());
    let value = format!("${{f:{open}/p:k}} ${{f:{closed}/p:k}} ${{f:{open}/../closed/p:k}}");
    let allowed = open.to_string();
    let pairs = [
        ("config.providers", "f"),
        ("config.providers.f.class", FILE),
        ("config.providers.f.param.allowed.paths", allowed.as_str()),
        ("x", value.as_str()),
    ];
    assert_eq!(
        resolved(&pairs, "x"),
        Ok(format!("v ${{f:{closed}/p:k}} ${{f:{open}/../closed/p:k}}"))
    );
}

#[test]
fn a_provider_that_only_a_jvm_can_load_is_refused_where_it_is_used() {
    let pairs = [
        ("config.providers", "vault"),
        ("config.providers.vault.class", "com.example.Vault"),
        ("x", "plain"),
        ("consumer.sasl.jaas.config", "${vault:kv/kafka:jaas}"),
    ];
    assert_eq!(
        resolved(&pairs, "x").unwrap_err(),
        "consumer.sasl.jaas.config: ${vault:kv/kafka:jaas} needs the config provider class com.example.Vault, which only a JVM can load"
    );
    let only_x = resolve_with(&properties(&pairs), |key| key == "x", &environment());
    assert_eq!(only_x.unwrap()["x"], "plain");
}

#[test]
fn what_stayed_unresolved_is_explained() {
    let explain = |pairs: &[(&str, &str)], value: &str| unresolved(&properties(pairs), value);
    assert_eq!(explain(&[], "pa${x:y}ss"), None);
    assert_eq!(explain(&[], "plain"), None);
    assert_eq!(
        explain(&[], "${env:X}").unwrap(),
        "${env:X} is not resolved: config.providers does not list env"
    );
    assert_eq!(
        explain(&[("config.providers", "file, env")], "${env:X}").unwrap(),
        "${env:X} is not resolved: config.providers is split at commas without trimming, remove the blanks"
    );
    assert_eq!(
        explain(&[("config.providers", "env")], "${env:X}").unwrap(),
        "${env:X} needs config.providers.env.class, which is not set"
    );
    assert_eq!(
        explain(
            &[
                ("config.providers", "env"),
                ("config.providers.env.class", ENV)
            ],
            "${env:X}"
        )
        .unwrap(),
        "${env:X} was not found by the config provider env"
    );
}
