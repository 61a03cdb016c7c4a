//! A child process with a line in and a line out.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::error::RunnerError;

/// A longer line is cut, and so is not an answer.
const MAX_LINE: u64 = 1 << 20;
/// Lines that wait to be received; then the program waits.
const LINES: usize = 4096;
/// Bytes of stderr that are kept.
const STDERR: usize = 2048;
/// Between two looks at a program that is about to end.
const LOOK: Duration = Duration::from_millis(2);

/// A program that runs. It is ended, with all that it has started, when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// `None` when the input is closed.
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Received>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

/// A line, without its end, and when it came.
#[derive(Debug)]
pub struct Received {
    /// When its last byte was read.
    pub at: Instant,
    /// Its bytes.
    pub line: Vec<u8>,
}

impl Process {
    /// Starts a program; no shell is asked.
    ///
    /// # Errors
    /// [`RunnerError::Start`].
    pub fn start(command: &[String]) -> Result<Self, RunnerError> {
        let program = command.first().cloned().unwrap_or_default();
        let mut child = Command::new(&program);
        child.args(command.iter().skip(1)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Its own group, so that it can be ended with all that it has started.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut child, 0);
        let mut child = child.spawn().map_err(|source| RunnerError::Start { program, source })?;
        let (input, lines) = mpsc::channel();
        let (sender, output) = mpsc::sync_channel(LINES);
        let stderr = Arc::default();
        if let Some(stdin) = child.stdin.take() {
            thread::spawn(move || write(stdin, &lines));
        }
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || read(BufReader::new(stdout), &sender));
        }
        if let Some(errors) = child.stderr.take() {
            let kept = Arc::clone(&stderr);
            thread::spawn(move || keep_end(errors, &kept));
        }
        Ok(Self { child, input: Some(input), output, stderr })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends bytes, without waiting until they are read. A program that has ended is noticed when it is listened to.
    pub fn send(&self, bytes: Vec<u8>) {
        if let Some(input) = &self.input {
            let _ = input.send(bytes);
        }
    }

    /// Nothing more will be sent.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// The next line.
    ///
    /// # Errors
    /// [`RunnerError::TimedOut`] at the deadline; [`RunnerError::Failed`] or [`RunnerError::TooFew`] if the program ends
    /// first.
    pub fn receive(&mut self, deadline: Instant) -> Result<Received, RunnerError> {
        match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(received) => Ok(received),
            Err(RecvTimeoutError::Timeout) => Err(RunnerError::TimedOut { found: 0, expected: 0 }),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.wait(deadline)?;
                Err(if status.success() { RunnerError::TooFew { found: 0, expected: 0 } } else { self.failed(status) })
            }
        }
    }

    /// A line that has come already.
    pub fn try_receive(&mut self) -> Option<Received> {
        self.output.try_recv().ok()
    }

    /// Closes the input and waits for a good end: no further line, and status 0. `plaint score` ends with 1 after bad
    /// lines, so that is good too if `bad_lines`.
    ///
    /// # Errors
    /// [`RunnerError`] if it does not end so.
    pub fn finish(mut self, deadline: Instant, bad_lines: bool) -> Result<(), RunnerError> {
        self.close_input();
        match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(_) => return Err(RunnerError::TooMany { expected: 0 }),
            Err(RecvTimeoutError::Timeout) => return Err(RunnerError::TimedOut { found: 0, expected: 0 }),
            Err(RecvTimeoutError::Disconnected) => {}
        }
        let status = self.wait(deadline)?;
        if status.success() || (bad_lines && status.code() == Some(1)) { Ok(()) } else { Err(self.failed(status)) }
    }

    fn wait(&mut self, deadline: Instant) -> Result<ExitStatus, RunnerError> {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(LOOK),
                Ok(None) | Err(_) => return Err(RunnerError::TimedOut { found: 0, expected: 0 }),
            }
        }
    }

    fn failed(&self, status: ExitStatus) -> RunnerError {
        // What it wrote last may still be on its way.
        thread::sleep(LOOK);
        let stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
        RunnerError::Failed { status: status.to_string(), found: 0, expected: 0, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(mut stdin: ChildStdin, lines: &Receiver<Vec<u8>>) {
    for bytes in lines {
        if stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read(mut stdout: impl BufRead, lines: &SyncSender<Received>) {
    loop {
        let mut line = Vec::new();
        match stdout.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let at = Instant::now();
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        if lines.send(Received { at, line }).is_err() {
            return;
        }
    }
}

fn keep_end(mut errors: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut bytes = [0; STDERR];
    while let Ok(count @ 1..) = errors.read(&mut bytes) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&bytes[..count]);
        let surplus = kept.len().saturating_sub(STDERR);
        kept.drain(..surplus);
    }
}
