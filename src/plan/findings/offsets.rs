//! Positions of sources: the file, its entries, and what the offset topic holds already.

use super::{Evidence, Findings, some_of};
use crate::plan::connectors::Moving;
use crate::plan::desired::has_no_positions;
use crate::plan::positions::OfConnector;
use crate::plan::seed::Compared;
use crate::plan::{ConnectorKind, OffsetsInput, ownership};

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    file(evidence, findings);
    entries(evidence, findings);
    for (at, connector) in evidence.moving.iter().enumerate() {
        let (of, compared) = (&evidence.positions.of[at], &evidence.seeding.of[at]);
        if compared.moved {
            moved(connector, compared, findings);
            continue;
        }
        without_position(evidence, connector, of, findings);
        entries_of(connector, of, compared, findings);
        in_topic(evidence, connector, compared, findings);
        own_topic(evidence, connector, findings);
    }
}

/// The file as a whole. A damaged file never comes this far: reading it is an error.
fn file(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let offsets = &evidence.deployment.offsets;
    let sources: Vec<&str> = evidence
        .to_move()
        .filter(|(_, m)| m.is_source())
        .map(|(_, m)| m.name.as_str())
        .collect();
    if sources.is_empty() {
        return;
    }
    let (path, state) = match offsets {
        OffsetsInput::Missing(path) => (path, "does not exist here"),
        OffsetsInput::File(file) if file.length == 0 => (&file.path, "is empty"),
        OffsetsInput::File(_) => return,
        OffsetsInput::Declined => {
            findings.warn(
                "P7",
                "--no-offsets",
                format!(
                    "the positions of {} are given up: they start over",
                    some_of(sources)
                ),
                "",
            );
            return;
        }
    };
    findings.block(
        "P7",
        path.display().to_string(),
        format!("the offsets file {} {state}, and {} would start over without it", path.display(), some_of(sources)),
        "--offsets FILE with the file of the standalone worker, or --no-offsets to start over on purpose",
    );
}

fn entries(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let OffsetsInput::File(file) = &evidence.deployment.offsets else {
        return;
    };
    let positions = evidence.positions;
    let path = file.path.display();
    if positions.unusable.count > 0 {
        findings.block(
            "P27",
            path.to_string(),
            format!(
                "{path}: {} of {} keys are not ones of Connect's JSON converter: {}",
                positions.unusable.count,
                file.entries.len(),
                positions.unusable.text()
            ),
            "the file was written by another internal converter; decode it first, or --accept P27 to leave those entries behind",
        );
    }
    if !positions.others.is_empty() {
        let count: usize = positions.others.values().sum();
        findings.warn(
            "P29",
            path.to_string(),
            format!(
                "{path}: {count} entries are of connectors that are not in this plan and stay behind: {}",
                some_of(positions.others.keys().map(String::as_str))
            ),
            "name their files too if they are to move; deleted connectors need nothing",
        );
    }
    if positions.null_keys > 0 {
        findings.warn(
            "P28",
            path.to_string(),
            format!(
                "{path}: {} entry with a null key is left out: no worker uses it",
                positions.null_keys
            ),
            "",
        );
    }
    if file.trailing > 0 {
        findings.warn(
            "trailing-bytes",
            path.to_string(),
            format!(
                "{path}: {} bytes after the map are ignored, as Java ignores them",
                file.trailing
            ),
            "",
        );
    }
}

fn without_position(
    evidence: &Evidence<'_>,
    connector: &Moving<'_>,
    of: &OfConnector,
    findings: &mut Findings<'_>,
) {
    let stored = evidence
        .observed
        .is_some_and(|_| ownership::stored(connector, evidence.observed).is_some());
    if !connector.is_source()
        || of.live() > 0
        || has_no_positions(&evidence.deployment.offsets)
        || stored && !of.positions.is_empty()
    {
        return;
    }
    let what = match connector.kind {
        ConnectorKind::Unknown => format!(
            "{} (class {}, not recognised: taken for a source)",
            connector.name, connector.class
        ),
        _ => format!("source {}", connector.name),
    };
    let state = if of.positions.is_empty() {
        "has no entry in the offsets file"
    } else {
        "has only reset entries in the offsets file"
    };
    findings.block(
        "no-position",
        connector.name.clone(),
        format!("{what} {state}: it would start from the beginning and deliver everything again"),
        format!("check that this is the right file; --accept no-position:{} if it never ran, or is a sink", connector.name),
    );
}

fn entries_of(
    connector: &Moving<'_>,
    of: &OfConnector,
    compared: &Compared,
    findings: &mut Findings<'_>,
) {
    let name = &connector.name;
    if of.envelopes > 0 {
        findings.fixed(
            "P26",
            name.clone(),
            format!("{} entries of {name} are in the envelope of an old internal converter, which workers since 3.0 ignore", of.envelopes),
            "the bytes of the payloads are seeded",
        );
    }
    if compared.resets > 0 {
        findings.fixed(
            "P28",
            name.clone(),
            format!(
                "{} entries of {name} are null: those offsets were reset",
                compared.resets
            ),
            "left out; a reset offset must not come back",
        );
    }
    if of.odd_keys.count > 0 {
        findings.warn(
            "P10",
            name.clone(),
            format!("{} keys of {name} are not as a worker writes them, no worker finds an offset under them: {}", of.odd_keys.count, of.odd_keys.text()),
            "the bytes are kept as they are; ask how the file was made",
        );
    }
}

fn in_topic(
    evidence: &Evidence<'_>,
    connector: &Moving<'_>,
    compared: &Compared,
    findings: &mut Findings<'_>,
) {
    let name = &connector.name;
    let other = compared.different.count + compared.extra.count;
    if other > 0 {
        let cases: Vec<&str> = compared
            .different
            .first
            .iter()
            .chain(&compared.extra.first)
            .map(String::as_str)
            .collect();
        let message = format!(
            "the offset topic already holds {} other and {} further positions of {name}, from an earlier life of that name: {}",
            compared.different.count,
            compared.extra.count,
            some_of(cases)
        );
        let at_rest =
            ownership::stored(connector, evidence.observed).is_none_or(ownership::is_at_rest);
        if evidence.choices.overwrite_offsets && at_rest {
            findings.warn("P57", name.clone(), message, "--overwrite-offsets: they are replaced by the file's; the old values are saved under backup/");
        } else {
            let remedy = if at_rest {
                "--overwrite-offsets replaces them by the file's, --rename gives the connector a name of its own"
            } else {
                "stop the connector first; --overwrite-offsets is allowed only while it is absent or STOPPED"
            };
            findings.block("P57", name.clone(), message, remedy);
        }
    }
    if compared.doubled.count > 0 {
        findings.block(
            "P11",
            name.clone(),
            format!("{} keys of {name} have records in two partitions of the offset topic, and which of them a worker takes may change at every start: {}", compared.doubled.count, compared.doubled.text()),
            "a fresh topic: --offset-topic NAME",
        );
    }
    if compared.misplaced.count > 0 {
        findings.block(
            "P13",
            name.clone(),
            format!("{} keys of {name} are not in the partition where a worker writes them (partitions were added, or another partitioner wrote them), so its next write puts them into two: {}", compared.misplaced.count, compared.misplaced.text()),
            "a fresh topic: --offset-topic NAME",
        );
    }
}

fn moved(connector: &Moving<'_>, compared: &Compared, findings: &mut Findings<'_>) {
    let differing = compared.different.count;
    if differing > 0 {
        findings.info(
            "moved-on",
            connector.name.clone(),
            format!("{} has run in the distributed cluster: {differing} positions differ from the file's, and the topic's are the truth", connector.name),
            "",
        );
    }
}

/// KIP-618: honoured in distributed mode only; what the connector's own topic holds wins over the worker's.
fn own_topic(evidence: &Evidence<'_>, connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let Some(own) = connector.config.get("offsets.storage.topic") else {
        return;
    };
    if evidence.storage.offset.name == own.trim() {
        return;
    }
    findings.warn(
        "P42",
        connector.name.clone(),
        format!("{}: {} has offsets.storage.topic={own}, which standalone ignored and distributed obeys: an entry there wins over the seeded one", connector.origin(), connector.name),
        format!("make sure that topic {own} has no old position of it, or remove the setting"),
    );
}
