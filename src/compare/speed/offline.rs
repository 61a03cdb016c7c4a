//! Offline: all texts are there at once.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::spread::Spread;
use crate::compare::machine;
use crate::compare::runner::RunnerError;

/// Throughput on texts that are there at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offline {
    /// Texts of a run.
    pub texts: usize,
    /// Texts a second, from the first one sent to the last one answered.
    pub texts_per_s: Spread,
    /// The contestant's own tokens a second, special tokens not counted; `None` if it does not count them.
    pub tokens_per_s: Option<Spread>,
    /// Joules of the whole processor for 1,000 texts; `None` where the machine does not tell.
    pub joules_per_1000: Option<Spread>,
    /// Whether the time of starting is in it: of a program that reads all its input first.
    pub includes_start: bool,
}

/// One run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub seconds: f64,
    pub texts: usize,
    /// As the contestant counts them; 0 if it does not.
    pub tokens: usize,
    pub windows: usize,
    pub joules: Option<f64>,
}

impl Offline {
    pub(super) fn of(runs: &[Run], includes_start: bool) -> Option<Self> {
        let counts = runs.iter().all(|run| run.tokens > 0);
        let joules: Option<Vec<f64>> = runs.iter().map(|run| Some(run.joules? * 1000.0 / run.texts as f64)).collect();
        Some(Self {
            texts: runs.first()?.texts,
            texts_per_s: Spread::of(runs.iter().map(|run| run.texts as f64 / run.seconds))?,
            tokens_per_s: Spread::of(runs.iter().filter(|_| counts).map(|run| run.tokens as f64 / run.seconds)),
            joules_per_1000: joules.and_then(Spread::of),
            includes_start,
        })
    }
}

/// Sends `texts` texts and takes all answers; closes the input in between if the contestant waits for that.
pub(super) fn run(session: &mut Session<'_>, texts: usize, close_input: bool) -> Result<Run, RunnerError> {
    let energy = machine::energy();
    let start = Instant::now();
    for _ in 0..texts {
        session.send();
    }
    if close_input {
        session.close_input();
    }
    // Looked at afterwards: the contestant needs the processor now.
    let answers = (0..texts).map(|_| session.receive()).collect::<Result<Vec<_>, _>>()?;
    let seconds = answers.last().map_or(0.0, |last| (last.at - start).as_secs_f64());
    let joules = energy.zip(machine::energy()).map(|(before, after)| after - before).filter(|used| *used > 0.0);
    let mut run = Run { seconds, texts, joules, ..Run::default() };
    for answer in &answers {
        if let Some(coverage) = session.check(answer)? {
            run.tokens += coverage.tokens;
            run.windows += coverage.windows;
        }
    }
    Ok(run)
}
