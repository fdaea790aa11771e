//! A promise and its verdict, as the report has them.

use serde::Serialize;

/// One promise of the migration and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli::migrate) struct Promise {
    #[serde(rename = "promise")]
    pub(in crate::cli::migrate) name: &'static str,
    pub(in crate::cli::migrate) verdict: Verdict,
    pub(in crate::cli::migrate) detail: String,
    /// What to do about a broken promise, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli::migrate) hint: Option<String>,
    /// Milliseconds that it took, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli::migrate) ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cli::migrate) enum Verdict {
    Kept,
    Broken,
    NotPerformed,
    /// It was looked at, and what would tell may not be read.
    NotKnown,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kept => "kept",
            Self::Broken => "BROKEN",
            Self::NotPerformed => "not performed",
            Self::NotKnown => "not known",
        })
    }
}

impl Promise {
    fn new(name: &'static str, verdict: Verdict, detail: String) -> Self {
        Self {
            name,
            verdict,
            detail,
            hint: None,
            ms: None,
        }
    }
}

pub(super) fn kept(promise: &'static str, detail: String) -> Promise {
    Promise::new(promise, Verdict::Kept, detail)
}

pub(super) fn broken(promise: &'static str, detail: String) -> Promise {
    Promise::new(promise, Verdict::Broken, detail)
}

pub(super) fn not_performed(promise: &'static str, detail: &str) -> Promise {
    Promise::new(promise, Verdict::NotPerformed, detail.to_owned())
}

pub(super) fn not_known(promise: &'static str, detail: String) -> Promise {
    Promise::new(promise, Verdict::NotKnown, detail)
}
