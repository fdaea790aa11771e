//! The machines of the worker run the scripts of `fixtures/scripts`; see `script_worker/script.rs` for what a script says.

mod assignor;
mod config_log;
mod herder;
mod member;
mod script;

use connectctl::protocol::connect_group::{CONNECTOR_TASK, Work};

/// Reads `a a-0 a-1 b`: connectors, and tasks by a number at the end.
fn work(text: &str) -> Work {
    text.split_whitespace()
        .map(|item| match item.rsplit_once('-') {
            Some((name, task)) if task.parse::<i32>().is_ok() => {
                (name, task.parse().expect("it is a number"))
            }
            _ => (item, CONNECTOR_TASK),
        })
        .collect()
}
