//! Scripts: what happens to a machine and what it must do, as text that an operator can review.
//!
//! ```text
//! # Comments and empty lines stay where they are.
//! with protocol=eager              a new machine with these settings, at time 0
//! at 0 ms: poll                    what happens
//! expect find-coordinator #1       what the machine does, a line each, in order
//! state Unjoined deadline=none     where it then is
//! ```
//!
//! The lines `expect` and `state` are what the run is compared with; `BLESS=1` writes those of the run.

use std::fmt::Write as _;
use std::path::Path;

/// A machine that understands the lines of a script.
pub(crate) trait Machine: Sized {
    /// Returns a machine with the settings of the line `with`, empty when there is none.
    fn with(settings: &Words) -> Self;

    /// Lets something happen and returns what the machine does.
    fn step(&mut self, now: u64, event: &Words) -> Vec<String>;

    /// Returns where the machine is.
    fn state(&self) -> String;
}

/// A line in words: `name`, `key=value`, `key=[several words]`, `#7`.
#[derive(Debug, Default)]
pub(crate) struct Words {
    line: String,
    words: Vec<String>,
}

impl Words {
    fn of(line: &str) -> Self {
        let mut words = vec![String::new()];
        let mut depth = 0_usize;
        for letter in line.trim().chars() {
            match letter {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            match words.last_mut() {
                Some(word) if letter != ' ' || depth > 0 => word.push(letter),
                Some(word) if word.is_empty() => {}
                _ => words.push(String::new()),
            }
        }
        Self {
            line: line.trim().to_owned(),
            words,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.words[0]
    }

    /// Returns the words after the first.
    pub(crate) fn rest(&self) -> &str {
        self.line.split_once(' ').map_or("", |(_, rest)| rest)
    }

    /// Returns the value of `key=value`, without the brackets around it.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let value = self
            .words
            .iter()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))?;
        let inner = value.strip_prefix('[').and_then(|v| v.strip_suffix(']'));
        Some(inner.unwrap_or(value))
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        let text = self.get(key)?;
        let number = text.parse().ok();
        assert!(number.is_some(), "{key} is not a number in '{}'", self.line);
        number
    }

    /// Returns the number of the first word `#7`.
    pub(crate) fn reference(&self) -> u64 {
        self.words
            .iter()
            .find_map(|word| word.strip_prefix('#')?.parse().ok())
            .unwrap_or_else(|| panic!("no # in '{}'", self.line))
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    pub(crate) fn unknown(&self) -> ! {
        panic!("the script says '{}', which means nothing", self.line)
    }
}

/// Runs every script of a folder; panics with the differences of all that differ.
pub(crate) fn run_all<M: Machine>(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/scripts")
        .join(folder);
    let mut different = String::new();
    let mut scripts = 0;
    let mut entries: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of scripts")
        .map(|entry| entry.expect("the folder of scripts").path())
        .collect();
    entries.sort();
    for path in entries
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "script"))
    {
        scripts += 1;
        let text = std::fs::read_to_string(path).expect("scripts are UTF-8");
        let ran = run::<M>(&text);
        if ran == text {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, ran).expect("scripts are writable");
            continue;
        }
        let diff = similar::TextDiff::from_lines(&text, &ran);
        let diff = diff.unified_diff().context_radius(4).to_string();
        writeln!(different, "{}\n{diff}", path.display()).expect("a String takes everything");
    }
    assert!(scripts > 0, "no scripts in {}", folder.display());
    assert!(
        different.is_empty(),
        "{different}\nBLESS=1 rewrites what is expected: read it before it is committed"
    );
}

/// Returns the script with what the machine did in place of what was expected.
fn run<M: Machine>(script: &str) -> String {
    let mut ran = String::new();
    let mut machine: Option<M> = None;
    let mut now = 0;
    for line in script.lines() {
        if line.starts_with("expect ") || line.starts_with("state ") {
            continue;
        }
        ran.push_str(line);
        ran.push('\n');
        if let Some(settings) = line.strip_prefix("with") {
            machine = Some(M::with(&Words::of(settings)));
            now = 0;
        } else if let Some(event) = line.strip_prefix("at ") {
            let (at, event) = event
                .split_once(" ms: ")
                .unwrap_or_else(|| panic!("'{line}' has no time"));
            let at = at.parse().expect("times are numbers");
            assert!(at >= now, "'{line}' goes back in time");
            now = at;
            let machine = machine.get_or_insert_with(|| M::with(&Words::default()));
            for action in machine.step(now, &Words::of(event)) {
                writeln!(ran, "expect {action}").expect("a String takes everything");
            }
            writeln!(ran, "state {}", machine.state()).expect("a String takes everything");
        } else {
            let is_prose = line.is_empty() || line.starts_with('#');
            assert!(is_prose, "'{line}' means nothing");
        }
    }
    ran
}
