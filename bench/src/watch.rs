//! Where a run says how far it is.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows progress on a terminal, or nothing.
#[derive(Clone, Debug)]
pub struct Watch {
    bars: MultiProgress,
    bar: ProgressBar,
}

impl Watch {
    /// Shows bars if `visible` and standard error is a terminal.
    pub fn new(visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Watch { bars: MultiProgress::with_draw_target(target), bar: ProgressBar::hidden() }
    }

    /// The watch of one run with its own bar, which shows `done` of `limit`.
    pub fn of(&self, title: String, limit: Duration) -> Watch {
        const TEMPLATE: &str = "{prefix:24} [{bar:30}] {pos:>5}/{len} s  {msg}";
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well-formed");
        let bar = self.bars.add(ProgressBar::new(limit.as_secs()));
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(title);
        Watch { bar, ..self.clone() }
    }

    /// The run has come to this time; `open` people are not done yet.
    pub fn at(&self, elapsed: Duration, open: usize) {
        self.bar.set_position(elapsed.as_secs());
        self.bar.set_message(format!("{open} people busy"));
    }

    /// The run is over.
    pub fn over(&self) {
        self.bar.finish_and_clear();
    }
}
