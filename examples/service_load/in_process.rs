//! Figures without HTTP: what the engine can do, and what callers get from it with and without a service.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plaint::Engine;
use plaint::service::Service;

/// Texts a second of `score_batch`.
pub fn offline_rate(engine: &Engine, texts: &[String], duration: Duration) -> f64 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < duration {
        count += black_box(engine.score_batch(texts)).len();
    }
    count as f64 / start.elapsed().as_secs_f64()
}

/// Time of each `score`, one after the other.
pub fn single(engine: &Engine, texts: &[String], duration: Duration) -> Vec<Duration> {
    let start = Instant::now();
    let mut times = Vec::new();
    for text in texts.iter().cycle() {
        let begin = Instant::now();
        let _ = black_box(engine.score(text));
        times.push(begin.elapsed());
        if start.elapsed() > duration {
            break;
        }
    }
    times
}

/// Texts a second of callers that take turns on `engine.score`.
pub fn turns(engine: &Engine, texts: &[String], callers: usize, duration: Duration) -> f64 {
    let turn = Mutex::new(engine);
    concurrent(texts, callers, duration, |text| {
        let engine = turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        engine.score(text).is_ok()
    })
}

/// Texts a second of callers that share a service.
pub fn service(service: &Service, texts: &[String], callers: usize, duration: Duration) -> f64 {
    concurrent(texts, callers, duration, |text| service.score_blocking(text).is_ok())
}

fn concurrent(texts: &[String], callers: usize, duration: Duration, score: impl Fn(&str) -> bool + Sync) -> f64 {
    let count = AtomicUsize::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for caller in 0..callers {
            let (count, score) = (&count, &score);
            scope.spawn(move || {
                for text in texts.iter().cycle().skip(caller * 7) {
                    if start.elapsed() > duration {
                        break;
                    }
                    count.fetch_add(usize::from(score(text)), Ordering::Relaxed);
                }
            });
        }
    });
    count.into_inner() as f64 / start.elapsed().as_secs_f64()
}
