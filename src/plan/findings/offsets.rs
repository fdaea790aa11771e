//! Positions of sources: the file, its entries, and what the offset topic holds already.

use super::{Evidence, Findings, moved, own_store, some_of};
use crate::model::rest::{ANY_WORKER, put_command};
use crate::model::worker_config::{Isolation, StorageRole};
use crate::plan::connectors::Moving;
use crate::plan::desired::has_no_positions;
use crate::plan::offset_seed::{UNTIL_DECIDED, open_transaction};
use crate::plan::positions::{Examples, OfConnector};
use crate::plan::seed::Compared;
use crate::plan::{ConnectorKind, OffsetsInput, StoredConnector, ownership};

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    file(evidence, findings);
    entries(evidence, findings);
    undecided(evidence, findings);
    for (at, connector) in evidence.moving.iter().enumerate() {
        let (of, compared) = (&evidence.positions.of[at], &evidence.seeding.of[at]);
        if compared.moved {
            moved::find(evidence, connector, compared, findings);
            continue;
        }
        without_position(evidence, connector, of, findings);
        entries_of(&connector.name, of, findings);
        resets_of(&connector.name, compared, findings);
        let stored = ownership::stored(connector, evidence.observed);
        let topic = InTopic {
            connector: &connector.name,
            at_rest: connector.redone || stored.is_none_or(StoredConnector::is_at_rest),
            has_run: stored.is_some_and(|stored| stored.has_run),
            overwrite: evidence.choices.overwrite_offsets,
            another_topic: "a fresh topic: --offset-topic NAME",
        };
        topic.find(compared, findings);
        own_store::find(evidence, connector, of, findings);
    }
}

/// The file as a whole. A damaged file comes this far only where no source needs it, or where its worker is at work:
/// see `PlanError::OffsetsDamaged`.
fn file(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let offsets = &evidence.deployment.offsets;
    if let OffsetsInput::Damaged(file) = offsets
        && evidence.judgement.at_work.is_empty()
    {
        let path = file.path.display();
        findings.warn(
            "P7",
            path.to_string(),
            format!(
                "{path}: not a complete offsets file: {}; the connectors to move do not need it",
                file.why
            ),
            "mend or remove it before a source is started with this worker file",
        );
        return;
    }
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
        OffsetsInput::Damaged(file) => (&file.path, "is not complete, as while it is written"),
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
        match &evidence.deployment.running {
            Some(worker) => format!("connectctl capture --source-url {} --out DIR saves the positions of the running worker: give them with --offsets DIR/connect.offsets; or --no-offsets to start over on purpose", worker.url),
            None => "--offsets FILE with the file of the standalone worker, or --no-offsets to start over on purpose".to_owned(),
        },
    );
}

/// The finding of records that a reader takes or does not take by its isolation level.
pub(in crate::plan) const ABORTED: &str = "aborted-records";

fn isolation(evidence: &Evidence<'_>) -> Isolation {
    let isolations = evidence.observed.map(|o| o.isolations).unwrap_or_default();
    isolations.of_storage(StorageRole::Offset)
}

/// Which positions hold is not known before it ends.
fn undecided(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let topic = evidence.storage.offset.name.as_str();
    let partitions = evidence.observed.map(|o| o.undecided_offsets.as_slice());
    let open = open_transaction(topic, partitions.unwrap_or_default(), isolation(evidence));
    let Some(open) = open.filter(|_| evidence.to_move().any(|(_, m)| m.is_source())) else {
        return;
    };
    findings.block("open-transaction", topic, open, UNTIL_DECIDED);
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
            unusable(&path.to_string(), file.entries.len(), &positions.unusable),
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
    leftovers(
        &path.to_string(),
        positions.null_keys,
        file.trailing,
        findings,
    );
}

/// Says how many keys are not Connect's.
pub(in crate::plan) fn unusable(place: &str, entries: usize, unusable: &Examples) -> String {
    format!(
        "{place}: {} of {entries} keys are not ones of Connect's JSON converter: {}",
        unusable.count,
        unusable.text()
    )
}

/// What a worker does not use either.
pub(in crate::plan) fn leftovers(
    place: &str,
    null_keys: usize,
    trailing: u64,
    findings: &mut Findings<'_>,
) {
    if null_keys > 0 {
        findings.warn(
            "P28",
            place,
            format!("{place}: {null_keys} entry with a null key is left out: no worker uses it"),
            "",
        );
    }
    if trailing > 0 {
        findings.warn(
            "trailing-bytes",
            place,
            format!("{place}: {trailing} bytes after the map are ignored, as Java ignores them"),
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

/// What is odd about the entries of one connector, wherever they go.
pub(in crate::plan) fn entries_of(name: &str, of: &OfConnector, findings: &mut Findings<'_>) {
    if of.repeated.count > 0 {
        findings.block(
            "repeated-key",
            name,
            format!("{} keys of {name} stand there twice with different values, and a worker keeps either by chance: {}", of.repeated.count, of.repeated.text()),
            "no worker writes such a file: ask how it was made, and take the worker's own",
        );
    }
    if of.envelopes > 0 {
        findings.fixed(
            "P26",
            name,
            format!("{} entries of {name} are in the envelope of an old internal converter, which workers since 3.0 ignore", of.envelopes),
            "the bytes of the payloads are seeded",
        );
    }
    if of.odd_keys.count > 0 {
        findings.warn(
            "P10",
            name,
            format!("{} keys of {name} are not as a worker writes them, no worker finds an offset under them: {}", of.odd_keys.count, of.odd_keys.text()),
            "the bytes are kept as they are; ask how the file was made",
        );
    }
    if of.odd_values.count > 0 {
        findings.warn(
            "odd-value",
            name,
            format!(
                "{} offsets of {name} are not JSON objects, and a worker takes them for none: {}",
                of.odd_values.count,
                of.odd_values.text()
            ),
            "the bytes are kept as they are; ask how they were made",
        );
    }
}

/// Reset offsets must not come back.
pub(in crate::plan) fn resets_of(name: &str, compared: &Compared, findings: &mut Findings<'_>) {
    if compared.resets > 0 {
        findings.fixed(
            "P28",
            name,
            format!(
                "{} entries of {name} are null: those offsets were reset",
                compared.resets
            ),
            "left out; a reset offset must not come back",
        );
    }
}

/// What the offset topic holds of a connector against what it is to hold.
#[derive(Debug)]
pub(in crate::plan) struct InTopic<'a> {
    pub connector: &'a str,
    /// Absent, or STOPPED without a running task.
    pub at_rest: bool,
    /// It has run in the cluster since it was registered there.
    pub has_run: bool,
    pub overwrite: bool,
    /// How to have another offset topic: no record can be taken out of a partition.
    pub another_topic: &'a str,
}

impl InTopic<'_> {
    pub(in crate::plan) fn find(&self, compared: &Compared, findings: &mut Findings<'_>) {
        self.other_positions(compared, findings);
        self.unsettled(compared, findings);
        let name = self.connector;
        if compared.doubled.count > 0 {
            findings.block(
                "P11",
                name,
                doubled(name, &compared.doubled),
                self.another_topic,
            );
        }
        if compared.misplaced.count > 0 {
            findings.block(
                "P13",
                name,
                misplaced(name, &compared.misplaced),
                self.another_topic,
            );
        }
    }

    /// What aborted transactions wrote is gone one day, and the position before comes back.
    fn unsettled(&self, compared: &Compared, findings: &mut Findings<'_>) {
        if compared.unsettled.count == 0 {
            return;
        }
        let name = self.connector;
        let message = unsettled(name, compared);
        if !compared.fleeting {
            let remedy = "give every worker of the group the same exactly.once.source.support";
            findings.warn(ABORTED, name, message, remedy);
        } else if self.overwrite && self.at_rest {
            let remedy = "--overwrite-offsets: the file's are written after them, and every worker finds those";
            findings.warn(ABORTED, name, message, remedy);
        } else {
            let remedy = "--overwrite-offsets writes the file's after them, which every worker then finds; the connector must be absent or STOPPED";
            findings.block(ABORTED, name, message, remedy);
        }
    }

    fn other_positions(&self, compared: &Compared, findings: &mut Findings<'_>) {
        let name = self.connector;
        if compared.different.count + compared.extra.count == 0 {
            if !self.at_rest && compared.to_seed > 0 {
                findings.block(
                    "P57",
                    name,
                    format!("{name} is at work in the target cluster, or may be: it would write over the positions that are seeded"),
                    format!("stop it first: {}", put_command(ANY_WORKER, &[name], "stop")),
                );
            }
            return;
        }
        let cases = compared.different.first.iter().chain(&compared.extra.first);
        let origin = if self.has_run {
            "which has run in the distributed cluster, so that the topic is the truth"
        } else {
            "from an earlier life of that name"
        };
        let message = format!(
            "the offset topic already holds {} other and {} further positions of {name}, {origin}: {}",
            compared.different.count,
            compared.extra.count,
            some_of(cases.map(String::as_str))
        );
        if self.overwrite && self.at_rest {
            findings.warn("P57", name, message, "--overwrite-offsets: they are replaced by the file's; the old values are saved under backup/");
            return;
        }
        let remedy = if self.at_rest {
            "--overwrite-offsets replaces them by the file's, --rename gives the connector a name of its own"
        } else {
            "stop the connector first; --overwrite-offsets is allowed only while it is absent or STOPPED"
        };
        findings.block("P57", name, message, remedy);
    }
}

/// Says that keys are in two partitions.
pub(in crate::plan) fn doubled(name: &str, keys: &Examples) -> String {
    format!(
        "{} keys of {name} have records in two partitions of the offset topic, and which of them a worker takes may change at every start: {}",
        keys.count,
        keys.text()
    )
}

/// Says that keys have another offset for readers of the other isolation level.
pub(in crate::plan) fn unsettled(name: &str, compared: &Compared) -> String {
    let meaning = if compared.fleeting {
        "come from transactions that were aborted or are open; workers of this file take them (isolation.level=read_uncommitted) until the log cleaner removes them, and what then holds is another"
    } else {
        "are others for workers without exactly-once support, which take those of aborted and open transactions too"
    };
    format!(
        "{} positions of {name} in the offset topic {meaning}: {}",
        compared.unsettled.count,
        compared.unsettled.text()
    )
}

/// Says that keys are where no worker writes them.
pub(in crate::plan) fn misplaced(name: &str, keys: &Examples) -> String {
    format!(
        "{} keys of {name} are not in the partition where a worker writes them (partitions were added, or another partitioner wrote them), so its next write puts them into two: {}",
        keys.count,
        keys.text()
    )
}
