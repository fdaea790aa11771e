//! The next commands to type, in order.

use std::path::Path;

use clap::ValueEnum as _;

use super::args::{Migrate, State, Verify};
use crate::cli::shell::{quoted, quoted_path};
use crate::model::secrets;
use crate::plan::{ConnectorKind, Plan, Registrar, ReplicationFactor, Stopped};

/// One thing to do next.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Next {
    pub(super) why: String,
    pub(super) command: String,
}

/// Returns how to register on a Connect cluster whose workers run already.
pub(super) fn registration(args: &Migrate) -> String {
    typed(args, &["--url", "http://WORKER:8083"])
}

/// Returns what is left to the operator after a plan was applied.
pub(super) fn commands(args: &Migrate, plan: &Plan) -> Vec<Next> {
    let mut next = Vec::new();
    if !matches!(plan.stopped, Stopped::Proven(_)) {
        next.push(said(
            "make sure that the standalone worker is stopped and stays so",
            "kubectl scale deployment STANDALONE --replicas=0   # or stop its service",
        ));
    }
    let worker = args.out.join("distributed.properties");
    if args.offline {
        next.push(said(
            "on a machine that reaches the cluster: topics and offsets",
            &typed(args, &[]),
        ));
    }
    if args.rest.url.is_empty() {
        next.push(said(
            if plan.registrar == Registrar::Control {
                "start the distributed workers with the new worker file: the connectors are registered and start with them"
            } else {
                "start the distributed workers with the new worker file"
            },
            &format!("connect-distributed {}", quoted(&worker.to_string_lossy())),
        ));
        let unregistered = plan.connectors.iter().any(|c| !c.already_moved);
        if plan.registrar != Registrar::Control && unregistered {
            next.push(said(
                "register the connectors, once a worker answers",
                &registration(args),
            ));
        }
    }
    let sources = plan
        .connectors
        .iter()
        .any(|c| c.kind != ConnectorKind::Sink);
    next.push(said(
        "see them run",
        &format!("curl -s '{}/connectors?expand=status'", url(args)),
    ));
    let old = rollback(args);
    next.push(said(
        if sources {
            "the way back, while the connectors are STOPPED: the offsets file was not touched"
        } else {
            "the way back, while the connectors are STOPPED: the groups keep their positions"
        },
        &old,
    ));
    next.extend(way_back(&worker, plan).filter(|_| sources));
    next
}

/// Once the connectors have delivered, the offsets file is old.
fn way_back(worker: &Path, plan: &Plan) -> Option<Next> {
    let file = plan.offsets.path.as_ref()?;
    let (worker, file) = (worker.to_string_lossy(), file.to_string_lossy());
    Some(said(
        "the way back once they have delivered, with the connectors stopped: first their positions as a file",
        &format!(
            "connectctl offsets export --worker-config {} --to {}",
            quoted(&worker),
            quoted(&file)
        ),
    ))
}

/// Connector files that are repeated in a command for the eye.
const REPEATED: usize = 8;

/// Returns how the command that was typed is typed without `--dry-run`.
pub(super) fn again(args: &Migrate) -> String {
    if args.connectors.len() > REPEATED {
        return "the same command without --dry-run".to_owned();
    }
    let urls = |flag: &'static str, urls: &[String]| -> Vec<String> {
        let typed = urls
            .iter()
            .flat_map(|url| [flag.to_owned(), quoted(&secrets::redact_url(url))]);
        typed.collect()
    };
    let mut more = urls("--source-url", &args.source.source_url);
    more.extend(urls("--url", &args.rest.url));
    let switches = [
        ("--offline", args.offline),
        ("--overwrite-offsets", args.target.overwrite_offsets),
        ("--yes", args.yes),
    ];
    more.extend(
        switches
            .iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| (*name).to_owned()),
    );
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    typed(args, &more)
}

fn said(why: &str, command: &str) -> Next {
    Next {
        why: why.to_owned(),
        command: command.to_owned(),
    }
}

fn url(args: &Migrate) -> String {
    let url = args.rest.url.first().map(|url| secrets::redact_url(url));
    url.map_or_else(
        || "http://WORKER:8083".to_owned(),
        |url| url.trim_end_matches('/').to_owned(),
    )
}

fn rollback(args: &Migrate) -> String {
    let files = std::iter::once(&args.worker).chain(&args.connectors);
    files.fold("connect-standalone".to_owned(), |line, path| {
        line + " " + &quoted_path(path)
    })
}

/// The command line that was typed, without secrets, without `--offline`, with some more arguments.
fn typed(args: &Migrate, more: &[&str]) -> String {
    let mut words = vec![
        "connectctl".to_owned(),
        "migrate".to_owned(),
        quoted_path(&args.worker),
    ];
    words.extend(args.connectors.iter().map(|path| quoted_path(path)));
    let mut flag = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(name.to_owned());
            words.push(quoted(&value));
        }
    };
    let default_out = args.out == Path::new("distributed");
    flag(
        "--out",
        (!default_out).then(|| args.out.to_string_lossy().into_owned()),
    );
    flag("--group-id", args.target.group_id.clone());
    flag("--config-topic", args.target.config_topic.clone());
    flag("--offset-topic", args.target.offset_topic.clone());
    flag("--status-topic", args.target.status_topic.clone());
    flag(
        "--replication-factor",
        match args.target.replication_factor {
            ReplicationFactor::Auto => None,
            ReplicationFactor::BrokerDefault => Some("-1".to_owned()),
            ReplicationFactor::Fixed(replicas) => Some(replicas.to_string()),
        },
    );
    let state = args.target.initial_state.to_possible_value();
    let state = state.filter(|_| args.target.initial_state != State::Running);
    flag("--initial-state", state.map(|s| s.get_name().to_owned()));
    for rename in &args.source.rename {
        flag("--rename", Some(format!("{}={}", rename.old, rename.new)));
    }
    for (key, value) in &args.target.set {
        flag(
            "--set",
            Some(format!("{key}={}", secrets::shown(key, value))),
        );
    }
    let verify = args.verify.to_possible_value();
    let verify = verify.filter(|_| args.verify != Verify::Control);
    flag("--verify", verify.map(|how| how.get_name().to_owned()));
    let offsets = args.source.offsets.as_ref();
    flag(
        "--offsets",
        offsets.map(|path| path.to_string_lossy().into_owned()),
    );
    for id in &args.accept {
        flag("--accept", Some(id.clone()));
    }
    let switches = [
        ("--no-offsets", args.source.no_offsets),
        ("--source-stopped", args.source.source_stopped),
        ("--delete-old", args.source.delete_old),
        ("--adopt", args.target.adopt),
    ];
    words.extend(
        switches
            .iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| (*name).to_owned()),
    );
    words.extend(args.rest.flags.words());
    words.extend(more.iter().map(ToString::to_string));
    words.join(" ")
}
