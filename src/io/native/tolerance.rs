//! What a task does about a record that cannot be converted or written (`RetryWithToleranceOperator`).

use indexmap::IndexMap;

/// Options `errors.*` of a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tolerance {
    /// `errors.tolerance=all`: the record is left out.
    pub(super) all: bool,
    /// `errors.log.enable`.
    pub(super) log: bool,
}

impl Tolerance {
    pub(super) fn of(config: &IndexMap<String, String>) -> Self {
        let is = |key: &str, wanted: &str| {
            config
                .get(key)
                .is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
        };
        Self {
            all: is("errors.tolerance", "all"),
            log: is("errors.log.enable", "true"),
        }
    }
}

/// Where a record failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    KeyConverter,
    ValueConverter,
    HeaderConverter,
    KafkaProduce,
}

impl Stage {
    /// Returns the name of Connect's enum `Stage`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::KafkaProduce => "KAFKA_PRODUCE",
        }
    }
}
