//! The next commands to type, in order.

use super::args::{Migrate, Verify};
use super::look::Look;
use super::typed::typed;
use super::way_back;
use crate::cli::args::typed_url;
use crate::model::connector_config::TargetState;
use crate::model::properties::Properties;
use crate::model::rest::put_command;
use crate::model::shell::quoted;
use crate::model::worker_config::AdvertisedListener;
use crate::plan::{ConnectorKind, ConnectorPlan, Observed, Plan, Registrar, Stopped};

/// One thing to do next.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Next {
    pub(super) why: String,
    pub(super) command: String,
}

/// What the next commands follow from: what was typed, and what a look saw when all was done.
#[derive(Debug)]
pub(super) struct Done<'a> {
    pub(super) args: &'a Migrate,
    pub(super) plan: &'a Plan,
    pub(super) observed: Option<&'a Observed>,
    /// Settings of the standalone worker.
    pub(super) standalone: Properties,
    /// It was proven to be stopped before anything was written.
    pub(super) is_stopped: bool,
}

impl<'a> Done<'a> {
    /// `stopped`: as it was judged before connectors moved.
    pub(super) fn new(args: &'a Migrate, after: &'a Look, stopped: &Stopped) -> Self {
        Self {
            args,
            plan: &after.plan,
            observed: after.observed.as_ref(),
            standalone: after.inputs.deployment.worker.properties(),
            is_stopped: matches!(stopped, Stopped::Proven(_)),
        }
    }

    /// Returns whether workers run in the Connect group.
    pub(super) fn has_workers(&self) -> bool {
        !self.args.rest.url.is_empty() || self.observed.is_some_and(Observed::is_in_use)
    }

    /// Returns where the workers are asked: the host is a word to replace where nobody told it.
    pub(super) fn url(&self) -> String {
        if let Some(url) = self.args.rest.url.first() {
            return typed_url(url).trim_end_matches('/').to_owned();
        }
        url_of(self.plan, self.observed)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &'a ConnectorPlan> {
        let connectors = self.plan.connectors.iter();
        connectors.filter(|c| c.kind != ConnectorKind::Sink)
    }

    /// Returns the state that a connector has, or gets when it is registered.
    pub(super) fn state(&self, connector: &ConnectorPlan) -> TargetState {
        let stored = self.observed.map(|seen| &seen.stored_connectors);
        let stored = stored.and_then(|stored| stored.get(&connector.name));
        let stored = stored.filter(|_| connector.already_moved);
        stored.map_or(connector.final_state, |stored| stored.target)
    }

    fn is_registered(&self) -> bool {
        let stored = self.observed.map(|seen| &seen.stored_connectors);
        let mut connectors = self.plan.connectors.iter();
        stored.is_some_and(|stored| connectors.all(|c| stored.contains_key(&c.name)))
    }

    fn waiting(&self) -> Vec<&'a ConnectorPlan> {
        let connectors = self.plan.connectors.iter();
        connectors
            .filter(|c| self.state(c) != TargetState::Started)
            .collect()
    }
}

/// Returns how to register on a Connect cluster whose workers run already: with the address that one of them tells the
/// others, where it is known.
pub(super) fn registration(args: &Migrate, seen: &Look) -> String {
    typed(
        args,
        &["--url", &url_of(&seen.plan, seen.observed.as_ref())],
    )
}

fn url_of(plan: &Plan, seen: Option<&Observed>) -> String {
    let group = seen.and_then(|seen| seen.connect_group.as_ref());
    let told = group.and_then(|group| group.urls.first());
    told.map_or_else(
        || AdvertisedListener::any_url(&plan.worker),
        |url| url.trim_end_matches('/').to_owned(),
    )
}

/// Returns what is left to the operator when there is nothing more to apply.
pub(super) fn commands(done: &Done<'_>) -> Vec<Next> {
    let args = done.args;
    let mut next = Vec::new();
    if !done.is_stopped {
        next.push(stop(args.offline && done.sources().next().is_some()));
    }
    // Offline nothing is registered, but the same command on the cluster will.
    let by_control = done.plan.registrar == Registrar::Control
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
    let is_registered = by_control || done.is_registered();
    if !done.has_workers() {
        next.push(start(done, is_registered));
    }
    if args.rest.url.is_empty() && !is_registered {
        next.push(said(
            "register the connectors, once a worker answers",
            &typed(args, &["--url", &done.url()]),
        ));
    }
    next.extend(resume(done));
    next.push(see(done));
    next.extend(way_back::steps(done));
    next
}

fn start(done: &Done<'_>, is_registered: bool) -> Next {
    let waiting = done.waiting();
    let mut why = "start the distributed workers with the new worker file".to_owned();
    if is_registered {
        let start = match waiting.len() {
            0 => "start with them".to_owned(),
            all if all == done.plan.connectors.len() => format!("stay {}", states(done, &waiting)),
            some => format!("start with them; {some} stay {}", states(done, &waiting)),
        };
        why = format!("{why}: the connectors are registered and {start}");
    }
    let worker = done.args.out.join("distributed.properties");
    let worker = worker.to_string_lossy();
    said(&why, &format!("connect-distributed.sh {}", quoted(&worker)))
}

fn states(done: &Done<'_>, waiting: &[&ConnectorPlan]) -> &'static str {
    let is_in = |state| waiting.iter().any(|c| done.state(c) == state);
    match (is_in(TargetState::Stopped), is_in(TargetState::Paused)) {
        (true, true) => "STOPPED or PAUSED",
        (true, false) => "STOPPED",
        (false, _) => "PAUSED",
    }
}

/// Nobody but the operator resumes what `--initial-state` holds back.
fn resume(done: &Done<'_>) -> Option<Next> {
    let waiting = done.waiting();
    let names: Vec<&str> = waiting.iter().map(|c| c.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        said(
            &format!(
                "resume what is to run: {} of {} connectors are {}",
                names.len(),
                done.plan.connectors.len(),
                states(done, &waiting)
            ),
            &put_command(&done.url(), &names, "resume"),
        )
    })
}

fn see(done: &Done<'_>) -> Next {
    let starts = done.waiting().len() < done.plan.connectors.len();
    let why = if starts {
        "see them run"
    } else {
        "see their states"
    };
    let url = done.url();
    said(why, &format!("curl -s '{url}/connectors?expand=status'"))
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

pub(super) fn said(why: &str, command: &str) -> Next {
    Next {
        why: why.to_owned(),
        command: command.to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser;

    use super::*;
    use crate::plan::tests::builder::{SINK, SOURCE, WORKER, choices, cluster, deployment, make};
    use crate::plan::{Choices, ConnectGroup, Deployment};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        migrate: Migrate,
    }

    /// What was typed after `connectctl migrate`.
    pub(in crate::cli::migrate) fn typed_line(words: &str) -> Migrate {
        let words = ["migrate"].into_iter().chain(words.split(' '));
        Line::try_parse_from(words).expect("a command").migrate
    }

    /// A source with one position in its file, and a sink.
    pub(in crate::cli::migrate) fn both() -> Deployment {
        let key = r#"["src",{"filename":"in.txt"}]"#;
        deployment(WORKER, &[SOURCE, SINK]).with_offsets(&[(key, Some(r#"{"position":1}"#))])
    }

    pub(in crate::cli::migrate) fn planned(args: &Migrate, seen: &Observed) -> Plan {
        let choices = Choices {
            group_id: Some("g".to_owned()),
            ..args.choices()
        };
        make(&both(), &choices, Some(seen)).expect("a plan")
    }

    pub(in crate::cli::migrate) fn done<'a>(
        args: &'a Migrate,
        plan: &'a Plan,
        seen: &'a Observed,
    ) -> Done<'a> {
        Done {
            args,
            plan,
            observed: Some(seen),
            standalone: both().worker.properties(),
            is_stopped: true,
        }
    }

    pub(in crate::cli::migrate) fn in_use(url: &str) -> Observed {
        let group = ConnectGroup {
            state: "Stable".to_owned(),
            protocol_type: "connect".to_owned(),
            members: vec!["worker".to_owned()],
            urls: vec![url.to_owned()],
        };
        Observed {
            connect_group: Some(group),
            ..cluster()
        }
    }

    fn lines(words: &str, seen: &Observed) -> Vec<String> {
        let args = typed_line(words);
        let plan = planned(&args, seen);
        let next = commands(&done(&args, &plan, seen)).into_iter();
        next.map(|next| format!("{}\n{}", next.why, next.command))
            .take_while(|line| !line.contains("way back"))
            .collect()
    }

    #[test]
    fn connectors_start_with_the_workers_unless_they_are_to_wait() {
        assert_eq!(
            lines("w.properties", &cluster()),
            [
                "start the distributed workers with the new worker file: the connectors are registered and start with them\nconnect-distributed.sh distributed/distributed.properties",
                "see them run\ncurl -s 'http://WORKER:8083/connectors?expand=status'",
            ]
        );
        let paused = lines("w.properties --initial-state paused", &cluster());
        assert!(
            paused[0].contains("are registered and stay PAUSED\n"),
            "{paused:?}"
        );
        assert_eq!(
            paused[1..],
            [
                "resume what is to run: 2 of 2 connectors are PAUSED\ncurl -X PUT 'http://WORKER:8083/connectors/{src,local-file-sink}/resume'",
                "see their states\ncurl -s 'http://WORKER:8083/connectors?expand=status'",
            ]
        );
    }

    #[test]
    fn one_page_has_one_address() {
        let none = lines(
            "w.properties --verify none --set listeners=http://:9999",
            &cluster(),
        );
        assert!(none[1].contains(" --url http://WORKER:9999"), "{none:?}");
        assert!(
            none[2].contains("http://WORKER:9999/connectors"),
            "{none:?}"
        );
    }

    #[test]
    fn workers_that_run_need_no_start_and_are_asked_where_they_are() {
        let seen = lines("w.properties", &in_use("http://10.0.0.7:8083/"));
        assert!(!seen.iter().any(|line| line.contains("connect-distributed")));
        assert!(
            seen.last()
                .unwrap()
                .contains("'http://10.0.0.7:8083/connectors?"),
            "{seen:?}"
        );
    }

    #[test]
    fn a_worker_that_is_proven_to_be_stopped_need_not_be_stopped() {
        let args = typed_line("w.properties");
        let seen = cluster();
        let plan = make(&both(), &choices_for_two(), Some(&seen)).unwrap();
        let mut done = done(&args, &plan, &seen);
        let is_first = |done: &Done<'_>| commands(done)[0].command.starts_with("kubectl scale");
        assert!(!is_first(&done));
        done.is_stopped = false;
        assert!(is_first(&done));
    }

    fn choices_for_two() -> Choices {
        Choices {
            group_id: Some("g".to_owned()),
            ..choices()
        }
    }
}
