//! Whole lines on stdout, whatever interrupts us.

use std::io::{self, Write};
use std::process;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::fatal::Fatal;

/// Held while lines are written, so that a signal does not end the process within a line.
static WRITING: Mutex<()> = Mutex::new(());

/// POSIX lets a pipe take a write of at most this many bytes (Linux: 4096) in one piece or not at all.
const PIPE_BUF: usize = 4096;

/// How long a signal waits for a writer: one that takes longer is blocked on a pipe that nobody empties.
const PATIENCE: Duration = Duration::from_millis(500);

/// What shells report for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Writes whole lines and flushes them.
pub fn write_lines(lines: &[u8]) -> Result<(), Fatal> {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut stdout = io::stdout().lock();
    // In pieces, each of whole lines: should a signal find us blocked between two, no line is torn.
    pieces(lines).try_for_each(|piece| stdout.write_all(piece)).and_then(|()| stdout.flush()).map_err(Fatal::Write)
}

/// Cuts after the last line end within `PIPE_BUF`, or else after the next one.
fn pieces(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_end = |&byte: &u8| byte == b'\n';
    std::iter::from_fn(move || {
        let head = &lines[..lines.len().min(PIPE_BUF)];
        let end = head.iter().rposition(is_end).or_else(|| lines.iter().position(is_end));
        let (piece, rest) = lines.split_at(end.map_or(lines.len(), |end| end + 1));
        lines = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// On SIGINT, SIGTERM and SIGHUP the process ends between two lines.
pub fn leave_whole_lines_on_signals() {
    // `try`: whoever started us under `nohup` wants signals ignored. If it fails, they do what they always do.
    let _ = ctrlc::try_set_handler(|| {
        let given_up = Instant::now() + PATIENCE;
        loop {
            // The guard lives until the process is gone.
            let writing = WRITING.try_lock();
            if writing.is_ok() || Instant::now() > given_up {
                process::exit(INTERRUPTED);
            }
            drop(writing);
            thread::sleep(Duration::from_millis(1));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_and_short_where_lines_are() {
        let long = [b"x".repeat(2 * PIPE_BUF), b"\n".to_vec()].concat();
        let text = [b"short\n".repeat(2000), long, b"last\n".to_vec()].concat();
        let found: Vec<_> = pieces(&text).collect();
        assert_eq!(found.concat(), text);
        assert!(found.iter().all(|piece| piece.ends_with(b"\n")));
        assert_eq!(found.iter().filter(|piece| piece.len() > PIPE_BUF).count(), 1);
        assert_eq!(found.len(), 5); // three of short lines, the long one, the last one
        assert_eq!(pieces(b"").count(), 0);
    }
}
