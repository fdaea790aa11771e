//! The converters of a task: the connector's own, or the worker's.

use indexmap::IndexMap;

use crate::connect::{Converter, ConverterError, HeaderConverter, converter, header_converter};
use crate::model::properties::Properties;

/// How records become bytes and bytes records.
#[derive(Debug)]
pub(super) struct Converters {
    pub(super) key: Converter,
    pub(super) value: Converter,
    pub(super) header: HeaderConverter,
    /// Java's class of each, for the context of errors.
    pub(super) classes: Classes,
}

#[derive(Debug, Clone)]
pub(super) struct Classes {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) header: String,
}

const SIMPLE_HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

impl Converters {
    pub(super) fn of(
        worker: &Properties,
        connector: &IndexMap<String, String>,
    ) -> Result<Self, ConverterError> {
        let (key, key_settings) = configured("key.converter", worker, connector);
        let (value, value_settings) = configured("value.converter", worker, connector);
        let (header, header_settings) = configured("header.converter", worker, connector);
        let header = if header.is_empty() {
            SIMPLE_HEADER_CONVERTER.to_owned()
        } else {
            header
        };
        Ok(Self {
            key: converter(&key, &key_settings, true)?,
            value: converter(&value, &value_settings, false)?,
            header: header_converter(&header, &header_settings)?,
            classes: Classes { key, value, header },
        })
    }
}

/// Returns which converters cannot be used, by the setting that names them.
pub(in crate::io) fn converter_errors(
    worker: &Properties,
    connector: &IndexMap<String, String>,
) -> Vec<(&'static str, ConverterError)> {
    let converters = [("key.converter", true), ("value.converter", false)];
    let mut errors: Vec<_> = converters
        .into_iter()
        .filter_map(|(which, is_key)| {
            let (class, settings) = configured(which, worker, connector);
            Some((which, converter(&class, &settings, is_key).err()?))
        })
        .collect();
    let (class, settings) = configured("header.converter", worker, connector);
    let class = if class.is_empty() {
        SIMPLE_HEADER_CONVERTER
    } else {
        &class
    };
    let header = header_converter(class, &settings).err();
    errors.extend(header.map(|error| ("header.converter", error)));
    errors
}

/// Returns class and settings: those of the connector when it names a class, else those of the worker.
fn configured(
    which: &str,
    worker: &Properties,
    connector: &IndexMap<String, String>,
) -> (String, IndexMap<String, String>) {
    let own = connector
        .get(which)
        .filter(|class| !class.trim().is_empty());
    let (class, from) = match own {
        Some(class) => (Some(class), connector),
        None => (worker.get(which), worker),
    };
    let prefix = format!("{which}.");
    let settings = from.iter().filter_map(|(key, value)| {
        let key = key.strip_prefix(&prefix)?;
        Some((key.to_owned(), value.clone()))
    });
    // As `ConfigDef` reads a class.
    let class = class.map(|class| class.trim().to_owned());
    (class.unwrap_or_default(), settings.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_around_a_class_do_not_count() {
        let class = " org.apache.kafka.connect.storage.StringConverter\t";
        let names = ["key.converter", "value.converter", "header.converter"];
        let header = " org.apache.kafka.connect.storage.SimpleHeaderConverter ";
        let classes = names.map(|name| {
            let class = if name.starts_with('h') { header } else { class };
            (name.to_owned(), class.to_owned())
        });
        let config: IndexMap<String, String> = classes.into_iter().collect();
        let nothing = IndexMap::new();
        assert!(converter_errors(&nothing, &config).is_empty());
        assert!(converter_errors(&config, &nothing).is_empty());
        let converters = Converters::of(&config, &nothing).unwrap();
        assert_eq!(converters.classes.key, class.trim());
    }
}
