//! `connectctl config show`: what Connect reads from a worker or connector file.

mod listing;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};

use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use crate::io::files::{self, InputFile};
use crate::model::connector_config::{self, ConnectorConfigError, TargetState};
use crate::model::properties::{Document, PropertiesErrorKind};
use crate::model::worker_config;
use listing::{Setting, Settings};

/// Show what Connect reads from configuration files
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Config {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    Show(Show),
}

/// Show what Connect reads from a worker or connector file, key by key
///
/// Properties are read as the JVM reads them (Latin-1, escapes, continued lines, the last of two equal keys), connector
/// files in the three forms that connect-standalone.sh accepts. A connector file that Connect would refuse ends with 1
/// and Connect's reason. Secrets are hidden unless --show-secrets is given.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
struct Show {
    /// Worker file, or connector file in properties or JSON
    file: PathBuf,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ConfigFormat::Table, value_name = "FORMAT")]
    output: ConfigFormat,
    /// Show the values of settings that hold credentials
    #[arg(long = "show-secrets")]
    secrets_too: bool,
    /// What the file is for [default: what its settings say]
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<FileKind>,
}

const EXAMPLES: &str = "\
Examples:
  Which line sets what, secrets hidden:
    connectctl config show worker.properties -o wide
  For a program:
    connectctl config show source.properties -o json";

/// `-o` of a command that shows settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConfigFormat {
    Table,
    Wide,
    Json,
    Yaml,
    Name,
    Properties,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileKind {
    Worker,
    Connector,
}

pub(super) fn run(ui: &Ui, config: &Config) -> Result<Outcome, CliError> {
    let ConfigCommand::Show(show) = &config.command;
    let file = read(&show.file)?;
    warn_about_encoding(ui, show, &file);
    match show.kind.unwrap_or_else(|| kind_of(&file.bytes)) {
        FileKind::Worker => show_worker(ui, show, &file),
        FileKind::Connector => show_connector(ui, show, &file),
    }
}

fn read(path: &Path) -> Result<InputFile, CliError> {
    files::read(path, files::LARGEST_CONFIG).map_err(|error| {
        let hint = match error.kind {
            files::Kind::Missing => "check the path; it is taken from the current folder",
            files::Kind::Directory | files::Kind::Special => "name one worker or connector file",
            files::Kind::Unreadable => "run connectctl as the user that runs the worker",
            _ => "name a worker or connector file",
        };
        CliError::new(Kind::Failed, error).hint(hint)
    })
}

/// Only connector files are JSON; in properties the settings decide.
fn kind_of(bytes: &[u8]) -> FileKind {
    let is_worker =
        Document::parse(bytes).is_ok_and(|document| worker_config::is_worker(&document.to_map()));
    let is_json = bytes.trim_ascii_start().first() == Some(&b'{');
    if is_worker && !is_json {
        FileKind::Worker
    } else {
        FileKind::Connector
    }
}

fn show_worker(ui: &Ui, show: &Show, file: &InputFile) -> Result<Outcome, CliError> {
    let path = show.file.display();
    let document = Document::parse(&file.bytes).map_err(|error| {
        let hint = match error.kind {
            PropertiesErrorKind::MalformedUnicodeEscape => {
                "write a backslash that is meant as such twice (\\\\u...)"
            }
            PropertiesErrorKind::LoneSurrogate(_) => HALF_A_CHARACTER,
        };
        CliError::new(Kind::Failed, anyhow!("{path}:{error}")).hint(hint)
    })?;
    warn_about_repetitions(ui, show, &document);
    let settings = document.to_map().into_iter().map(|(key, value)| Setting {
        line: document.line_of(&key),
        value: Some(value),
        key,
    });
    print(ui, show, settings.collect())?;
    Ok(Outcome::Done)
}

fn show_connector(ui: &Ui, show: &Show, file: &InputFile) -> Result<Outcome, CliError> {
    let path = show.file.display();
    let config = connector_config::parse(&file.bytes)
        .map_err(|error| refused(&show.file, &file.bytes, &error))?;
    let document = match config.form {
        connector_config::Form::Properties => Document::parse(&file.bytes).ok(),
        _ => None,
    };
    if let Some(document) = &document {
        warn_about_repetitions(ui, show, document);
        if let Some(problem) = connector_config::json_problem(&file.bytes) {
            ui.warning(&format!(
                "{path}:{problem}; Connect therefore reads the file as properties"
            ));
        }
    }
    let line_of = |key: &str| document.as_ref().and_then(|document| document.line_of(key));
    let refusals = config.refusals();
    let settings = config.config.into_iter().map(|(key, value)| Setting {
        line: line_of(&key),
        key,
        value,
    });
    print(ui, show, settings.collect())?;
    if let Some(state) = config.initial_state {
        ui.note(&format!("initial state: {}", state_name(state)));
    }
    let Some(refusal) = refusals.first() else {
        return Ok(Outcome::Done);
    };
    let error = anyhow!("{path}: Connect refuses this connector: {refusal}");
    Err(CliError::new(Kind::Failed, error).hint(match refusal {
        connector_config::Refusal::NoConnectorClass => {
            "add connector.class=...; for a worker file add --as worker".to_owned()
        }
        connector_config::Refusal::NullValue(key) => format!("give {key} a value or remove it"),
        connector_config::Refusal::EmptyName => "give name a value".to_owned(),
        connector_config::Refusal::ControlCharacters(_) => {
            "take the control characters out of name".to_owned()
        }
    }))
}

const HALF_A_CHARACTER: &str =
    "Connect accepts it; write both halves of the pair side by side, or the character U+FFFD";

fn refused(path: &Path, bytes: &[u8], error: &ConnectorConfigError) -> CliError {
    let shown = path.display();
    let place = error
        .position()
        .map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
    let failed = |text: String| CliError::new(Kind::Failed, anyhow!(text));
    let Some(says) = error.connect_says(&shown.to_string()) else {
        return failed(format!("{shown}{place}: {error}")).hint(HALF_A_CHARACTER);
    };
    let refused = failed(format!(
        "{shown}{place}: Connect refuses this connector file: {says}"
    ));
    let hint = if bytes.is_empty() {
        "the file is empty".to_owned()
    } else if let Some(problem) = error.json_problem() {
        format!("as JSON it has a mistake at {shown}:{problem}")
    } else if bytes.contains(&0) {
        "the file looks binary; name a connector file in properties or JSON".to_owned()
    } else {
        advice(error).to_owned()
    };
    refused.hint(hint)
}

fn advice(error: &ConnectorConfigError) -> &'static str {
    match error {
        ConnectorConfigError::MissingName { .. } => {
            "add name=... to the file; for a worker file add --as worker"
        }
        ConnectorConfigError::NameMismatch { .. } => {
            "write the same name in both places, or only once"
        }
        ConnectorConfigError::NullName
        | ConnectorConfigError::NullNameInConfig
        | ConnectorConfigError::NullDocument => "give the connector a name",
        ConnectorConfigError::NoConfig { .. } => {
            "put the settings into an object \"config\", each with a string as value"
        }
        ConnectorConfigError::Constraint(_) => "Connect has this limit for any JSON",
        ConnectorConfigError::Encoding(_) => "save the file as UTF-8",
        ConnectorConfigError::Malformed { .. } => {
            "write a backslash that is meant as such twice (\\\\u...)"
        }
        ConnectorConfigError::LoneSurrogate { .. } => HALF_A_CHARACTER,
    }
}

fn warn_about_repetitions(ui: &Ui, show: &Show, document: &Document) {
    for key in document.to_map().keys() {
        let lines = document.lines_of(key);
        if let [earlier @ .., last] = lines.as_slice()
            && !earlier.is_empty()
        {
            let earlier: Vec<_> = earlier.iter().map(usize::to_string).collect();
            ui.warning(&format!(
                "{}:{last}: {} overrides line {}",
                show.file.display(),
                super::table::printable(key),
                earlier.join(", ")
            ));
        }
    }
}

/// Properties are Latin-1 to the JVM, whatever the editor says.
fn warn_about_encoding(ui: &Ui, show: &Show, file: &InputFile) {
    let is_json = connector_config::parse(&file.bytes)
        .is_ok_and(|config| config.form != connector_config::Form::Properties);
    let beyond_ascii = file.bytes.iter().position(|byte| !byte.is_ascii());
    let Some(at) = beyond_ascii.filter(|_| !is_json && std::str::from_utf8(&file.bytes).is_ok())
    else {
        return;
    };
    let line = file.bytes[..at].split(|byte| *byte == b'\n').count();
    ui.warning(&format!(
        "{}:{line}: the file is UTF-8, and the JVM reads Latin-1: other characters are read than are meant",
        show.file.display()
    ));
}

fn state_name(state: TargetState) -> &'static str {
    match state {
        TargetState::Started => "RUNNING",
        TargetState::Paused => "PAUSED",
        TargetState::Stopped => "STOPPED",
    }
}

fn print(ui: &Ui, show: &Show, settings: Vec<Setting>) -> Result<(), CliError> {
    let settings = Settings {
        settings,
        show_secrets: show.secrets_too,
    };
    settings.print(ui, show.output)
}
