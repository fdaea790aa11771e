//! What the running standalone worker says against the files (`--source-url`).

use super::{Evidence, Findings, some_of};
use crate::model::connector_config::TargetState;
use crate::plan::positions::Examples;
use crate::plan::{OffsetsInput, RunningWorker, rest_offsets};

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let Some(worker) = &evidence.deployment.running else {
        return;
    };
    positions(evidence, worker, findings);
    for connector in evidence.moving {
        let name = &connector.name;
        let Some(running) = connector.running else {
            findings.warn(
                "P22",
                name.clone(),
                format!("{}: {name} is not running at {}: the file was added or renamed after the start", connector.origin(), worker.url),
                "the file's configuration is used",
            );
            continue;
        };
        if connector.file.is_none() {
            findings.fixed(
                "P21",
                name.clone(),
                format!("{name} is in none of the files given: made over REST, it would be lost with the process"),
                "its configuration is taken from the running worker",
            );
        }
        if !connector.differing.is_empty() {
            findings.warn(
                "P22",
                name.clone(),
                format!(
                    "{}: the running configuration of {name} differs in {}",
                    connector.origin(),
                    some_of(connector.differing.iter().map(String::as_str))
                ),
                "the running configuration is used",
            );
        }
        let paused = running.target == Some(TargetState::Paused) || running.state == "PAUSED";
        if paused && connector.final_state == TargetState::Paused {
            findings.fixed(
                "P23",
                name.clone(),
                format!("{name} is paused, which standalone keeps in memory only"),
                "it ends paused",
            );
        }
    }
}

/// A connector at rest has its positions in the file of its worker; where they differ, it is another file.
fn positions(evidence: &Evidence<'_>, worker: &RunningWorker, findings: &mut Findings<'_>) {
    let OffsetsInput::File(file) = &evidence.deployment.offsets else {
        return;
    };
    let at_rest: Vec<_> = evidence
        .to_move()
        .filter(|(_, m)| m.is_source())
        .filter_map(|(_, m)| Some((m, m.running?)))
        .filter(|(_, r)| r.state == "STOPPED" && r.tasks.is_empty())
        .collect();
    let unlike = rest_offsets::unlike_file(at_rest.iter().map(|(_, r)| *r), &file.entries);
    for (connector, running) in at_rest {
        let mut cases = Examples::default();
        for case in &unlike {
            if case.connector.as_deref() == Some(&running.name) {
                cases.add(|| rest_offsets::said(case));
            }
        }
        if cases.count > 0 {
            findings.block(
                "rest-differs",
                connector.name.clone(),
                format!("{} is not what {} shows of {}: {}", file.path.display(), worker.url, connector.name, cases.text()),
                format!("--offsets FILE with the file of that worker; or save what it shows: connectctl capture --source-url {} --out DIR", worker.url),
            );
        }
    }
}
