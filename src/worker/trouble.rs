//! What stands in the way, with what to do about it.

use std::fmt;

/// Why something failed or is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// A sentence fragment.
    pub what: String,
    /// What to do about it, as a sentence, where that is known.
    pub hint: Option<String>,
}

impl Trouble {
    /// Returns it with other words and the same hint.
    #[must_use]
    pub fn told(self, tell: impl FnOnce(String) -> String) -> Self {
        Self {
            what: tell(self.what),
            ..self
        }
    }
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Self { what, hint: None }
    }
}

impl From<&str> for Trouble {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
