//! The files of the output folder, and a copy of the offsets file for the way back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;

use serde_json::{Value, json};

use crate::io::files::{
    FileError, LARGEST_OFFSETS, Replacement, Written, back_up, read, sync_folder,
};
use crate::plan::{FileChange, FileState, Plan, Step};

use super::{ApplyError, Means, Target};

/// Files that are written at the same time: the disk brings that many to safety as fast as one.
const AT_ONCE: usize = 16;

pub(super) async fn write(plan: &Plan, means: &Means<'_>) -> Result<(), ApplyError> {
    for folder in [
        means.out.to_path_buf(),
        means.out.join("connectors"),
        backup_folder(means.out),
    ] {
        sweep(&folder);
    }
    let changed = plan.files.iter().filter(|f| f.state != FileState::Same);
    let changed: Vec<&FileChange> = changed.collect();
    for together in changed.chunks(AT_ONCE) {
        write_together(together, means)?;
        // Ctrl-C is heard between the chunks.
        tokio::task::yield_now().await;
    }
    let paths = changed.iter().map(|file| means.out.join(&file.path));
    let folders: BTreeSet<PathBuf> = paths
        .filter_map(|path| Some(path.parent()?.to_owned()))
        .collect();
    for folder in folders {
        sync_folder(&folder)?;
    }
    if means.target.is_some() && !plan.seed.is_empty() {
        keep_offsets_file(means)?;
    }
    Ok(())
}

/// Prepares files side by side and puts them in place one after the other.
fn write_together(files: &[&FileChange], means: &Means<'_>) -> Result<(), ApplyError> {
    let prepared: Vec<_> = std::thread::scope(|scope| {
        let prepare = |file| scope.spawn(move || prepare(means.out, file));
        let preparing: Vec<_> = files.iter().copied().map(prepare).collect();
        preparing.into_iter().map(ScopedJoinHandle::join).collect()
    });
    for (file, prepared) in files.iter().zip(prepared) {
        let step = Step::WriteFile(file.path.clone());
        means.journal.begin(step, None);
        let prepared = prepared.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))?;
        means.journal.end(match prepared.take_place()? {
            Written::Created => "created".into(),
            Written::Unchanged => "already right".into(),
            Written::Replaced(old) => format!("replaced; the old one is {}", old.display()),
        });
    }
    Ok(())
}

/// The folder in which old values are kept.
pub(super) fn backup_folder(out: &Path) -> PathBuf {
    out.join("backup")
}

/// Saves old values as JSON, under a name that only these values have.
pub(super) fn keep_json(out: &Path, stem: &str, values: &Value) -> Result<(), FileError> {
    let text = format!("{values:#}\n");
    back_up(&backup_folder(out), stem, "json", text.as_bytes())?;
    Ok(())
}

/// Saves the configuration of a connector that is about to be replaced.
pub(super) fn keep_configuration(
    name: &str,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    if let Some(stored) = target.observed.stored_connectors.get(name) {
        let body = json!({ "name": name, "config": stored.config });
        keep_json(means.out, "connector", &body)?;
    }
    Ok(())
}

fn prepare(out: &Path, file: &FileChange) -> Result<Replacement, FileError> {
    let path = out.join(&file.path);
    if let Ok(old) = fs::read(&path)
        && old != file.after
    {
        let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = file.path.extension().unwrap_or_default().to_string_lossy();
        back_up(&backup_folder(out), &stem, &extension, &old)?;
    }
    Replacement::prepare(&path, &file.after, file.secret)
}

/// The positions at the cutover: what a standalone worker would be started with again.
fn keep_offsets_file(means: &Means<'_>) -> Result<(), ApplyError> {
    let Some(file) = &means.offsets_file else {
        return Ok(());
    };
    let file = read(&file.path, LARGEST_OFFSETS)?;
    back_up(
        &backup_folder(means.out),
        "standalone",
        "offsets",
        &file.bytes,
    )?;
    Ok(())
}

/// Removes the temporary files of a run that was killed. They were never anything but copies.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(".connectctl-")
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, path = %entry.path().display(), "a leftover could not be removed");
        }
    }
}
