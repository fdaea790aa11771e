//! A yes/no question on the terminal, answered with a line.

use std::io::{BufRead as _, Write as _};

use rustix::termios::{QueueSelector, tcflush};

/// Asks until a line says yes or no; an empty line and the end of the input are a no.
///
/// The terminal stays in the mode in which it is: whatever ends the program here (Ctrl-C, SIGTERM) leaves no cursor hidden
/// and no echo off, and what was typed goes nowhere else.
pub(super) fn ask(question: &str) -> std::io::Result<bool> {
    loop {
        // What was typed or pasted before the question is no answer to it.
        let _at_worst = tcflush(std::io::stdin(), QueueSelector::IFlush);
        say(&format!("{question} [y/N] "))?;
        let mut line = Vec::new();
        if std::io::stdin().lock().read_until(b'\n', &mut line)? == 0 {
            say("\n")?;
            return Ok(false);
        }
        match answer(&String::from_utf8_lossy(&line)) {
            Some(answer) => return Ok(answer),
            None => say("y or n, please, and Enter.\n")?,
        }
    }
}

fn say(text: &str) -> std::io::Result<()> {
    let mut terminal = std::io::stderr().lock();
    terminal.write_all(text.as_bytes())?;
    terminal.flush()
}

/// Returns what a line answers, if it does.
fn answer(line: &str) -> Option<bool> {
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_word_is_an_answer() {
        for yes in ["y\n", "Y\r\n", " yes \n", "YES"] {
            assert_eq!(answer(yes), Some(true), "{yes:?}");
        }
        for no in ["\n", "n\n", "No\n", ""] {
            assert_eq!(answer(no), Some(false), "{no:?}");
        }
        for neither in [
            "maybe\n",
            "not yet\n",
            "yn\n",
            "y n\n",
            "j\n",
            "\u{fffd}y\n",
        ] {
            assert_eq!(answer(neither), None, "{neither:?}");
        }
    }
}
