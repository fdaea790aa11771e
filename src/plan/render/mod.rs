//! The plan for the eye (one page) and for programs (JSON). Secrets are hidden in both.

mod connectors;
mod findings;
mod json;
mod page;
mod seed;
mod summary;

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
    /// Columns of the terminal; `None`: lines are as long as they are, for files and programs.
    width: Option<usize>,
}

impl Page {
    fn heading(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(format_args!("{HEADING}{title}{HEADING:#}"));
    }

    /// Adds prose, wrapped where the terminal ends. Words are not broken: they may be paths or commands.
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        push_line(&mut self.text, &line.to_string(), self.width);
    }

    /// Adds a line of a file, which is never wrapped.
    fn verbatim(&mut self, style: Style, line: &str) {
        writeln!(self.text, "{style}{}{style:#}", visible(line))
            .expect("writing to a String never fails");
    }

    fn styled(&mut self, style: Style, line: &str) {
        self.line(format_args!("{style}{}{style:#}", visible(line)));
    }
}

/// Adds a line of prose, wrapped at `width` columns with its own indent and two more. Words are not broken.
pub fn push_line(text: &mut String, line: &str, width: Option<usize>) {
    let Some(width) = width else {
        text.push_str(line);
        text.push('\n');
        return;
    };
    let words = line.trim_start_matches(' ');
    let mut hang = line.len() - words.len() + 2;
    if without_style(words).starts_with(ARROW) {
        hang += 1;
    }
    let hang = " ".repeat(hang);
    let options = textwrap::Options::new(width)
        .subsequent_indent(&hang)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    for part in textwrap::wrap(line, options) {
        text.push_str(part.trim_end());
        text.push('\n');
    }
}

/// Before what to do about a finding. ASCII, for terminals that know nothing else.
const ARROW: &str = "-> ";

/// Skips the style in front of a text.
fn without_style(text: &str) -> &str {
    match text.strip_prefix('\u{1b}') {
        Some(styled) => styled.split_once('m').map_or(text, |(_, rest)| rest),
        None => text,
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
pub(crate) fn count(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    let noun = match noun.strip_suffix('y') {
        Some(stem) if number != 1 => format!("{stem}ie"),
        _ => noun.to_owned(),
    };
    format!("{number} {noun}{s}")
}
