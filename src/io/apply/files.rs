//! The files of the output folder, and a copy of the offsets file for the way back.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::io::files::{FileError, LARGEST_OFFSETS, Written, back_up, read, replace};
use crate::plan::{FileChange, FileState, Plan, Step};

use super::{ApplyError, Means, Target};

pub(super) fn write(plan: &Plan, means: &Means<'_>) -> Result<(), ApplyError> {
    for folder in [
        means.out.to_path_buf(),
        means.out.join("connectors"),
        backup_folder(means.out),
    ] {
        sweep(&folder);
    }
    for file in plan.files.iter().filter(|f| f.state != FileState::Same) {
        means
            .journal
            .begin(Step::WriteFile(file.path.clone()), None);
        let written = write_one(means.out, file)?;
        means.journal.end(match written {
            Written::Created => "created".into(),
            Written::Unchanged => "already right".into(),
            Written::Replaced(old) => format!("replaced; the old one is {}", old.display()),
        });
    }
    if means.target.is_some() && !plan.seed.is_empty() {
        keep_offsets_file(means)?;
    }
    Ok(())
}

/// The folder in which old values are kept.
pub(super) fn backup_folder(out: &Path) -> std::path::PathBuf {
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

fn write_one(out: &Path, file: &FileChange) -> Result<Written, FileError> {
    let path = out.join(&file.path);
    if let Ok(old) = fs::read(&path)
        && old != file.after
    {
        let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = file.path.extension().unwrap_or_default().to_string_lossy();
        back_up(&backup_folder(out), &stem, &extension, &old)?;
    }
    replace(&path, &file.after, file.secret)
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
