//! Data on stdout, narration on stderr, questions only on a terminal.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use super::args::{ColorChoice, Global};
use super::error::{CliError, Kind};
use super::question;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// The user's terminal, or whatever stands in its place.
#[derive(Debug, Clone)]
pub struct Ui {
    color: anstream::ColorChoice,
}

impl Ui {
    pub fn new(global: &Global) -> Self {
        let color = match global.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        Self { color }
    }

    /// Writes data to stdout. Styles are kept or stripped by `--color`, `NO_COLOR` and `TERM`.
    pub fn data(&self, text: &str) -> Result<(), CliError> {
        let mut out = anstream::AutoStream::new(std::io::stdout().lock(), self.color);
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // `connectctl … | head` is not a failure.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    /// Says one line of narration on stderr.
    pub fn note(&self, line: &str) {
        self.say(format_args!("{line}"));
    }

    pub fn warning(&self, line: &str) {
        self.say(format_args!("{WARNING}warning:{WARNING:#} {line}"));
    }

    pub fn error(&self, error: &CliError) {
        if error.kind == Kind::Interrupted && std::io::stderr().is_terminal() {
            // The cursor stands behind the question, or behind the terminal's ^C.
            self.note("");
        }
        self.say(format_args!(
            "{ERROR}error:{ERROR:#} {}",
            chain(&error.error)
        ));
        for hint in &error.hints {
            self.say(format_args!("{HINT}hint:{HINT:#} {hint}"));
        }
    }

    /// Returns the columns that prose on stdout may take: those of the terminal, of a very wide one only so many as are
    /// read with ease; `None` where it goes to a file or a program.
    pub fn width(&self) -> Option<usize> {
        columns(&console::Term::stdout())
    }

    /// As [`Ui::width`], for stderr.
    pub fn note_width(&self) -> Option<usize> {
        columns(&console::Term::stderr())
    }

    /// Returns whether a question can be asked.
    pub fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks a yes/no question on the terminal; the answer to a bare Enter is no.
    ///
    /// The caller has made sure that [`Ui::can_ask`].
    pub async fn confirm(&self, question: &str) -> Result<bool, CliError> {
        let question = question.to_owned();
        let asked = tokio::task::spawn_blocking(move || question::ask(&question)).await;
        Ok(asked.map_err(anyhow::Error::from)??)
    }

    fn say(&self, line: std::fmt::Arguments<'_>) {
        let mut err = anstream::AutoStream::new(std::io::stderr().lock(), self.color);
        // Nothing is left to tell the user with when stderr itself is gone.
        drop(writeln!(err, "{line}"));
    }
}

fn columns(terminal: &console::Term) -> Option<usize> {
    const NARROWEST: usize = 40;
    const WIDEST: usize = 120;
    let (_rows, columns) = terminal.is_term().then(|| terminal.size_checked())??;
    Some(usize::from(columns).clamp(NARROWEST, WIDEST))
}

/// Returns the error and its causes in one line; a cause that the text before it has said already is not repeated.
pub(super) fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow::anyhow!("disk full")
            .context("f: disk full")
            .context("offsets");
        assert_eq!(chain(&error), "offsets: f: disk full");
    }
}
