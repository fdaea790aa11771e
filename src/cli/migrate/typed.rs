//! The command line that was typed, as it is typed again.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::{Migrate, State, Verify};
use crate::cli::args::{NOT_SHOWN, typed_url, typed_value};
use crate::model::secrets;
use crate::model::shell::quoted;
use crate::plan::ReplicationFactor;

/// Returns the command line that was typed, without what only steers the dialogue and without `--url`, and with some more
/// words.
///
/// A secret is [`NOT_SHOWN`], which is refused when it is pasted as it is.
pub(super) fn typed(args: &Migrate, more: &[&str]) -> String {
    let mut words = vec!["connectctl".to_owned(), "migrate".to_owned()];
    words.extend(words_of(args));
    words.extend(more.iter().map(ToString::to_string));
    let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let line = line.join(" ");
    if words.iter().any(|word| word.contains(NOT_SHOWN)) {
        return format!("{line}   # put what you gave before in the place of {NOT_SHOWN}");
    }
    line
}

/// Every argument that what is done depends on, as words for a shell to quote.
fn words_of(args: &Migrate) -> Vec<String> {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    let (source, target) = (&args.source, &args.target);
    let mut words = vec![text(&args.worker)];
    words.extend(args.connectors.iter().map(text));
    let other_out = Some(&args.out).filter(|out| *out != Path::new("distributed"));
    let urls = source.source_url.iter().map(|url| typed_url(url));
    let renames = source.rename.iter();
    let state = Some(target.initial_state).filter(|state| *state != State::Running);
    let verify = Some(args.verify).filter(|verify| *verify != Verify::Control);
    let flags: [(&str, Vec<String>); 12] = [
        ("--out", other_out.map(text).into_iter().collect()),
        ("--group-id", given(target.group_id.as_ref())),
        ("--config-topic", given(target.config_topic.as_ref())),
        ("--offset-topic", given(target.offset_topic.as_ref())),
        ("--status-topic", given(target.status_topic.as_ref())),
        ("--replication-factor", factor(target.replication_factor)),
        ("--initial-state", name_of(state)),
        ("--source-url", urls.collect()),
        (
            "--rename",
            renames.map(|r| format!("{}={}", r.old, r.new)).collect(),
        ),
        ("--set", target.set.iter().map(setting).collect()),
        ("--verify", name_of(verify)),
        ("--offsets", source.offsets.iter().map(text).collect()),
    ];
    for (flag, values) in flags {
        for value in values {
            words.extend([flag.to_owned(), value]);
        }
    }
    for id in &args.accept {
        words.extend(["--accept".to_owned(), id.clone()]);
    }
    words.extend(switches(args).map(str::to_owned));
    words.extend(args.rest.flags.words());
    words
}

fn switches(args: &Migrate) -> impl Iterator<Item = &'static str> {
    let switches = [
        ("--no-offsets", args.source.no_offsets),
        ("--source-stopped", args.source.source_stopped),
        ("--delete-old", args.source.delete_old),
        ("--adopt", args.target.adopt),
        ("--overwrite-offsets", args.target.overwrite_offsets),
    ];
    let on = switches.into_iter().filter(|(_, on)| *on);
    on.map(|(name, _)| name)
}

fn given(value: Option<&String>) -> Vec<String> {
    value.into_iter().cloned().collect()
}

fn factor(factor: ReplicationFactor) -> Vec<String> {
    match factor {
        ReplicationFactor::Auto => Vec::new(),
        ReplicationFactor::BrokerDefault => vec!["-1".to_owned()],
        ReplicationFactor::Fixed(replicas) => vec![replicas.to_string()],
    }
}

/// The name by which a value is typed.
fn name_of<T: ValueEnum>(value: Option<T>) -> Vec<String> {
    let value = value.and_then(|value| value.to_possible_value());
    let name = value.iter().map(|value| value.get_name().to_owned());
    name.collect()
}

fn setting((key, value): &(String, String)) -> String {
    format!("{key}={}", typed_value(&secrets::shown(key, value)))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        migrate: Migrate,
    }

    fn parsed(words: &[&str]) -> Result<Migrate, String> {
        let words = ["migrate"].iter().chain(words);
        let line = Line::try_parse_from(words).map_err(|e| e.to_string())?;
        Ok(line.migrate)
    }

    #[rustfmt::skip]
    const EVERYTHING: &[&str] = &[
        "my worker.properties", "a.properties", "b.json",
        "--out", "o", "--group-id", "g",
        "--config-topic", "c", "--offset-topic", "t", "--status-topic", "s",
        "--replication-factor", "-1", "--initial-state", "paused",
        "--source-url", "http://old:8083", "--offsets", "f",
        "--rename", "a=b", "--rename", "c=d", "--delete-old",
        "--set", "plugin.path=/x y", "--set", "sasl.jaas.config=${env:JAAS}",
        "--accept", "P3,P4", "--verify", "none",
        "--source-stopped", "--adopt", "--overwrite-offsets",
        "--cacert", "ca", "--cert", "cert", "--key", "key",
    ];

    #[test]
    fn what_is_typed_again_means_what_was_typed() {
        let args = parsed(EVERYTHING).unwrap();
        let words = words_of(&args);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let again = parsed(&words).unwrap();
        assert_eq!(format!("{again:?}"), format!("{args:?}"));
        let fewer = parsed(&["w", "--no-offsets"]).unwrap();
        assert_eq!(words_of(&fewer), ["w", "--no-offsets"]);
        let line = typed(&args, &["--url", "http://w:8083"]);
        assert!(line.starts_with("connectctl migrate 'my worker.properties' a.properties"));
        assert!(line.ends_with(" --key key --url http://w:8083"), "{line}");
    }

    #[test]
    fn no_flag_is_forgotten() {
        // What steers the dialogue, what the caller adds, and what has no place beside --offsets.
        let left_out = [
            "dry-run",
            "yes",
            "output",
            "offline",
            "url",
            "no-offsets",
            "user",
        ];
        for argument in Line::command().get_arguments() {
            let Some(long) = argument.get_long() else {
                continue;
            };
            let given = EVERYTHING.contains(&&*format!("--{long}"));
            assert!(given || left_out.contains(&long), "--{long}");
        }
    }

    #[test]
    fn a_secret_becomes_a_word_that_is_refused_when_it_is_pasted() {
        let given = [
            "w",
            "--set",
            "sasl.jaas.config=org.x.Plain required password=\"hunter2\";",
            "--source-url",
            "http://u:hunter2@old:8083",
            "--user",
            "me:hunter2",
        ];
        let args = parsed(&given).unwrap();
        let line = typed(&args, &[]);
        assert!(!line.contains("hunter2"), "{line}");
        assert!(!line.contains(secrets::HIDDEN), "{line}");
        assert!(line.contains("   # put what you gave before"), "{line}");
        let words = words_of(&args);
        for flag in ["--set", "--source-url", "--user"] {
            let at = words.iter().position(|word| word == flag).unwrap();
            assert!(words[at + 1].contains(NOT_SHOWN), "{words:?}");
            let refused = parsed(&["w", flag, &words[at + 1]]).unwrap_err();
            assert!(refused.contains("in its place"), "{refused}");
        }
        let hidden = parsed(&["w", "--set", "ssl.key.password=********"]);
        assert!(hidden.unwrap_err().contains("in its place"));
    }
}
