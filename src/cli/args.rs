//! Arguments that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::io::kafka::settings;
use crate::model::secrets;
use crate::plan::Rename;

/// Flags that every command understands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN", help_heading = "Global options")]
    pub color: ColorChoice,
    /// Deadline of every wait for the network
    #[arg(long, global = true, default_value = "30s", value_parser = humantime::parse_duration, value_name = "DURATION", help_heading = "Global options")]
    pub timeout: Duration,
    /// Log what is done to stderr; twice for the protocol
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// `-o` of commands that list or show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Wide,
    Json,
    Yaml,
    Name,
}

/// `-o` of commands that do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Text,
    Json,
}

/// What a printed command has in the place of a secret: no shell reads it as anything but this word when it is quoted.
pub(super) const NOT_SHOWN: &str = "<NOT SHOWN>";

/// Returns a URL for a command to type: with [`NOT_SHOWN`] where it has a user and a password.
pub(super) fn typed_url(url: &str) -> String {
    typed_value(&secrets::redact_url(url))
}

/// Returns text that is shown without its secrets as a word of a command to type.
pub(super) fn typed_value(shown: &str) -> String {
    shown.replace(secrets::HIDDEN, NOT_SHOWN)
}

/// Refuses what stands for a secret in printed text, where the secret itself belongs.
pub(super) fn shown_text(text: &str) -> Result<String, String> {
    match [NOT_SHOWN, secrets::HIDDEN]
        .iter()
        .find(|mark| text.contains(**mark))
    {
        Some(mark) => Err(format!(
            "put the secret itself in its place: {mark} only marks where it was"
        )),
        None => Ok(text.to_owned()),
    }
}

/// How to reach Kafka: a worker file, Kafka's own pair of flags, or a worker file with another principal.
#[derive(Debug, Clone, Default, Args)]
pub struct Connection {
    /// Worker file: bootstrap.servers and the top-level security settings, read as Java clients read them
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub worker_config: Option<PathBuf>,
    /// Kafka brokers, as in Kafka's own tools; instead of those of the file
    #[arg(long, value_name = "HOST:PORT,...", value_parser = brokers, help_heading = "Connection")]
    pub bootstrap_server: Option<String>,
    /// Client settings (security), as in Kafka's own tools; instead of the worker's own, for another principal
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub command_config: Option<PathBuf>,
}

/// Refuses what no client would take for `bootstrap.servers`.
fn brokers(text: &str) -> Result<String, String> {
    match settings::wrong_address(text) {
        None => Ok(text.to_owned()),
        Some(wrong) => Err(format!(
            "{wrong} is not HOST:PORT; several are separated by commas"
        )),
    }
}

/// Reads `OLD=NEW`.
pub(super) fn rename(text: &str) -> Result<Rename, String> {
    match text.split_once('=') {
        Some((old, new)) if old == new && !old.is_empty() => Err("both names are the same".into()),
        Some((old, new)) if !old.is_empty() && !new.trim().is_empty() => Ok(Rename {
            old: old.to_owned(),
            new: new.to_owned(),
        }),
        _ => Err("it must be OLD=NEW".into()),
    }
}
