//! Offsets into the offset topic, as the plan says.

use crate::io::offset_store::{self, Seeding};
use crate::model::worker_config::StorageRole;
use crate::plan::{Plan, SeedRecord, Step};

use super::files::backup_folder;
use super::{ApplyError, Means, Target};

pub(super) async fn seed(
    plan: &Plan,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    if plan.seed.is_empty() {
        return Ok(());
    }
    means
        .journal
        .begin(Step::Seed(plan.seed.len()), Some(plan.seed.len()));
    let written = write(&plan.seed, plan, target, means).await?;
    means
        .journal
        .end(format!("{written} written and read back"));
    Ok(())
}

/// Ends what the topic holds under old names.
pub(super) async fn delete(
    plan: &Plan,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    let records = &plan.delete_offsets;
    if records.is_empty() {
        return Ok(());
    }
    means
        .journal
        .begin(Step::DeleteOffsets(records.len()), Some(records.len()));
    write(records, plan, target, means).await?;
    means.journal.end("deleted; the old values are in backup");
    Ok(())
}

async fn write(
    records: &[SeedRecord],
    plan: &Plan,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<usize, ApplyError> {
    let backup = backup_folder(means.out);
    let seeding = Seeding {
        cluster: target.cluster,
        topic: offset_topic(plan),
        isolation: target.observed.isolations.of_storage(StorageRole::Offset),
        in_any_place: &plan.in_any_place(),
        records,
        stored: &target.observed.stored_offsets,
        backup: &backup,
        file: means.offsets_file.as_ref(),
    };
    let written = offset_store::write(&seeding, |done| means.journal.advance(done)).await?;
    Ok(written.records)
}

pub(super) fn offset_topic(plan: &Plan) -> &str {
    plan.topic(StorageRole::Offset).wanted.name.as_str()
}
