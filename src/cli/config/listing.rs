//! Settings in every form of `-o`.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::Serialize;

use super::ConfigFormat;
use crate::cli::args::Format;
use crate::cli::error::CliError;
use crate::cli::listing::{self, Listing};
use crate::cli::output::Ui;
use crate::cli::table::table;
use crate::model::properties::{escaped_key, escaped_value};
use crate::model::secrets;
use crate::model::worker_config::{Mode, setting};

/// One setting as Connect reads it.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: String,
    /// `None` where JSON says `null`.
    pub(super) value: Option<String>,
    /// From 1; `None` in JSON.
    pub(super) line: Option<usize>,
}

pub(super) struct Settings {
    pub(super) settings: Vec<Setting>,
    pub(super) show_secrets: bool,
}

impl Settings {
    pub(super) fn print(&self, ui: &Ui, format: ConfigFormat) -> Result<(), CliError> {
        let format = match format {
            ConfigFormat::Properties => return ui.data(&self.properties()),
            ConfigFormat::Table => Format::Table,
            ConfigFormat::Wide => Format::Wide,
            ConfigFormat::Json => Format::Json,
            ConfigFormat::Yaml => Format::Yaml,
            ConfigFormat::Name => Format::Name,
        };
        listing::print(ui, format, self)
    }

    fn properties(&self) -> String {
        let mut lines = String::new();
        for setting in &self.settings {
            if let Some(value) = self.shown(setting) {
                lines += &escaped_key(&setting.key);
                lines.push('=');
                lines += &escaped_value(&value);
                lines.push('\n');
            }
        }
        lines
    }

    fn shown<'a>(&self, setting: &'a Setting) -> Option<Cow<'a, str>> {
        let value = setting.value.as_deref()?;
        Some(if self.show_secrets {
            Cow::Borrowed(value)
        } else {
            secrets::shown(&setting.key, value)
        })
    }

    fn shown_or_null(&self, setting: &Setting) -> String {
        self.shown(setting)
            .map_or_else(|| "null".to_owned(), Cow::into_owned)
    }
}

impl Listing for Settings {
    /// An object of the settings, in the order of the file.
    fn document(&self) -> impl Serialize {
        self.settings
            .iter()
            .map(|setting| (setting.key.as_str(), self.shown(setting)))
            .collect::<IndexMap<_, _>>()
    }

    fn table(&self, wide: bool) -> String {
        if !wide {
            let rows = self.settings.iter();
            return table(
                ["key", "value"],
                rows.map(|setting| [setting.key.clone(), self.shown_or_null(setting)]),
            );
        }
        table(
            ["line", "worker", "key", "value"],
            self.settings.iter().map(|setting| {
                [
                    setting
                        .line
                        .map_or_else(|| "-".to_owned(), |n| n.to_string()),
                    worker_that_defines(&setting.key).to_owned(),
                    setting.key.clone(),
                    self.shown_or_null(setting),
                ]
            }),
        )
    }

    fn names(&self) -> Vec<String> {
        self.settings
            .iter()
            .map(|setting| setting.key.clone())
            .collect()
    }
}

fn worker_that_defines(key: &str) -> &'static str {
    match setting(key).map(|setting| setting.mode) {
        Some(Mode::Standalone) => "standalone",
        Some(Mode::Both) => "both",
        Some(Mode::Distributed) => "distributed",
        None => "-",
    }
}
