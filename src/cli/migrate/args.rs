//! What `migrate` is told, and what it means to the plan.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::accept;
use crate::cli::args::{ReportFormat, rename, shown_text};
use crate::cli::rest::RestFlags;
use crate::model::connector_config::TargetState;
use crate::plan::{Choices, Rename, ReplicationFactor, Verification};

/// Move a standalone deployment to distributed mode, with the position of every connector
///
/// Takes the arguments of connect-standalone.sh in the same order. Reads the files and the cluster, shows the plan, asks, looks
/// again, and then writes the worker file and one JSON per connector, creates the three storage topics, and copies the
/// offsets byte for byte. There is no state file: a run that was interrupted is finished by running it again, and a second
/// run has nothing to do.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Migrate {
    /// Worker file of connect-standalone.sh
    #[arg(value_name = "WORKER.properties")]
    pub worker: PathBuf,
    /// Connector files, as connect-standalone.sh takes them: properties or JSON
    #[arg(value_name = "CONNECTOR.properties|.json")]
    pub connectors: Vec<PathBuf>,

    /// Show the plan and write nothing; exit 3 when there is something to do
    #[arg(long)]
    pub dry_run: bool,
    /// Read and write files only; no cluster is asked
    #[arg(long, conflicts_with_all = ["url", "source_url", "overwrite_offsets", "adopt"])]
    pub offline: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Output folder
    #[arg(long, value_name = "DIR", default_value = "distributed")]
    pub out: PathBuf,
    /// Format of the report on stdout
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    pub output: ReportFormat,
    /// Accept a blocking finding by its id, or ID:NAME for one connector
    #[arg(long, value_name = "ID", value_parser = accept::accepted)]
    pub accept: Vec<String>,
    /// How the result is verified beyond reading it back
    #[arg(long, value_enum, default_value_t = Verify::Control, value_name = "HOW")]
    pub verify: Verify,

    #[command(flatten)]
    pub source: Standalone,
    #[command(flatten)]
    pub target: Distributed,
    #[command(flatten)]
    pub rest: Rest,
}

const EXAMPLES: &str = "\
Examples:
  Look, cut over, register on the new workers:
    connectctl migrate worker.properties source.properties sink.properties --group-id my-connect --dry-run
    connectctl migrate worker.properties source.properties sink.properties --group-id my-connect
    connectctl migrate worker.properties source.properties sink.properties --group-id my-connect --url http://localhost:8083
  With the running worker, over HTTPS with a certificate of your own authority:
    connectctl migrate worker.properties --source-url https://localhost:8443 --cacert ca.pem --group-id my-connect --dry-run
  On a machine without a cluster:
    connectctl migrate worker.properties sink.properties --offline --dry-run";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The standalone worker")]
pub struct Standalone {
    /// REST URL of the running standalone worker: its connectors, configurations, states and offsets
    #[arg(long, value_name = "URL", value_parser = shown_text)]
    pub source_url: Vec<String>,
    /// Say that the standalone worker is stopped, where that cannot be seen from here
    #[arg(long)]
    pub source_stopped: bool,
    /// Offsets file, instead of the one that the worker file names
    #[arg(long, value_name = "FILE", conflicts_with = "no_offsets")]
    pub offsets: Option<PathBuf>,
    /// Give the positions of the source connectors up: they start from the beginning
    #[arg(long)]
    pub no_offsets: bool,
    /// Give a connector another name; its offsets or its consumer group follow
    #[arg(long, value_name = "OLD=NEW", value_parser = rename)]
    pub rename: Vec<Rename>,
    /// Delete what --rename leaves under the old name
    #[arg(long, requires = "rename")]
    pub delete_old: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The distributed workers")]
pub struct Distributed {
    /// group.id; the connector's name when there is one connector
    #[arg(long, value_name = "ID")]
    pub group_id: Option<String>,
    /// config.storage.topic; _<group>.config
    #[arg(long, value_name = "TOPIC")]
    pub config_topic: Option<String>,
    /// offset.storage.topic; _<group>.offset
    #[arg(long, value_name = "TOPIC")]
    pub offset_topic: Option<String>,
    /// status.storage.topic; _<group>.status
    #[arg(long, value_name = "TOPIC")]
    pub status_topic: Option<String>,
    /// Replicas of the storage topics: auto is min(3, brokers), -1 the broker's default
    #[arg(long, value_name = "auto|-1|N", default_value = "auto", value_parser = replication_factor, allow_negative_numbers = true)]
    pub replication_factor: ReplicationFactor,
    /// Set a key of the distributed worker file
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// State of the connectors once everything is verified
    #[arg(long, value_enum, default_value_t = State::Running, value_name = "STATE")]
    pub initial_state: State,
    /// Go on although the config topic or the Connect group is in use by others
    #[arg(long)]
    pub adopt: bool,
    /// Replace offsets that the offset topic has for a connector that is absent or stopped
    #[arg(long)]
    pub overwrite_offsets: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connect's REST API")]
pub struct Rest {
    /// Register on the running Connect cluster at this URL; repeat it for more workers of the same cluster
    #[arg(long, value_name = "URL", value_parser = shown_text)]
    pub url: Vec<String>,
    #[command(flatten)]
    pub flags: RestFlags,
}

/// `--verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// What was written is read back; no embedded worker
    None,
    /// An embedded worker joins the Connect group, registers the connectors as STOPPED, checks what a worker finds, leaves,
    /// and gives them their state; it runs no connector, and it joins only a group that nobody is in
    Control,
    /// As control, and afterwards a worker in this process RUNS the connectors for a moment and moves data: FileStreamSource and
    /// FileStreamSink only, and only on the host of the deployment, which --accept P32 says
    Run,
}

/// `--initial-state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    Running,
    Paused,
    Stopped,
}

impl Migrate {
    /// Returns what is accepted, one by one.
    pub fn accepted(&self) -> impl Iterator<Item = &str> {
        accept::each(&self.accept)
    }

    /// Returns what these flags mean to the plan.
    pub fn choices(&self) -> Choices {
        Choices {
            group_id: self.target.group_id.clone(),
            config_topic: self.target.config_topic.clone(),
            offset_topic: self.target.offset_topic.clone(),
            status_topic: self.target.status_topic.clone(),
            replication_factor: self.target.replication_factor,
            set: self.target.set.iter().cloned().collect(),
            renames: self.source.rename.clone(),
            delete_old: self.source.delete_old,
            accept: self.accepted().map(str::to_owned).collect(),
            adopt: self.target.adopt,
            overwrite_offsets: self.target.overwrite_offsets,
            no_offsets: self.source.no_offsets,
            source_stopped: self.source.source_stopped,
            offline: self.offline,
            initial_state: match self.target.initial_state {
                State::Running => TargetState::Started,
                State::Paused => TargetState::Paused,
                State::Stopped => TargetState::Stopped,
            },
            register_on: self.rest.url.clone(),
            verify: match self.verify {
                Verify::None => Verification::None,
                Verify::Control => Verification::Control,
                Verify::Run => Verification::Run,
            },
            out: self.out.clone(),
        }
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it must be KEY=VALUE")?;
    if key.trim().is_empty() {
        return Err("the key is empty".into());
    }
    Ok((key.trim().to_owned(), shown_text(value)?))
}

fn replication_factor(text: &str) -> Result<ReplicationFactor, String> {
    match (text, text.parse::<i16>()) {
        ("auto", _) => Ok(ReplicationFactor::Auto),
        (_, Ok(-1)) => Ok(ReplicationFactor::BrokerDefault),
        (_, Ok(replicas)) if replicas > 0 => Ok(ReplicationFactor::Fixed(replicas)),
        _ => Err("it must be auto, -1 or a number above 0".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        migrate: Migrate,
    }

    fn parsed(arguments: &[&str]) -> Result<Migrate, String> {
        let line = ["connectctl", "w.properties"].iter().chain(arguments);
        Line::try_parse_from(line)
            .map(|line| line.migrate)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn the_arguments_of_connect_standalone_suffice() {
        let choices = parsed(&["a.properties", "b.json"]).unwrap().choices();
        assert_eq!(choices.out, PathBuf::from("distributed"));
        assert_eq!(choices.replication_factor, ReplicationFactor::Auto);
        assert_eq!(choices.initial_state, TargetState::Started);
        assert!(!choices.offline);
    }

    #[test]
    fn values_may_hold_equals_signs_and_keys_may_not_be_empty() {
        let args = parsed(&["--set", "sasl.jaas.config=a b=c;", "--rename", "a=b=c"]).unwrap();
        assert_eq!(args.target.set[0].1, "a b=c;");
        assert_eq!(args.source.rename[0].new, "b=c");
        assert!(parsed(&["--set", "=x"]).is_err());
        assert!(parsed(&["--rename", "a="]).is_err());
    }

    #[test]
    fn replication_factors_are_auto_minus_one_or_positive() {
        let factor =
            |text| parsed(&["--replication-factor", text]).map(|a| a.target.replication_factor);
        assert_eq!(factor("-1"), Ok(ReplicationFactor::BrokerDefault));
        assert_eq!(factor("2"), Ok(ReplicationFactor::Fixed(2)));
        assert!(factor("0").is_err());
        assert!(factor("many").is_err());
    }

    #[test]
    fn an_embedded_worker_verifies_unless_told_otherwise_and_runs_nothing() {
        let verify = |arguments: &[&str]| parsed(arguments).map(|args| args.choices().verify);
        assert_eq!(verify(&[]), Ok(Verification::Control));
        assert_eq!(verify(&["--verify", "none"]), Ok(Verification::None));
        assert_eq!(verify(&["--verify", "run"]), Ok(Verification::Run));
    }
}
