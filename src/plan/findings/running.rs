//! What the running standalone worker says against the files (`--source-url`).

use super::{Evidence, Findings, some_of};
use crate::model::connector_config::TargetState;

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let Some(worker) = &evidence.deployment.running else {
        return;
    };
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
                format!("{name} was made over REST and is in no file: it would have been lost with the process"),
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
