//! The plan for the eye (one page) and for programs (JSON). Secrets are hidden in both.

mod connectors;
mod findings;
mod json;
mod page;
mod seed;

pub use json::json;
pub use page::text;
pub use seed::seed;

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

const HEADING: Style = Style::new().bold();
const REMOVED: Style = AnsiColor::Red.on_default();
const ADDED: Style = AnsiColor::Green.on_default();
const FAINT: Style = Style::new().dimmed();
const BLOCK: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// A page under construction; styles are stripped by whoever prints it, where colour is not wanted.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn heading(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(format_args!("{HEADING}{title}{HEADING:#}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("writing to a String never fails");
    }

    fn styled(&mut self, style: Style, line: &str) {
        self.line(format_args!("{style}{}{style:#}", visible(line)));
    }
}

/// Control characters of names and files as escapes, so that they cannot move the cursor or change a colour.
fn visible(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .flat_map(|c| {
            let escaped: Vec<char> = if c.is_control() && c != '\t' {
                c.escape_unicode().collect()
            } else {
                vec![c]
            };
            escaped
        })
        .collect()
}

/// `1 connector`, `2 connectors`.
fn count(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    let noun = match noun.strip_suffix('y') {
        Some(stem) if number != 1 => format!("{stem}ie"),
        _ => noun.to_owned(),
    };
    format!("{number} {noun}{s}")
}
