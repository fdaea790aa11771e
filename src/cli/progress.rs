//! Progress of the steps: a bar where stderr is a terminal, a line per step elsewhere.

use std::io::IsTerminal as _;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::Ui;
use crate::io::apply::Progress;

/// Steps that count fewer than this are over before a bar is read.
const WORTH_A_BAR: usize = 1000;

/// The bar that is drawn, if any.
#[derive(Debug, Clone)]
pub(crate) struct Bars(Arc<ProgressBar>);

impl Bars {
    /// Takes the bar off the terminal.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// Returns what a journal calls while steps run, and the handle of the bar that it draws.
pub(crate) fn watcher(ui: &Ui) -> (impl Fn(&Progress) + Send + Sync + use<>, Bars) {
    let bar = Arc::new(ProgressBar::hidden());
    if let Ok(style) =
        ProgressStyle::with_template("{msg} [{bar:40}] {human_pos}/{human_len} {eta}")
    {
        bar.set_style(style);
    }
    let drawn = std::io::stderr().is_terminal();
    let bars = Bars(bar.clone());
    let ui = ui.clone();
    let watch = move |progress: &Progress| match progress {
        Progress::Begun { step, total } => {
            let total = total.filter(|total| drawn && *total >= WORTH_A_BAR);
            if let Some(total) = total {
                bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
                bar.set_length(total as u64);
                bar.set_message(step.clone());
            }
        }
        Progress::Advanced(done) => bar.set_position(*done as u64),
        Progress::Ended { step, result } => {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
            ui.note(&format!("  {step}: {result}"));
        }
    };
    (watch, bars)
}
