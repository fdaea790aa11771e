//! The plan as one readable page, in the order in which the parts are decided.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::model::secrets;
use crate::plan::diff::{self, Line};
use crate::plan::{
    ConnectorPlan, FileState, Ownership, Plan, Step, Stopped, TopicPlan, TopicState,
};

use super::{ADDED, FAINT, Page, REMOVED, connectors, count, findings, summary, visible};

/// Files of connectors that are shown whole; more are named and counted.
const FILES_SHOWN: usize = 3;

/// Steps that are listed one by one; more are counted by kind.
const STEPS_SHOWN: usize = 12;

/// Returns the page, coloured. It stays one page for 10,000 connectors.
///
/// `width` is the terminal's, in columns; `None`: nothing is wrapped.
pub fn text(plan: &Plan, width: Option<usize>) -> String {
    let mut page = Page {
        width,
        ..Page::default()
    };
    worker_file(plan, &mut page);
    connector_files(plan, &mut page);
    topics(plan, &mut page);
    connectors::show(plan, &mut page);
    offsets_file(plan, &mut page);
    findings::show(&plan.findings, &plan.reasons, &mut page);
    target(plan, &mut page);
    steps(plan, &mut page);
    summary::show(plan, &mut page);
    page.text
}

fn worker_file(plan: &Plan, page: &mut Page) {
    let Some(file) = plan.files.first() else {
        return;
    };
    page.heading(&format!("{}{}", file.path.display(), state(file.state)));
    for line in diff::of(file) {
        let style = match line {
            Line::Removed(_) => REMOVED,
            Line::Added(_) => ADDED,
            Line::Hunk(_) => FAINT,
            Line::Same(_) => anstyle::Style::new(),
        };
        page.verbatim(style, &line.text());
    }
    for reason in &plan.reasons {
        let line = reason
            .line
            .map(|n| format!(" (line {n})"))
            .unwrap_or_default();
        page.line(format_args!(
            "  {}{line}: {}",
            visible(&reason.key),
            visible(&reason.why)
        ));
    }
}

fn connector_files(plan: &Plan, page: &mut Page) {
    let files = plan.files.get(1..).unwrap_or_default();
    page.heading(&format!("Connector files ({})", files.len()));
    for (file, connector) in files.iter().zip(&plan.connectors).take(FILES_SHOWN) {
        page.line(format_args!("{}{}", file.path.display(), state(file.state)));
        for line in shown_json(connector).lines() {
            page.verbatim(anstyle::Style::new(), &format!("  {line}"));
        }
    }
    if files.len() > FILES_SHOWN {
        let more = count(files.len() - FILES_SHOWN, "more file");
        page.line(format_args!("and {more} in connectors/"));
    }
}

/// The file's JSON with secret values hidden. JSON escapes control characters by itself.
fn shown_json(connector: &ConnectorPlan) -> String {
    let config: serde_json::Map<String, serde_json::Value> = connector
        .config
        .iter()
        .filter(|(key, _)| *key != "name")
        .map(|(key, value)| (key.clone(), secrets::shown(key, value).into()))
        .collect();
    let body = serde_json::json!({ "name": connector.name, "config": config });
    format!("{body:#}")
}

fn state(state: FileState) -> &'static str {
    match state {
        FileState::Unknown | FileState::Missing => "",
        FileState::Same => " (already there)",
        FileState::Different => " (replaces the file that is there, which is kept as .bak)",
    }
}

fn topics(plan: &Plan, page: &mut Page) {
    page.heading("Storage topics");
    let width = plan
        .topics
        .iter()
        .map(|t| t.wanted.name.chars().count())
        .max();
    for topic in &plan.topics {
        page.line(format_args!(
            "{}",
            topic_line(topic, width.unwrap_or_default())
        ));
    }
}

fn topic_line(topic: &TopicPlan, width: usize) -> String {
    let or_default = |number: i64| match number {
        -1 => "the broker's default".to_owned(),
        number => number.to_string(),
    };
    let state = match &topic.state {
        TopicState::Unknown => "not looked at".to_owned(),
        TopicState::Missing => "to create".to_owned(),
        TopicState::Hidden => "not visible".to_owned(),
        TopicState::SettingsHidden => "exists, its settings may not be read".to_owned(),
        TopicState::Right => "already right".to_owned(),
        TopicState::Wrong(what) => format!("wrong: {}", what.join("; ")),
    };
    let wanted = &topic.wanted;
    let mut line = format!(
        "  {:<width$}  {:<6}  partitions {}, replicas {}",
        wanted.name,
        wanted.role.to_string(),
        or_default(wanted.partitions.into()),
        or_default(wanted.replication_factor.into()),
    );
    for (key, value) in &wanted.configs {
        write!(line, ", {key}={value}").expect("writing to a String never fails");
    }
    format!("{line}: {state}")
}

fn offsets_file(plan: &Plan, page: &mut Page) {
    let offsets = &plan.offsets;
    page.heading("Offsets file");
    let Some(path) = &offsets.path else {
        page.line(format_args!("  not read"));
        return;
    };
    if !offsets.exists {
        page.line(format_args!(
            "  {} does not exist; only sources need it",
            path.display()
        ));
        return;
    }
    let age = offsets.age_ms.map_or("unknown".to_owned(), age);
    let entries = if offsets.damaged {
        "not a complete file".to_owned()
    } else {
        count(offsets.entries, "entry")
    };
    page.line(format_args!(
        "  {}: {entries}, {} bytes, changed {age} ago, sha256 {}",
        path.display(),
        offsets.length,
        offsets.sha256.as_deref().unwrap_or("unknown")
    ));
    let others: usize = offsets.others.values().sum();
    if others > 0 {
        let connectors = count(offsets.others.len(), "connector");
        page.line(format_args!(
            "  {} of {connectors} outside this plan stay behind",
            count(others, "entry")
        ));
    }
}

fn age(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s @ 7200..=172_799 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

fn target(plan: &Plan, page: &mut Page) {
    page.heading("Target");
    page.line(format_args!("  group.id: {}", visible(&plan.group_id)));
    match &plan.cluster {
        Some(cluster) => page.line(format_args!(
            "  Kafka cluster: {} ({})",
            cluster.id.as_deref().unwrap_or("without id"),
            count(cluster.brokers, "broker")
        )),
        None => page.line(format_args!("  Kafka cluster: not looked at (--offline)")),
    }
    let ownership = match &plan.ownership {
        Ownership::Unknown => "not looked at".to_owned(),
        Ownership::Fresh => "fresh: no connector is registered there".to_owned(),
        Ownership::Ours => "ours: it has the connectors of this plan".to_owned(),
        Ownership::Foreign(shown) => format!("somebody else's: {}", shown.join("; ")),
    };
    page.line(format_args!("  Connect cluster: {}", visible(&ownership)));
    let stopped = match &plan.stopped {
        Stopped::Proven(how) => format!("proven ({how})"),
        Stopped::Asserted => "asserted (--source-stopped)".to_owned(),
        Stopped::Unknown(why) => format!("unknown ({why})"),
    };
    page.line(format_args!("  standalone_stopped: {}", visible(&stopped)));
}

fn steps(plan: &Plan, page: &mut Page) {
    let steps = plan.steps();
    page.heading("Steps");
    if steps.is_empty() {
        let blocked = plan.blocked().next().is_some();
        page.line(format_args!(
            "  {}",
            if blocked {
                "none before what blocks has an answer"
            } else {
                "nothing to do"
            }
        ));
    } else if steps.len() <= STEPS_SHOWN {
        for (number, step) in steps.iter().enumerate() {
            page.line(format_args!(
                "  {}. {}",
                number + 1,
                visible(&step.to_string())
            ));
        }
    } else {
        counted(&steps, page);
    }
}

/// One line per kind of step, in the order in which the kinds are done.
fn counted(steps: &[Step], page: &mut Page) {
    let mut kinds: Vec<(&'static str, usize)> = Vec::new();
    let mut place: BTreeMap<&'static str, usize> = BTreeMap::new();
    for step in steps {
        let kind = kind(step);
        let at = *place.entry(kind).or_insert_with(|| {
            kinds.push((kind, 0));
            kinds.len() - 1
        });
        kinds[at].1 += match step {
            Step::Seed(records) | Step::DeleteOffsets(records) => *records,
            _ => 1,
        };
    }
    for (number, (kind, how_many)) in kinds.iter().enumerate() {
        page.line(format_args!("  {}. {kind}: {how_many}", number + 1));
    }
}

fn kind(step: &Step) -> &'static str {
    match step {
        Step::WriteFile(_) => "write files",
        Step::CreateTopic(_) => "create topics",
        Step::Seed(_) => "seed offsets and read them back",
        Step::CopyGroup { .. } => "copy committed offsets to the new groups of renamed sinks",
        Step::Control(_) => {
            "join the Connect group as an embedded worker, check what a worker finds, leave"
        }
        Step::Register(_) => "register connectors as STOPPED",
        Step::Update(_) => "stop connectors and update their configurations",
        Step::Run(_) => {
            "resume the connectors in this process for a moment: they move data from here"
        }
        Step::SetState(..) => "give connectors their final state",
        Step::DeleteOffsets(_) => "delete offsets of old names, once all is verified",
        Step::DeleteGroup(_) => "delete old groups, once all is verified",
    }
}
