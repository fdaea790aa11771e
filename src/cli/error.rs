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
        self.hints.push(in_one_voice(&hint.into()));
        self
    }
}

/// Begins a hint with a small letter and ends it without a period, wherever it was written; what is spelt with a capital, or
/// has more than one sentence, stays so.
fn in_one_voice(hint: &str) -> String {
    const NAMES: [&str; 4] = ["Kafka", "Connect", "Kubernetes", "Java"];
    let first = hint.split([' ', ',', '\'', ':']).next().unwrap_or_default();
    let (initial, rest) = first.split_at_checked(1).unwrap_or_default();
    let is_word = initial.chars().all(|c| c.is_ascii_uppercase())
        && rest.chars().all(|c| c.is_ascii_lowercase())
        && !hint[first.len()..].starts_with(':');
    let mut text = hint.to_owned();
    if is_word && !NAMES.contains(&first) {
        text.replace_range(..initial.len(), &initial.to_ascii_lowercase());
    }
    if !text.contains(". ") && text.ends_with('.') && !text.ends_with("..") {
        text.pop();
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_begin_small_and_end_without_a_period() {
        for (written, shown) in [
            ("Check the port.", "check the port"),
            ("check the port", "check the port"),
            (
                "Kafka 2.8 to 4.x are supported.",
                "Kafka 2.8 to 4.x are supported",
            ),
            ("HmacSHA1 is one.", "HmacSHA1 is one"),
            ("User:bob lacks Read", "User:bob lacks Read"),
            ("Stop it. Then go on.", "stop it. Then go on."),
            (
                "A list of WORKER CONNECTOR...",
                "a list of WORKER CONNECTOR...",
            ),
            ("", ""),
            ("é.", "é"),
        ] {
            assert_eq!(in_one_voice(written), shown);
        }
    }
}
