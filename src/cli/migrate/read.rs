//! Reading the standalone deployment: files with their hashes, and the running worker when it is asked for.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use serde::Serialize;

use super::args::Migrate;
use crate::cli::capture::INVENTORY;
use crate::cli::connect::{document, file_failed, rest_failed};
use crate::cli::error::{CliError, Kind};
use crate::io::files::{self, InputFile};
use crate::io::{offset_store, sink_consumers, standalone};
use crate::model::connector_config::{self, ConnectorConfig};
use crate::model::properties::{Document, Properties};
use crate::model::worker_config::{self, Followed};
use crate::plan::{
    Connector, DamagedOffsets, Deployment, OffsetsFile, OffsetsInput, RunningWorker, WorkerFile,
};

/// Names the offsets file in a standalone worker file.
pub(super) const OFFSETS_FILE_KEY: &str = "offset.storage.file.filename";

/// The deployment and the files it was read from.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) deployment: Deployment,
    pub(super) files: Vec<ReadFile>,
}

/// A file as it was read, to be compared with a later reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ReadFile {
    pub(super) role: Role,
    /// Absolute.
    pub(super) path: PathBuf,
    /// `None`: the file does not exist.
    pub(super) sha256: Option<String>,
    /// Bytes.
    pub(super) length: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Worker,
    Connector,
    Offsets,
}

/// Reads everything that the command line names.
pub(super) async fn read(args: &Migrate, timeout: Duration) -> Result<Inputs, CliError> {
    let (worker_file, document) = worker(&args.worker)?;
    let mut files = vec![read_file(Role::Worker, &worker_file)];
    let mut connectors = Vec::new();
    for path in &args.connectors {
        let file = files::read(path, files::LARGEST_CONFIG).map_err(file_failed)?;
        files.push(read_file(Role::Connector, &file));
        connectors.push(connector(&file)?);
    }
    let running = running(args, &document.to_map(), timeout).await?;
    let offsets = offsets(args, &document, &mut files)?;
    let copied = copied(&document, &offsets);
    let followed = followed(args, &document.to_map(), &connectors, running.as_ref());
    let worker = WorkerFile {
        path: worker_file.path,
        sha256: worker_file.sha256,
        document,
    };
    Ok(Inputs {
        deployment: Deployment {
            worker,
            connectors,
            offsets,
            copied,
            running,
            followed,
        },
        files,
    })
}

/// Follows what decides about the consumers of sinks, before the move and after it.
fn followed(
    args: &Migrate,
    worker: &Properties,
    connectors: &[Connector],
    running: Option<&RunningWorker>,
) -> Followed {
    let set = &args.target.set;
    // By other providers a reference of the standalone worker may stand for something else.
    if set
        .iter()
        .any(|(key, _)| key.starts_with("config.providers"))
    {
        return Followed::default();
    }
    let of_files = connectors.iter().flat_map(|c| &c.config.config);
    let of_files = of_files.filter_map(|(key, value)| Some((key, value.as_ref()?)));
    let running = running.into_iter().flat_map(|running| &running.connectors);
    let of_running = running.flat_map(|connector| &connector.config);
    let mut followed = sink_consumers::followed(worker, of_files.chain(of_running));
    let mut target = worker.clone();
    target.extend(set.iter().cloned());
    followed
        .worker
        .extend(sink_consumers::followed(&target, []).worker);
    followed
}

fn worker(path: &Path) -> Result<(InputFile, Document), CliError> {
    let file = files::read(path, files::LARGEST_CONFIG).map_err(file_failed)?;
    if file.bytes.is_empty() {
        return Err(failed(&file.path, "the worker file is empty")
            .hint("give the file that connect-standalone.sh is started with"));
    }
    refuse_binary(&file, "worker")?;
    let document = document(&file)?;
    let is_json = file.bytes.trim_ascii_start().first() == Some(&b'{');
    if is_json || document.get("connector.class").is_some() {
        return Err(failed(&file.path, "is a connector's file, not a worker's").hint(ORDER));
    }
    Ok((file, document))
}

/// Reads a connector file as Connect does.
pub(in crate::cli) fn connector(file: &InputFile) -> Result<Connector, CliError> {
    if file.bytes.is_empty() {
        return Err(failed(&file.path, "the connector file is empty")
            .hint("give the connector's properties or JSON file"));
    }
    refuse_binary(file, "connector")?;
    if Document::parse(&file.bytes).is_ok_and(|d| {
        d.get("bootstrap.servers").is_some() && worker_config::is_worker(&d.to_map())
    }) {
        return Err(failed(&file.path, "is a worker's file, not a connector's").hint(ORDER));
    }
    let config: ConnectorConfig = connector_config::parse(&file.bytes).map_err(|e| {
        let error = anyhow::Error::from(e).context(file.path.display().to_string());
        CliError::new(Kind::Failed, error)
            .hint("connectctl config show FILE prints what Connect reads from it")
    })?;
    Ok(Connector {
        config,
        path: file.path.clone(),
        sha256: Some(file.sha256.clone()),
    })
}

/// A file with NUL bytes is no text: UTF-16, an archive, or the offsets file in the wrong place.
fn refuse_binary(file: &InputFile, role: &str) -> Result<(), CliError> {
    let Some(at) = file.bytes.iter().position(|byte| *byte == 0) else {
        return Ok(());
    };
    let what = format!(
        "is not a {role} file: byte {} is NUL, so this is not text",
        at + 1
    );
    Err(failed(&file.path, &what).hint(ORDER))
}

/// What to look at when a file stands where another belongs.
const ORDER: &str = "the worker's file comes first, then the connectors': WORKER CONNECTOR...";

fn offsets(
    args: &Migrate,
    worker: &Document,
    files: &mut Vec<ReadFile>,
) -> Result<OffsetsInput, CliError> {
    if args.source.no_offsets {
        return Ok(OffsetsInput::Declined);
    }
    let named = args.source.offsets.clone();
    let path = named
        .clone()
        .or_else(|| worker.get(OFFSETS_FILE_KEY).map(PathBuf::from))
        .unwrap_or_default();
    if path.as_os_str().is_empty() {
        return Ok(OffsetsInput::Missing(path));
    }
    let file = match files::read(&path, files::LARGEST_OFFSETS) {
        Ok(file) => file,
        Err(error) if error.is_missing() && named.is_none() => {
            files.push(ReadFile {
                role: Role::Offsets,
                path: error.path.clone(),
                sha256: None,
                length: 0,
            });
            return Ok(OffsetsInput::Missing(error.path));
        }
        Err(error) => return Err(file_failed(error)),
    };
    files.push(read_file(Role::Offsets, &file));
    Ok(parsed_offsets(&file))
}

/// An empty file has no entries, and a damaged one may have had some: the plan decides whether that can be.
fn parsed_offsets(file: &InputFile) -> OffsetsInput {
    if file.bytes.is_empty() {
        return OffsetsInput::File(OffsetsFile {
            path: file.path.clone(),
            sha256: file.sha256.clone(),
            length: 0,
            age_ms: file.age_ms(SystemTime::now()),
            trailing: 0,
            entries: Vec::new(),
        });
    }
    match offset_store::parse(file) {
        Ok(parsed) => OffsetsInput::File(parsed),
        Err(error) => OffsetsInput::Damaged(DamagedOffsets {
            path: file.path.clone(),
            sha256: file.sha256.clone(),
            length: file.length(),
            age_ms: file.age_ms(SystemTime::now()),
            why: error.to_string(),
            remedy: error.hint().unwrap_or_default(),
        }),
    }
}

/// Returns why an offsets file is not the one that this worker writes, as far as can be told from here.
///
/// A copy is as old as the copying, whatever the worker does: of a pod, or of another host.
fn copied(worker: &Document, offsets: &OffsetsInput) -> Option<String> {
    let OffsetsInput::File(OffsetsFile { path, .. }) = offsets else {
        return None;
    };
    let shown = path.display();
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let is_captured = |path: &Path| path.with_file_name(INVENTORY).exists();
    if is_captured(path) || is_captured(&real) {
        return Some(format!("{shown} was saved by connectctl capture"));
    }
    let Some(named) = worker.get(OFFSETS_FILE_KEY).map(Path::new) else {
        return Some(format!(
            "the worker file does not say that {shown} is its own"
        ));
    };
    if named.is_relative() {
        return Some(format!(
            "{OFFSETS_FILE_KEY}={} goes by the folder in which the worker was started, which is not known here",
            named.display()
        ));
    }
    let is_own = std::fs::canonicalize(named).is_ok_and(|named| named == real);
    (!is_own).then(|| {
        format!(
            "{shown} is another file than the worker's {}",
            named.display()
        )
    })
}

async fn running(
    args: &Migrate,
    worker: &Properties,
    timeout: Duration,
) -> Result<Option<RunningWorker>, CliError> {
    let mut found = None;
    for url in &args.source.source_url {
        let url = std::slice::from_ref(url);
        let rest = args.rest.flags.client(url, Some(worker), timeout)?;
        let worker = standalone::inventory(&rest).await.map_err(|error| {
            rest_failed(error).hint(
                "if the standalone worker is stopped by now, leave --source-url away and give its connector files, or those that `connectctl capture` saved",
            )
        })?;
        found = Some(match found {
            None => worker,
            Some(first) => standalone::merged(first, worker),
        });
    }
    Ok(found)
}

fn read_file(role: Role, file: &InputFile) -> ReadFile {
    ReadFile {
        role,
        path: file.path.clone(),
        sha256: Some(file.sha256.clone()),
        length: file.length(),
    }
}

fn failed(path: &Path, what: &str) -> CliError {
    CliError::new(Kind::Failed, anyhow!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why the file at `path` is not the one of a worker whose file has this line; `None`: it is.
    fn why(line: &str, path: &Path) -> Option<String> {
        let worker = Document::parse(line.as_bytes()).expect("readable");
        let file = files::read(path, 9).expect("it is there");
        copied(&worker, &parsed_offsets(&file))
    }

    #[test]
    fn an_offsets_file_is_the_workers_only_where_the_worker_file_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let [own, copy, link] = ["own", "copy", "link"].map(|name| folder.path().join(name));
        for path in [&own, &copy] {
            std::fs::write(path, "").expect("writable");
        }
        std::os::unix::fs::symlink(&own, &link).expect("a link");
        let names = format!("{OFFSETS_FILE_KEY}={}", own.display());
        assert_eq!(why(&names, &own), None);
        assert_eq!(why(&names, &link), None);
        let says = |line: &str, path: &Path, words: &str| {
            let why = why(line, path).expect("it may be a copy");
            assert!(why.contains(words), "{why}");
        };
        says(&names, &copy, "/copy is another file than the worker's ");
        says("a=b", &own, "does not say");
        says(
            &format!("{OFFSETS_FILE_KEY}=own"),
            &own,
            "=own goes by the folder",
        );
        let gone = format!("{OFFSETS_FILE_KEY}=/no/such/file");
        says(&gone, &own, "another file");
        std::fs::write(folder.path().join(INVENTORY), "{}").expect("writable");
        says(&names, &own, "was saved by connectctl capture");
    }
}
