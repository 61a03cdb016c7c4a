//! Single stream: the next text comes when the one before it is answered.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::spread::{Spread, quantile};
use crate::compare::runner::RunnerError;

/// A run has at least so many texts, so that a median means something.
const LEAST_TEXTS: usize = 20;

/// Latencies of texts that come one at a time, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Single {
    /// Texts of a run. Of fewer than a few hundred, the higher percentiles are little more than the slowest text.
    pub texts: usize,
    /// Half of the texts take no longer.
    pub p50_ms: Spread,
    /// 90 of 100 texts take no longer.
    pub p90_ms: Spread,
    /// 99 of 100 texts take no longer.
    pub p99_ms: Spread,
}

impl Single {
    /// Of the latencies of each run, in seconds.
    pub(super) fn of(runs: &[Vec<f64>]) -> Option<Self> {
        let spread = |share| Spread::of(runs.iter().filter_map(|run| Some(quantile(run, share)? * 1e3)));
        let texts = runs.iter().map(Vec::len).min()?;
        Some(Self { texts, p50_ms: spread(0.5)?, p90_ms: spread(0.9)?, p99_ms: spread(0.99)? })
    }
}

/// Latencies in seconds: of `texts` texts if the number is known from an earlier run, else of as many as `time` allows.
pub(super) fn run(session: &mut Session<'_>, time: Duration, texts: Option<usize>) -> Result<Vec<f64>, RunnerError> {
    let end = Instant::now() + time;
    let mut latencies = Vec::new();
    while texts.map_or(latencies.len() < LEAST_TEXTS || Instant::now() < end, |texts| latencies.len() < texts) {
        latencies.push(session.ask()?);
    }
    Ok(latencies)
}
