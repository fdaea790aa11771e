//! What a capture says: files and counts, what is missing, and what to type next.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::Capture;
use super::folder::Folder;
use super::take::Captured;
use crate::cli::args::{ReportFormat, typed_url};
use crate::cli::error::CliError;
use crate::cli::output::Ui;
use crate::model::shell::{quoted, quoted_path};

/// Files that are named one by one; more are counted.
const SHOWN: usize = 12;

pub(super) fn report(
    ui: &Ui,
    args: &Capture,
    captured: &Captured,
    folder: &Folder,
    set_aside: &[PathBuf],
) -> Result<(), CliError> {
    let next = next(args, captured, folder);
    if args.output == ReportFormat::Json {
        let files = folder.files.iter();
        let report = json!({
            "url": captured.worker.url,
            "connectors": captured.worker.connectors.len(),
            "offsets_from": captured.offsets_from,
            "entries": captured.entries,
            "files": files.map(|(path, _)| folder.path(path)).collect::<Vec<_>>(),
            "set_aside": set_aside,
            "written": !args.dry_run,
            "running": captured.running(),
            "gaps": captured.gaps,
            "next": next,
        });
        return ui.data(&crate::cli::listing::json(&report)?);
    }
    ui.data(&text(args, captured, folder))?;
    for path in set_aside {
        ui.note(&format!(
            "of an earlier capture, and no longer there: set aside as {}",
            path.display()
        ));
    }
    for gap in &captured.gaps {
        ui.warning(gap);
    }
    for (name, when) in &captured.earlier.paused {
        ui.note(&format!(
            "{name} was paused ({when}) and will be paused again"
        ));
    }
    let running = captured.running();
    if !running.is_empty() {
        ui.warning(&format!(
            "not stopped, so their positions move on: {}",
            shown(&running)
        ));
    }
    ui.note(&next);
    Ok(())
}

fn text(args: &Capture, captured: &Captured, folder: &Folder) -> String {
    let mut text = String::new();
    let verb = if args.dry_run { "would write" } else { "wrote" };
    let (some, rest) = folder.files.split_at(folder.files.len().min(SHOWN));
    for (path, bytes) in some {
        let path = folder.path(path);
        let _infallible = writeln!(text, "{verb} {} ({} bytes)", path.display(), bytes.len());
    }
    if !rest.is_empty() {
        let _infallible = writeln!(text, "{verb} {} more files", rest.len());
    }
    let _infallible = writeln!(
        text,
        "connectors: {}, offsets: {} (from {})",
        captured.worker.connectors.len(),
        captured.entries,
        captured.offsets_from
    );
    text
}

/// Returns the one thing to do next.
fn next(args: &Capture, captured: &Captured, folder: &Folder) -> String {
    let out = quoted_path(&args.out);
    if !captured.running().is_empty() || args.dry_run {
        let mut words = vec![
            "connectctl capture --source-url".to_owned(),
            quoted(&typed_url(&args.source_url)),
            "--out".to_owned(),
            out,
        ];
        if let Some(path) = &args.offsets {
            words.extend(["--offsets".to_owned(), quoted_path(path)]);
        }
        words.extend(args.rest.words().iter().map(|word| quoted(word)));
        words.push("--stop".to_owned());
        return format!(
            "next, to stop the connectors and save what is final: {}",
            words.join(" ")
        );
    }
    let offsets = folder
        .offsets()
        .map(|path| format!(" --offsets {}", quoted_path(&path)));
    let offsets = offsets.unwrap_or_default();
    // Of several connectors none has the name that the group could take.
    let group = match captured.worker.connectors.len() {
        0 | 1 => "",
        _ => " --group-id NAME",
    };
    format!(
        "next: stop the process, then: connectctl migrate WORKER.properties {out}/connectors/*.json{group}{offsets} --source-stopped"
    )
}

fn shown(names: &[&str]) -> String {
    match names.len() {
        0..=SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}
