//! How the workers of a file read their topics and where their sources have theirs, with references to config providers resolved.

use crate::io::kafka::settings::SettingsError;
use crate::io::providers;
use crate::model::properties::Properties;
use crate::model::worker_config::{Isolations, SourceStores};

/// Returns how the workers of this file read their topics.
///
/// # Errors
/// A reference that does not resolve, or a level with which no worker starts.
pub fn isolations(worker: &Properties) -> Result<Isolations, SettingsError> {
    let resolved = providers::resolve_where(worker, |key| Isolations::KEYS.contains(&key))?;
    Isolations::of(&resolved).map_err(|key| SettingsError::Invalid {
        key: key.to_owned(),
        value: resolved.get(key).cloned().unwrap_or_default(),
        reason: "is not one of read_uncommitted, read_committed".to_owned(),
        hint: Some("No worker starts with it.".to_owned()),
    })
}

/// Returns where the sources of this file's workers keep their positions.
///
/// # Errors
/// A reference that does not resolve.
pub fn source_stores(worker: &Properties) -> Result<SourceStores, SettingsError> {
    let resolved = providers::resolve_where(worker, SourceStores::asks_for)?;
    Ok(SourceStores::of(&resolved))
}
