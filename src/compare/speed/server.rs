//! Server: texts come at random moments, whether or not those before are answered.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::spread::{Spread, quantile};
use crate::compare::runner::RunnerError;

/// Texts of a trial at least. Of fewer than 100, all must be in time.
const LEAST_TEXTS: usize = 20;
/// Texts of a trial at most.
const MOST_TEXTS: usize = 20_000;
/// Halvings of the range in which the highest rate lies.
const STEPS: usize = 6;
/// A rate that is not confirmed is lowered to this share of it ...
const BACK_OFF: f64 = 0.85;
/// ... this many times.
const BACK_OFFS: usize = 5;
/// Share of the texts that may take longer than the bound.
const MAY_BE_LATE: f64 = 0.01;

/// The highest rate at which 99 of 100 texts are answered within a bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// The bound, in milliseconds from the moment when a text was due, not from when it was sent.
    pub bound_ms: f64,
    /// Texts a second, on average; `None` if no rate that was tried kept the bound.
    pub rate: Option<f64>,
    /// 99th percentile of the latency at that rate, in the runs that confirmed it.
    pub p99_ms: Option<Spread>,
    /// Texts of a confirming run. Of fewer than 100, the percentile is the slowest text.
    pub texts: usize,
    /// All that was tried, in order.
    pub trials: Vec<Trial>,
}

/// A trial of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Texts a second.
    pub rate: f64,
    /// Texts that were sent; fewer than planned if it was soon clear that too many are late.
    pub texts: usize,
    /// 99th percentile of the latency, in milliseconds; if the trial was cut short, of what was answered by then.
    pub p99_ms: f64,
    /// Whether the bound was kept.
    pub kept: bool,
}

/// How to search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    pub bound: Duration,
    /// A rate that the contestant does not exceed.
    pub capacity: f64,
    /// About how long a trial takes.
    pub time: Duration,
    /// Trials with other arrivals that a rate must stand after the search.
    pub confirmations: usize,
    pub seed: u64,
}

impl Search {
    /// Halves the range of rates, then confirms what it found.
    pub fn run(&self, session: &mut Session<'_>) -> Result<Server, RunnerError> {
        let (mut low, mut high) = (0.0, self.capacity);
        let mut trials = Vec::new();
        for _ in 0..STEPS {
            let rate = (low + high) / 2.0;
            let trial = self.trial(session, rate, trials.len())?;
            trials.push(trial);
            if trial.kept { low = rate } else { high = rate }
        }
        let mut server =
            Server { bound_ms: self.bound.as_secs_f64() * 1e3, rate: None, p99_ms: None, texts: 0, trials };
        let mut rate = low;
        for _ in 0..=BACK_OFFS {
            if rate <= 0.0 || self.confirm(session, rate, &mut server)? {
                break;
            }
            rate *= BACK_OFF;
        }
        Ok(server)
    }

    fn confirm(&self, session: &mut Session<'_>, rate: f64, server: &mut Server) -> Result<bool, RunnerError> {
        let first = server.trials.len();
        for _ in 0..self.confirmations {
            let trial = self.trial(session, rate, server.trials.len())?;
            server.trials.push(trial);
            if !trial.kept {
                return Ok(false);
            }
        }
        let confirmed = &server.trials[first..];
        server.rate = Some(rate);
        server.p99_ms = Spread::of(confirmed.iter().map(|trial| trial.p99_ms));
        server.texts = confirmed.first().map_or(0, |trial| trial.texts);
        Ok(true)
    }

    /// Sends texts at the moments of a Poisson process. Each trial has arrivals of its own.
    fn trial(&self, session: &mut Session<'_>, rate: f64, number: usize) -> Result<Trial, RunnerError> {
        let texts = ((rate * self.time.as_secs_f64()) as usize).clamp(LEAST_TEXTS, MOST_TEXTS);
        let most_late = (MAY_BE_LATE * texts as f64) as usize;
        let due: Vec<Duration> = arrivals(rate, self.seed.wrapping_add(number as u64)).take(texts).collect();
        let start = Instant::now();
        let mut tally = Tally { due: &due, start, bound: self.bound, latencies: Vec::new(), late: 0 };
        let mut sent = 0;
        while sent < texts && tally.late(sent) <= most_late {
            let moment = start + due[sent];
            while let Some(received) = session.receive_before(moment)? {
                tally.count(received.at);
                session.check(&received)?;
            }
            session.send();
            sent += 1;
        }
        while tally.latencies.len() < sent {
            let received = session.receive()?;
            tally.count(received.at);
            session.check(&received)?;
        }
        let p99_ms = quantile(&tally.latencies, 1.0 - MAY_BE_LATE).unwrap_or(0.0) * 1e3;
        Ok(Trial { rate, texts: sent, p99_ms, kept: sent == texts && tally.late <= most_late })
    }
}

/// Answers come in the order of the texts, so their count tells which text one belongs to.
struct Tally<'a> {
    due: &'a [Duration],
    start: Instant,
    bound: Duration,
    latencies: Vec<f64>,
    late: usize,
}

impl Tally<'_> {
    fn count(&mut self, at: Instant) {
        let latency = at.saturating_duration_since(self.start + self.due[self.latencies.len()]);
        self.late += usize::from(latency > self.bound);
        self.latencies.push(latency.as_secs_f64());
    }

    /// Texts that are late by now, answered or not.
    fn late(&self, sent: usize) -> usize {
        let now = self.start.elapsed();
        let waiting = &self.due[self.latencies.len()..sent];
        self.late + waiting.iter().filter(|due| now.saturating_sub(**due) > self.bound).count()
    }
}

/// Moments of a Poisson process of `rate` events a second: exponentially distributed gaps.
fn arrivals(rate: f64, seed: u64) -> impl Iterator<Item = Duration> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut moment = 0.0;
    std::iter::repeat_with(move || {
        moment -= (1.0 - random.f64()).ln() / rate;
        Duration::from_secs_f64(moment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_a_poisson_process_that_the_seed_decides() {
        let moments: Vec<f64> = arrivals(50.0, 3).take(20_000).map(|moment| moment.as_secs_f64()).collect();
        assert!(moments.is_sorted());
        assert!((moments[19_999] - 400.0).abs() < 10.0, "{}", moments[19_999]);
        // As many in a second as not: of a Poisson distribution the variance is the mean.
        let counts: Vec<f64> =
            (0..380).map(|second| moments.iter().filter(|moment| **moment as usize == second).count() as f64).collect();
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / counts.len() as f64;
        assert!((variance / mean - 1.0).abs() < 0.25, "{}", variance / mean);
        let first = |seed| arrivals(50.0, seed).next();
        assert_eq!(first(3), first(3));
        assert_ne!(first(3), first(4));
    }

    #[test]
    fn latency_counts_from_the_moment_a_text_was_due() {
        let (start, bound) = (Instant::now(), Duration::from_millis(10));
        let due = [0, 1, 2].map(Duration::from_millis);
        let mut tally = Tally { due: &due, start, bound, latencies: Vec::new(), late: 0 };
        tally.count(start + Duration::from_millis(30));
        tally.count(start + Duration::from_millis(11));
        assert_eq!((tally.late, tally.latencies[0]), (1, 0.03));
        std::thread::sleep(Duration::from_millis(15));
        assert_eq!(tally.late(3), 2); // the third waits, and is late
    }
}
