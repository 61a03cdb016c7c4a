//! A progress bar for people who wait.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done sooner shows no bar.
const LONG: Duration = Duration::from_secs(1);

/// On stderr, if that is a terminal: bytes of `total` if it is known, else a count of texts.
pub struct Progress {
    bar: ProgressBar,
    counts_bytes: bool,
    texts: u64,
    hidden_since: Option<Instant>,
}

impl Progress {
    pub fn new(total_bytes: Option<u64>) -> Self {
        let template = match total_bytes {
            Some(_) => "{bar:30} {bytes} of {total_bytes}, {msg}, {eta} left",
            None => "{spinner} {msg}, {elapsed}",
        };
        let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, counts_bytes: total_bytes.is_some(), texts: 0, hidden_since: Some(Instant::now()) }
    }

    /// Counts what is done. Draws nothing where stderr is not a terminal.
    pub fn advance(&mut self, texts: u64, bytes: u64) {
        if self.hidden_since.is_some_and(|start| start.elapsed() > LONG) {
            self.hidden_since = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.texts += texts;
        self.bar.inc(if self.counts_bytes { bytes } else { texts });
        self.bar.set_message(format!("{} texts", self.texts));
    }

    /// Takes the bar away while `write` writes: stdout may be the same terminal.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
