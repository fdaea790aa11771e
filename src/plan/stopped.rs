//! Whether the standalone worker is known to be stopped.
//!
//! Two workers on one deployment deliver twice and commit over each other, and a position that is read while the
//! worker runs is stale. Silence alone proves nothing: `localhost:8083` of a workstation is not that of a pod.

use std::collections::BTreeSet;

use crate::model::properties::Properties;
use crate::plan::connectors::Moving;
use crate::plan::render::count;
use crate::plan::{
    Choices, Deployment, Observed, OffsetsFile, OffsetsInput, RunningWorker, Stopped,
};

/// What is known, and what shows that the worker still runs.
#[derive(Debug)]
pub(super) struct Judgement {
    pub stopped: Stopped,
    /// Evidence that the standalone deployment is at work: an assertion does not outweigh it.
    pub at_work: Vec<String>,
    /// Seconds after which the stop is proven, when the age of the offsets file is all that is missing.
    pub wait_s: Option<u64>,
}

/// Why the stop is not known.
#[derive(Debug)]
struct Doubt {
    why: String,
    wait_s: Option<u64>,
}

impl From<String> for Doubt {
    fn from(why: String) -> Self {
        Self { why, wait_s: None }
    }
}

/// Judges by the connectors that have yet to move.
pub(super) fn judge(
    deployment: &Deployment,
    choices: &Choices,
    observed: Option<&Observed>,
    source: &Properties,
    to_move: &[&Moving<'_>],
) -> Judgement {
    if to_move.is_empty() {
        return Judgement {
            stopped: Stopped::Unknown("not judged: every connector has already moved".to_owned()),
            at_work: Vec::new(),
            wait_s: None,
        };
    }
    let at_work = evidence_of_work(deployment, observed, to_move);
    let proof = match (&deployment.running, observed) {
        _ if !at_work.is_empty() => Err(at_work.join("; ").into()),
        (Some(running), _) => all_stopped(running, to_move).map_err(Doubt::from),
        (None, Some(observed)) => silence(deployment, observed, source, to_move),
        (None, None) => Err("offline: neither the worker nor its groups were looked at"
            .to_owned()
            .into()),
    };
    let wait_s = proof.as_ref().err().and_then(|doubt| doubt.wait_s);
    let stopped = match proof {
        Ok(how) => Stopped::Proven(how),
        Err(_) if choices.source_stopped && at_work.is_empty() => Stopped::Asserted,
        Err(doubt) => Stopped::Unknown(doubt.why),
    };
    Judgement {
        stopped,
        at_work,
        wait_s,
    }
}

fn evidence_of_work(
    deployment: &Deployment,
    observed: Option<&Observed>,
    to_move: &[&Moving<'_>],
) -> Vec<String> {
    let mut evidence = Vec::new();
    if let Some(running) = &deployment.running {
        evidence.extend(not_stopped(running, to_move));
    }
    let Some(observed) = observed else {
        return evidence;
    };
    let answers = observed.source_answers.iter().flatten();
    let ours: Vec<&str> = answers
        .map(String::as_str)
        .filter(|name| to_move.iter().any(|m| m.old_name == *name))
        .collect();
    if deployment.running.is_none() && !ours.is_empty() {
        evidence.push(format!(
            "a worker answers on the standalone listener and runs {}",
            some_of(&ours)
        ));
    }
    let groups: BTreeSet<&str> = to_move
        .iter()
        .filter_map(|m| m.old_group.as_deref())
        .collect();
    for group in groups {
        let members = observed
            .sink_groups
            .get(group)
            .map_or(&[][..], |g| &g.members);
        if !members.is_empty() {
            evidence.push(format!(
                "consumer group {group} has members: {}",
                some_of(&members.iter().map(String::as_str).collect::<Vec<_>>())
            ));
        }
    }
    evidence
}

/// A worker that does not know a connector says nothing about it: it may be another worker.
fn all_stopped(running: &RunningWorker, to_move: &[&Moving<'_>]) -> Result<String, String> {
    let unknown: Vec<&str> = to_move
        .iter()
        .filter(|m| m.running.is_none())
        .map(|m| m.old_name.as_str())
        .collect();
    if unknown.is_empty() {
        return Ok(format!(
            "every connector is STOPPED with no task, says {}",
            running.url
        ));
    }
    Err(format!(
        "the worker at {} does not know {}: is it the right one?",
        running.url,
        some_of(&unknown)
    ))
}

fn not_stopped(running: &RunningWorker, to_move: &[&Moving<'_>]) -> Option<String> {
    let at_work: Vec<String> = to_move
        .iter()
        .filter_map(|m| m.running)
        .filter(|r| r.state != "STOPPED" || !r.tasks.is_empty())
        .map(|r| {
            format!(
                "{} is {} with {}",
                r.name,
                r.state,
                count(r.tasks.len(), "task")
            )
        })
        .collect();
    (!at_work.is_empty()).then(|| {
        let shown: Vec<&str> = at_work.iter().map(String::as_str).collect();
        format!("at {}: {}", running.url, some_of(&shown))
    })
}

/// REST gone, groups empty, and the offsets file at rest for longer than two flush intervals.
fn silence(
    deployment: &Deployment,
    observed: &Observed,
    source: &Properties,
    to_move: &[&Moving<'_>],
) -> Result<String, Doubt> {
    if !observed.source_rest_gone {
        let why = &observed.source_unclear;
        let why = why.first().map(|why| format!(": {why}"));
        return Err(format!(
            "the standalone worker's REST listener was not found closed{}",
            why.unwrap_or_default()
        )
        .into());
    }
    let mut unseen = to_move
        .iter()
        .filter_map(|m| Some((m, m.unseen_group.as_ref()?)));
    if let Some((sink, group)) = unseen.next() {
        return Err(format!(
            "REST is gone, but who is in the consumer group of {} cannot be looked at: {}",
            sink.old_name, group.why
        )
        .into());
    }
    let mut proof = vec!["REST is gone".to_owned()];
    if to_move.iter().any(|m| !m.is_source()) {
        proof.push("the sinks' groups are empty".to_owned());
    }
    if to_move.iter().any(|m| m.is_source()) {
        let OffsetsInput::File(file) = &deployment.offsets else {
            return Err("REST is gone, but there is no offsets file whose age could show that the sources are at rest".to_owned().into());
        };
        // Nobody writes a copy, and the listener of a file that names no host is looked for on this one, whose it need not be.
        if let Some(why) = &deployment.copied {
            return Err(
                format!("{why}, so its age does not show that the sources are at rest").into(),
            );
        }
        proof.push(file_at_rest(file, source)?);
    }
    Ok(proof.join(", "))
}

/// Returns how the age of a file shows that no worker writes it, or why it does not. `worker` has the flush interval.
fn file_at_rest(file: &OffsetsFile, worker: &Properties) -> Result<String, Doubt> {
    let flush = worker
        .get("offset.flush.interval.ms")
        .and_then(|v| v.trim().parse::<u64>().ok())
        .unwrap_or(60_000);
    let needed = flush.saturating_mul(2);
    match file.age_ms {
        Some(age) if age > needed => Ok(format!(
            "the offsets file has not changed for {} s, longer than two flush intervals ({} s)",
            age / 1000,
            needed / 1000
        )),
        Some(age) => Err(Doubt {
            why: format!(
                "the offsets file changed {} s ago; two flush intervals are {} s",
                age / 1000,
                needed / 1000
            ),
            wait_s: Some((needed - age) / 1000 + 1),
        }),
        None => Err("the age of the offsets file is not known".to_owned().into()),
    }
}

/// Names the first few and counts the rest.
pub(super) fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    match names.len() {
        0..=SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::builder::{SINK, SOURCE, WORKER, choices, cluster, deployment, make};

    const KEY: &str = r#"["src",{"filename":"in.txt"}]"#;

    fn stopped(deployment: &Deployment, choices: &Choices) -> (Stopped, bool) {
        let choices = Choices {
            group_id: Some("g".to_owned()),
            ..choices.clone()
        };
        let plan = make(deployment, &choices, Some(&cluster())).expect("a plan");
        let is_blocked = plan.blocked().any(|finding| finding.id == "P8");
        (plan.stopped, is_blocked)
    }

    #[test]
    fn the_age_of_a_copy_shows_nothing_of_the_worker() {
        let entries = [(KEY, Some(r#"{"position":1}"#))];
        let own = deployment(WORKER, &[SOURCE, SINK]).with_offsets(&entries);
        let (proven, is_blocked) = stopped(&own, &choices());
        assert!(
            matches!(proven, Stopped::Proven(_)) && !is_blocked,
            "{proven:?}"
        );
        let copy = Deployment {
            copied: Some("o.offsets was saved by connectctl capture".to_owned()),
            ..own
        };
        let (unknown, is_blocked) = stopped(&copy, &choices());
        assert_eq!(
            unknown,
            Stopped::Unknown(
                "o.offsets was saved by connectctl capture, so its age does not show that the sources are at rest"
                    .to_owned()
            )
        );
        assert!(is_blocked);
        let said = Choices {
            source_stopped: true,
            ..choices()
        };
        assert_eq!(stopped(&copy, &said), (Stopped::Asserted, false));
        // Of sinks the consumer groups tell, whatever file lies here.
        let sink = Deployment {
            connectors: deployment(WORKER, &[SINK]).connectors,
            ..copy
        };
        assert!(matches!(stopped(&sink, &choices()).0, Stopped::Proven(_)));
    }
}
