//! Connectors that have run in the distributed cluster: what became of them since, and whether standalone was used again.

use super::{Evidence, Findings};
use crate::model::connector_config::TargetState;
use crate::model::rest::{ANY_WORKER, put_command};
use crate::plan::connectors::Moving;
use crate::plan::render::count;
use crate::plan::seed::Compared;
use crate::plan::{Observed, OffsetsInput, ownership};

/// The finding that the offsets file and the topic have both gone on since the cutover.
const USED_AGAIN: &str = "standalone-used-again";

pub(super) fn find(
    evidence: &Evidence<'_>,
    connector: &Moving<'_>,
    compared: &Compared,
    findings: &mut Findings<'_>,
) {
    let is_refused = not_overwritten(evidence, connector, compared, findings);
    let is_told = used_again(evidence, connector, compared, findings) || is_refused;
    since(evidence, connector, compared, is_told, findings);
}

/// What was asked for and is not done must not look done.
fn not_overwritten(
    evidence: &Evidence<'_>,
    connector: &Moving<'_>,
    compared: &Compared,
    findings: &mut Findings<'_>,
) -> bool {
    if !evidence.choices.overwrite_offsets || compared.different.count == 0 {
        return false;
    }
    let name = &connector.name;
    let different = count(compared.different.count, "other position");
    let what = format!("--overwrite-offsets does not replace the {different} of {name}");
    let (why, remedy) = if evidence.observed.is_some_and(Observed::is_in_use) {
        (
            "workers run, and it is not STOPPED",
            format!(
                "stop it: {}, then run the same command again; or stop the workers and run it without --url: an embedded worker then stops the connector first",
                stop_command(evidence.observed, name)
            ),
        )
    } else if evidence
        .observed
        .is_none_or(|observed| !ownership::went_on(&evidence.deployment.offsets, observed))
    {
        (
            "it is not STOPPED, and nothing shows that the file is newer than the topic",
            format!(
                "leave --overwrite-offsets away: the topic is the truth about a connector that has run. If the file's position is right all the same, start a worker, stop the connector: {}, and run the same command again with --url",
                stop_command(evidence.observed, name)
            ),
        )
    } else {
        (
            "it is not STOPPED, and nothing of this run stops it",
            "leave --verify none and --url away: while no worker runs, an embedded worker stops it first; a worker that is started before would start it from the topic's position".to_owned(),
        )
    };
    findings.block("P57", name.as_str(), format!("{what}: {why}"), remedy);
    true
}

fn stop_command(observed: Option<&Observed>, name: &str) -> String {
    let group = observed.and_then(|o| o.connect_group.as_ref());
    let url = group.and_then(|group| group.urls.first());
    put_command(url.map_or(ANY_WORKER, String::as_str), &[name], "stop")
}

/// The file is not the one of the cutover: its worker, too, has delivered since.
fn used_again(
    evidence: &Evidence<'_>,
    connector: &Moving<'_>,
    compared: &Compared,
    findings: &mut Findings<'_>,
) -> bool {
    let OffsetsInput::File(file) = &evidence.deployment.offsets else {
        return false;
    };
    let went_on = |observed| ownership::went_on(&evidence.deployment.offsets, observed);
    if !evidence.observed.is_some_and(went_on) || compared.different.count == 0 {
        return false;
    }
    let name = &connector.name;
    findings.block(
        USED_AGAIN,
        name.as_str(),
        format!(
            "{} is not as it was at the cutover, and the offset topic differs from it in {} of {name}: {}. The standalone worker was used again, and what it delivered since, distributed workers would deliver once more",
            file.path.display(),
            count(compared.different.count, "position"),
            compared.different.text()
        ),
        format!(
            "which of them is right, only you know; connectctl offsets where {name} shows both. If the file's: --overwrite-offsets, with {name} STOPPED or with no worker in the group (an embedded worker then stops it first). If the topic's: --accept {USED_AGAIN}:{name}"
        ),
    );
    true
}

/// Told, and left alone.
fn since(
    evidence: &Evidence<'_>,
    connector: &Moving<'_>,
    compared: &Compared,
    positions_are_told: bool,
    findings: &mut Findings<'_>,
) {
    let mut since = Vec::new();
    let others = compared.different.count + compared.extra.count;
    match if positions_are_told { 0 } else { others } {
        0 => {}
        1 => since.push("1 position differs from the file's".to_owned()),
        n => since.push(format!("{n} positions differ from the file's")),
    }
    if let Some(stored) = ownership::stored(connector, evidence.observed) {
        let keys = ownership::differing(connector, &stored.config);
        if !keys.is_empty() {
            since.push(format!("it was given another {keys}"));
        }
        match stored.target {
            target if target == connector.final_state => {}
            TargetState::Started => since.push("it was resumed".to_owned()),
            TargetState::Paused => since.push("it was paused".to_owned()),
            TargetState::Stopped => since.push("it was stopped".to_owned()),
        }
    }
    if since.is_empty() {
        return;
    }
    findings.info(
        "moved-on",
        connector.name.clone(),
        format!(
            "{} has run in the distributed cluster, which is the truth about it now: {}",
            connector.name,
            since.join(", ")
        ),
        "",
    );
}
