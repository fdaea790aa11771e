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
    let backup = backup_folder(means.out);
    let seeding = Seeding {
        cluster: target.cluster,
        topic: offset_topic(plan),
        records: &plan.seed,
        stored: &target.observed.stored_offsets,
        backup: &backup,
        file: means.offsets_file.as_ref(),
    };
    let written = offset_store::write(&seeding, |done| means.journal.advance(done)).await?;
    means
        .journal
        .end(format!("{} written and read back", written.records));
    Ok(())
}

pub(super) fn offset_topic(plan: &Plan) -> &str {
    &plan.topic(StorageRole::Offset).wanted.name
}

/// Compares the topic with what it must say.
pub(super) async fn read_back(
    target: Target<'_>,
    topic: &str,
    expected: &[SeedRecord],
) -> Result<(), ApplyError> {
    Ok(offset_store::compare(target.cluster, topic, expected).await?)
}
