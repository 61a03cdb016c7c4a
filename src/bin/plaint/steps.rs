//! A bar for work that is done in steps.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// On stderr, if that is a terminal.
pub struct Steps {
    bar: ProgressBar,
}

impl Steps {
    pub fn new() -> Self {
        // Draws nothing where stderr is not a terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len}, {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Of `total` steps `done` are done, and now `who` does `what`.
    pub fn show(&self, who: &str, what: &str, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        self.bar.set_message(format!("{who}: {what}"));
    }

    /// Takes the bar away while `write` writes.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
