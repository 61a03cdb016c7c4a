//! How fast: every contestant as a process of its own, behind the same pipes.
//!
//! A plaint model runs as `plaint score`, another program as its [`runner`](crate::compare::runner), so the times contain
//! what a user pays: reading JSON, tokenization, the encoder, the heads and writing JSON. In each run a process is started
//! (its first answer gives the start-up time), warmed up, asked texts one at a time, then given many at once. Runs of all
//! contestants alternate, forth and back, so that a change of the machine's speed meets all of them. Then rates are searched
//! for each. A contestant that fails is left out from then on.

mod offline;
mod server;
mod session;
mod single;
mod spread;

use std::time::{Duration, Instant};

pub use offline::Offline;
use serde::{Deserialize, Serialize};
pub use server::{Server, Trial};
use session::Session;
pub use single::Single;
pub use spread::Spread;

use super::runner::RunnerError;
use super::suite::{Scenario, SpeedSpec};

/// Texts asked one at a time before anything is timed.
const WARM_UP: usize = 16;
/// Texts of an offline run at least.
const LEAST_OFFLINE: usize = 32;

/// A contestant as a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// What reports call it.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether it answers each line as it comes.
    pub streams: bool,
}

/// How fast a contestant is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Seconds from the start of the process to its first answer; `None` for one that does not answer line by line.
    pub start_s: Option<Spread>,
    /// Greatest memory in use of the process and all that it has started, in bytes; `None` where the system does not tell.
    pub peak_memory: Option<Spread>,
    /// Texts one at a time.
    pub single: Option<Single>,
    /// Texts at random moments.
    pub server: Option<Server>,
    /// Texts all at once.
    pub offline: Option<Offline>,
    /// How the contestant counts the texts of an offline run.
    pub tokens: Option<Tokens>,
}

/// How a contestant counts texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Texts.
    pub texts: usize,
    /// Their tokens, special tokens not counted.
    pub tokens: usize,
    /// Windows in which they were read.
    pub windows: usize,
}

/// Where the measurements are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress<'a> {
    /// Whose turn it is.
    pub contestant: &'a str,
    /// What is being measured.
    pub step: &'a str,
    /// Steps done.
    pub done: usize,
    /// All steps.
    pub total: usize,
}

/// Measures all subjects on `texts`: one result each, in their order.
///
/// Without a text nobody is measured: all fields are then `None`.
pub fn measure(
    subjects: &[Subject],
    texts: &[String],
    spec: &SpeedSpec,
    seed: u64,
    mut progress: impl FnMut(Progress<'_>),
) -> Vec<Result<Speed, RunnerError>> {
    let mut runs: Vec<Result<Runs, RunnerError>> = subjects.iter().map(|_| Ok(Runs::default())).collect();
    let serves = |subject: &Subject| spec.scenarios.contains(&Scenario::Server) && subject.streams;
    let total = if texts.is_empty() {
        0
    } else {
        subjects.len() * spec.repeats + subjects.iter().filter(|subject| serves(subject)).count()
    };
    let mut done = 0;
    let mut step = |contestant: &str, step: &str| {
        progress(Progress { contestant, step, done, total });
        done += 1;
    };
    for repeat in (0..spec.repeats).filter(|_| !texts.is_empty()) {
        for turn in 0..subjects.len() {
            let index = if repeat % 2 == 0 { turn } else { subjects.len() - 1 - turn };
            let subject = &subjects[index];
            step(&subject.name, &format!("run {} of {}", repeat + 1, spec.repeats));
            runs[index] = std::mem::replace(&mut runs[index], Ok(Runs::default()))
                .and_then(|runs| runs.with_another(subject, texts, spec));
        }
    }
    for (subject, runs) in subjects.iter().zip(&mut runs).filter(|(subject, _)| serves(subject) && !texts.is_empty()) {
        step(&subject.name, "search for the highest rate");
        *runs =
            std::mem::replace(runs, Ok(Runs::default())).and_then(|runs| runs.with_server(subject, texts, spec, seed));
    }
    runs.into_iter().zip(subjects).map(|(runs, subject)| Ok(runs?.speed(subject))).collect()
}

/// All runs of one subject.
#[derive(Default)]
struct Runs {
    start_s: Vec<f64>,
    peak_memory: Vec<f64>,
    single: Vec<Vec<f64>>,
    offline: Vec<offline::Run>,
    server: Option<Server>,
    /// Texts of an offline run, the same in all of them.
    offline_texts: Option<usize>,
}

impl Runs {
    fn with_another(mut self, subject: &Subject, texts: &[String], spec: &SpeedSpec) -> Result<Self, RunnerError> {
        let time = Duration::from_secs_f64(spec.seconds);
        let begun = Instant::now();
        let mut session = Session::start(subject, texts)?;
        if subject.streams {
            session.ask()?;
            self.start_s.push(begun.elapsed().as_secs_f64());
            let typical = warm_up(&mut session)?;
            if spec.scenarios.contains(&Scenario::Single) {
                let texts = self.single.first().map(Vec::len);
                self.single.push(single::run(&mut session, time, texts)?);
            }
            if spec.scenarios.contains(&Scenario::Offline) || spec.scenarios.contains(&Scenario::Server) {
                let estimate = (spec.seconds / typical) as usize;
                let count = *self.offline_texts.get_or_insert(estimate.clamp(LEAST_OFFLINE, 1_000_000));
                self.offline.push(offline::run(&mut session, count, false)?);
            }
            self.peak_memory.extend(session.peak_memory().map(|bytes| bytes as f64));
        } else {
            self.offline.push(offline::run(&mut session, texts.len(), true)?);
        }
        session.finish()?;
        Ok(self)
    }

    fn with_server(
        mut self,
        subject: &Subject,
        texts: &[String],
        spec: &SpeedSpec,
        seed: u64,
    ) -> Result<Self, RunnerError> {
        let mut session = Session::start(subject, texts)?;
        let typical = warm_up(&mut session)?;
        let fastest = self.offline.iter().map(|run| run.texts as f64 / run.seconds).fold(1.0 / typical, f64::max);
        let search = server::Search {
            bound: Duration::from_secs_f64(spec.p99_ms / 1e3),
            capacity: fastest,
            time: Duration::from_secs_f64(spec.seconds),
            confirmations: spec.repeats,
            seed,
        };
        self.server = Some(search.run(&mut session)?);
        session.finish()?;
        Ok(self)
    }

    fn speed(self, subject: &Subject) -> Speed {
        let tokens = self.offline.first().filter(|run| run.tokens > 0).map(|run| Tokens {
            texts: run.texts,
            tokens: run.tokens,
            windows: run.windows,
        });
        Speed {
            start_s: Spread::of(self.start_s),
            peak_memory: Spread::of(self.peak_memory),
            single: Single::of(&self.single),
            server: self.server,
            offline: Offline::of(&self.offline, !subject.streams),
            tokens,
        }
    }
}

/// Seconds that a text takes on its own, in the middle of a few.
fn warm_up(session: &mut Session<'_>) -> Result<f64, RunnerError> {
    let latencies = (0..WARM_UP).map(|_| session.ask()).collect::<Result<Vec<_>, _>>()?;
    Ok(spread::quantile(&latencies, 0.5).unwrap_or(1.0).max(1e-6))
}
