//! Requests that come when they come, whether or not the server keeps up: Poisson arrivals over many connections.
//!
//! Latency counts from the moment at which a request was to be sent, as MLPerf's server scenario has it: a generator that
//! falls behind cannot hide the server's delay.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::http::Connection;

/// A request that was answered.
pub struct Response {
    pub status: u16,
    /// From the scheduled moment.
    pub latency: Duration,
    /// From the moment at which it was sent.
    pub service: Duration,
    /// When the answer came, from the start of the run.
    pub at: Duration,
}

/// Sends texts, in turn, at `rate` a second for `duration`.
pub fn run(
    address: &str,
    texts: &[String],
    rate: f64,
    duration: Duration,
    connections: usize,
) -> io::Result<Vec<Response>> {
    let mut random = fastrand::Rng::with_seed(2026);
    let mut at = 0.0;
    let arrivals: Vec<Duration> = std::iter::from_fn(|| {
        // Gaps between the events of a Poisson process are exponential.
        at += -(1.0 - random.f64()).ln() / rate;
        Some(Duration::from_secs_f64(at))
    })
    .take_while(|at| *at < duration)
    .collect();

    let mut open = (0..connections).map(|_| Connection::open(address)).collect::<io::Result<Vec<_>>>()?;
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        let senders: Vec<_> = open
            .iter_mut()
            .map(|connection| {
                let (next, arrivals) = (&next, &arrivals);
                scope.spawn(move || -> io::Result<Vec<Response>> {
                    let mut responses = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(&due) = arrivals.get(index) else { return Ok(responses) };
                        thread::sleep(due.saturating_sub(start.elapsed()));
                        let sent = start.elapsed();
                        let status = connection.score(&texts[index % texts.len()])?;
                        let at = start.elapsed();
                        responses.push(Response { status, latency: at - due, service: at - sent, at });
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for sender in senders {
            all.extend(sender.join().map_err(|_| io::Error::other("a sender panicked"))??);
        }
        Ok(all)
    })
}
