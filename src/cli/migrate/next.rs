//! The next commands to type, in order.

use std::path::Path;

use super::args::{Migrate, Verify};
use super::look::Look;
use super::read::OFFSETS_FILE_KEY;
use super::typed::typed;
use crate::cli::args::typed_url;
use crate::model::properties::Properties;
use crate::model::shell::{quoted, quoted_path};
use crate::model::worker_config::AdvertisedListener;
use crate::plan::{ConnectorKind, ConnectorPlan, Observed, Registrar, Stopped};

/// One thing to do next.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Next {
    pub(super) why: String,
    pub(super) command: String,
}

/// Returns how to register on a Connect cluster whose workers run already: with the address that one of them tells the
/// others, where it is known.
pub(super) fn registration(args: &Migrate, seen: Option<&Observed>) -> String {
    let group = seen.and_then(|seen| seen.connect_group.as_ref());
    let told = group.and_then(|group| group.urls.first());
    let url = told.map_or("http://WORKER:8083", String::as_str);
    typed(args, &["--url", url])
}

/// Returns what is left to the operator after a plan was applied.
pub(super) fn commands(args: &Migrate, after: &Look) -> Vec<Next> {
    let plan = &after.plan;
    let mut next = Vec::new();
    let sources = plan
        .connectors
        .iter()
        .any(|c| c.kind != ConnectorKind::Sink);
    if !matches!(plan.stopped, Stopped::Proven(_)) {
        next.push(stop(sources && args.offline));
    }
    let worker = args.out.join("distributed.properties");
    // Offline nothing is registered, but the same command on the cluster will.
    let by_control = plan.registrar == Registrar::Control
        || (args.offline && args.verify != Verify::None && args.rest.url.is_empty());
    if args.offline {
        next.push(said(
            if by_control {
                "on a machine that reaches the cluster: topics, offsets and connectors"
            } else {
                "on a machine that reaches the cluster: topics and offsets"
            },
            &typed(args, &[]),
        ));
    }
    if args.rest.url.is_empty() {
        next.push(said(
            if by_control {
                "start the distributed workers with the new worker file: the connectors are registered and start with them"
            } else {
                "start the distributed workers with the new worker file"
            },
            &format!("connect-distributed {}", quoted(&worker.to_string_lossy())),
        ));
        let unregistered = plan.connectors.iter().any(|c| !c.already_moved);
        if !by_control && unregistered {
            next.push(said(
                "register the connectors, once a worker answers",
                &registration(args, after.observed.as_ref()),
            ));
        }
    }
    next.push(said(
        "see them run",
        &format!("curl -s '{}/connectors?expand=status'", url(args, after)),
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
    let standalone = after.inputs.deployment.worker.properties();
    let named = standalone.get(OFFSETS_FILE_KEY).cloned();
    let given = || Some(plan.offsets.path.as_ref()?.to_string_lossy().into_owned());
    if let Some(file) = named.or_else(given).filter(|_| sources) {
        let only_ours = args.target.adopt;
        next.push(way_back(&worker, &plan.connectors, only_ours, &file));
    }
    next
}

/// `unsaved`: the positions are nowhere but in the standalone worker's file.
fn stop(unsaved: bool) -> Next {
    said(
        if unsaved {
            "make sure that the standalone worker is stopped and stays so; a pod without a volume takes its offsets file with it: connectctl capture first"
        } else {
            "make sure that the standalone worker is stopped and stays so"
        },
        "kubectl scale deployment STANDALONE --replicas=0   # or stop its service",
    )
}

/// Once the connectors have delivered, the offsets file is old: `to` is the one that the standalone worker reads.
fn way_back(worker: &Path, connectors: &[ConnectorPlan], only_ours: bool, to: &str) -> Next {
    let mut words = ["connectctl", "offsets", "export", "--worker-config"]
        .map(str::to_owned)
        .to_vec();
    words.push(worker.to_string_lossy().into_owned());
    words.extend(["--to".to_owned(), to.to_owned()]);
    for source in connectors.iter().filter(|c| c.kind != ConnectorKind::Sink) {
        // In a cluster that others use, theirs are no business of the standalone worker.
        if only_ours {
            words.extend(["--connector".to_owned(), source.name.clone()]);
        }
        if source.old_name != source.name {
            let back = format!("{}={}", source.name, source.old_name);
            words.extend(["--rename".to_owned(), back]);
        }
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    said(
        "the way back once they have delivered, with the connectors stopped: first their positions as a file",
        &words.join(" "),
    )
}

/// Connector files that are repeated in a command for the eye.
const REPEATED: usize = 8;

/// Returns how the command that was typed is typed without `--dry-run`.
pub(super) fn again(args: &Migrate) -> String {
    if args.connectors.len() > REPEATED {
        return "the same command without --dry-run".to_owned();
    }
    let urls = args.rest.url.iter();
    let mut more: Vec<String> = urls
        .flat_map(|url| ["--url".to_owned(), typed_url(url)])
        .collect();
    let switches = [("--offline", args.offline), ("--yes", args.yes)];
    let on = switches.iter().filter(|(_, on)| *on);
    more.extend(on.map(|(name, _)| (*name).to_owned()));
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    typed(args, &more)
}

fn said(why: &str, command: &str) -> Next {
    Next {
        why: why.to_owned(),
        command: command.to_owned(),
    }
}

fn url(args: &Migrate, after: &Look) -> String {
    if let Some(url) = args.rest.url.first() {
        return typed_url(url).trim_end_matches('/').to_owned();
    }
    url_of(&after.plan.worker)
}

/// Returns the URL of any of the workers with this file: their hosts are not known here, and the port not where a config
/// provider fills it in.
fn url_of(worker: &Properties) -> String {
    match AdvertisedListener::of(worker) {
        Some(AdvertisedListener { scheme, port, .. }) => format!("{scheme}://WORKER:{port}"),
        None => format!("{}://WORKER:PORT", AdvertisedListener::scheme(worker)),
    }
}

fn rollback(args: &Migrate) -> String {
    let files = std::iter::once(&args.worker).chain(&args.connectors);
    files.fold("connect-standalone".to_owned(), |line, path| {
        line + " " + &quoted_path(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::builder::{SINK, SOURCE, WORKER, choices, cluster, deployment, make};
    use crate::plan::{Choices, Rename};

    #[test]
    fn a_port_that_a_config_provider_fills_in_is_not_guessed() {
        let url = |key: &str, value: &str| url_of(&[(key.to_owned(), value.to_owned())].into());
        assert_eq!(url("group.id", "g"), "http://WORKER:8083");
        assert_eq!(url("listeners", "https://:8443"), "https://WORKER:8443");
        assert_eq!(url("listeners", "https://:${env:P}"), "https://WORKER:PORT");
        let port = url("rest.advertised.port", "${env:P}");
        assert_eq!(port, "http://WORKER:PORT");
    }

    #[test]
    fn the_way_back_gives_the_old_names_to_the_file_that_the_standalone_worker_reads() {
        let rename = |old: &str, new: &str| Rename {
            old: old.to_owned(),
            new: new.to_owned(),
        };
        let renamed = Choices {
            renames: vec![
                rename("src", "new one"),
                rename("local-file-sink", "new-sink"),
            ],
            group_id: Some("g".to_owned()),
            ..choices()
        };
        let deployment = deployment(WORKER, &[SOURCE, SINK]);
        let plan = make(&deployment, &renamed, Some(&cluster())).unwrap();
        let worker = Path::new("d/w.properties");
        let command = |only_ours| way_back(worker, &plan.connectors, only_ours, "/tmp/my offsets");
        assert_eq!(
            command(false).command,
            "connectctl offsets export --worker-config d/w.properties --to '/tmp/my offsets' --rename 'new one=src'"
        );
        let among_others = command(true).command;
        assert!(
            among_others.contains(" --connector 'new one' --rename "),
            "{among_others}"
        );
    }
}
