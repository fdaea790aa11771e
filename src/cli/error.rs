//! Failures with a kind, which is the exit code, and a hint, which is what to type next.

use std::process::ExitCode;

/// The exit codes of `docs/exit-codes.md`, for failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 1: failed.
    Failed,
    /// 2: wrong usage.
    Usage,
    /// 4: applied, but verification failed, or unhealthy.
    Unverified,
    /// 5: refused by a safety gate, nothing changed.
    Refused,
    /// 130: Ctrl-C.
    Interrupted,
}

impl Kind {
    pub fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unverified => 4,
            Self::Refused => 5,
            Self::Interrupted => 130,
        })
    }
}

/// How a command ended when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 0: done, or nothing to do.
    Done,
    /// 3: changes pending (`--dry-run`, `diff`, `check`).
    Pending,
}

impl Outcome {
    pub fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Pending => 3,
        })
    }
}

/// What failed, where, why, and what to type next.
#[derive(Debug)]
pub struct CliError {
    pub kind: Kind,
    pub error: anyhow::Error,
    pub hints: Vec<String>,
}

impl CliError {
    pub fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// Adds what to type next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Anything that is not given a kind has failed (1).
impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Kind::Failed, error)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::new(Kind::Failed, error)
    }
}
