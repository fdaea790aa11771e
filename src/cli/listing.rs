//! What `-o` means, for everything that is listed or shown.

use serde::Serialize;

use super::args::Format;
use super::error::CliError;
use super::output::Ui;

/// One thing to list, in every form that `-o` offers.
pub trait Listing {
    /// Returns the document of `-o json` and `-o yaml`.
    fn document(&self) -> impl Serialize;
    /// Returns the text of `-o table` and `-o wide`.
    fn table(&self, wide: bool) -> String;
    /// Returns the lines of `-o name`.
    fn names(&self) -> Vec<String>;
}

/// Prints the listing on stdout in the format asked for.
pub fn print(ui: &Ui, format: Format, listing: &impl Listing) -> Result<(), CliError> {
    let text = match format {
        Format::Table => listing.table(false),
        Format::Wide => listing.table(true),
        Format::Json => json(&listing.document())?,
        Format::Yaml => yaml(&listing.document())?,
        Format::Name => listing
            .names()
            .iter()
            .map(|name| super::table::printable(name) + "\n")
            .collect(),
    };
    ui.data(&text)
}

/// Returns the document as indented JSON with a final line feed.
pub fn json(document: &impl Serialize) -> Result<String, CliError> {
    let mut text = serde_json::to_string_pretty(document).map_err(anyhow::Error::from)?;
    text.push('\n');
    Ok(text)
}

/// Returns the document as YAML.
fn yaml(document: &impl Serialize) -> Result<String, CliError> {
    // Through a JSON value: raw JSON inside the document becomes structure.
    let value = serde_json::to_value(document).map_err(anyhow::Error::from)?;
    Ok(serde_yaml_ng::to_string(&value).map_err(anyhow::Error::from)?)
}
