//! A long walk through everything that can happen to a service: random texts, priorities and deadlines, callers that leave,
//! models that change, an encoder and an observer that panic now and then.
//!
//! ```sh
//! cargo run --release --example service_soak -- --minutes 30
//! ```
//!
//! Fails if nothing moves for half a minute, if the callers' books differ from the service's, or if memory grows after the
//! first quarter.

#[path = "service_load/memory.rs"]
mod memory;
#[path = "../src/compare/texts.rs"]
mod texts;

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plaint::batch::PackedBatch;
use plaint::encoder::Encoder;
use plaint::model::ModelFiles;
use plaint::service::observer::Settled;
use plaint::service::{Observer, Pending, Priority, Request, Service, ServiceError, Shutdown};
use plaint::{EncodeError, Engine};

const CALLERS: usize = 24;
/// Encoder calls of which one panics.
const ENCODER_PANICS: u32 = 100;
/// Ends of requests on which the observer panics once.
const OBSERVER_PANICS: u32 = 1000;
const SWAP_EVERY: Duration = Duration::from_millis(700);
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// Nothing takes as long, so a service that shows no progress hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Memory that allocators may keep in an unlucky moment.
const MAX_GROWTH: f64 = 1.05;

fn main() -> Result<(), Box<dyn Error>> {
    let minutes = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => 30.0,
        [option, minutes] if option == "--minutes" => minutes.parse::<f64>()?,
        _ => return Err("expected nothing or `--minutes N`".into()),
    };
    // Hundreds of backtraces of panics that are meant would hide one that is not.
    std::panic::set_hook(Box::new(|panic| {
        if !panic.payload().is::<Intended>() {
            eprintln!("{panic}");
        }
    }));
    let engines = [faulty_engine()?, faulty_engine()?];
    let service = loop {
        // The canary may meet an intended panic.
        let builder = Service::builder(engines[0].clone()).queue_texts(4).batch_tokens(512).observer(Clumsy);
        match builder.linger(Duration::from_millis(1)).start() {
            Ok(service) => break service,
            Err(error) => eprintln!("{error}; once more"),
        }
    };
    let (books, done) = (Books::default(), AtomicBool::new(false));
    let end = Instant::now() + Duration::from_secs_f64(60.0 * minutes);
    let memory = thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (service, books, done) = (&service, &books, &done);
            scope.spawn(move || call(service, books, done, caller as u64));
        }
        scope.spawn(|| swap(&service, &engines, &books, &done));
        let memory = watch(&service, end);
        done.store(true, Ordering::Relaxed);
        memory
    });
    service.shutdown(Shutdown::Drain);
    books.check(&service)?;
    let warm = memory.get(memory.len() / 4..).unwrap_or_default();
    if let (Some(first), Some(last)) = (warm.first(), warm.last()) {
        println!("memory: {first:.1} MB after warm-up, {last:.1} MB at the end");
        if *last > first * MAX_GROWTH {
            return Err("memory grows".into());
        }
    }
    println!("all well");
    Ok(())
}

/// What callers saw.
#[derive(Default)]
struct Books {
    accepted: AtomicU64,
    refused: AtomicU64,
    scored: AtomicU64,
    errors: AtomicU64,
    left: AtomicU64,
    swaps: AtomicU64,
    swaps_refused: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Books {
    /// Compares the callers' books with the service's.
    fn check(&self, service: &Service) -> Result<(), Box<dyn Error>> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let stats = service.stats();
        let [accepted, scored, errors, left] = [&self.accepted, &self.scored, &self.errors, &self.left].map(read);
        println!("callers: {accepted} accepted = {scored} scored + {errors} typed errors + {left} left");
        println!("service: {stats:?}");
        println!("swaps: {} done, {} refused by the canary", read(&self.swaps), read(&self.swaps_refused));
        let balanced = accepted == scored + errors + left
            && accepted == stats.accepted
            && stats.accepted == stats.settled()
            && stats.overloaded == read(&self.refused)
            // Who left may have been scored in the last moment.
            && (scored..=scored + left).contains(&stats.scored);
        if balanced { Ok(()) } else { Err("the books do not balance".into()) }
    }
}

/// A caller: submits, waits or leaves, again and again.
fn call(service: &Service, books: &Books, done: &AtomicBool, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let messages = texts::messages(200);
    let posts = texts::long_posts(4);
    while !done.load(Ordering::Relaxed) {
        let text = match random.u32(..100) {
            0 => " ".to_owned(),
            1 => random.choice(&posts).cloned().unwrap_or_default(),
            2 => (0..random.usize(..300)).map(|_| random.char(..)).collect(),
            _ => random.choice(&messages).cloned().unwrap_or_default(),
        };
        let mut request = Request::new(text);
        if random.bool() {
            request = request.bulk();
        }
        if random.u32(..3) == 0 {
            request = request.deadline(Duration::from_micros(random.u64(..100_000)));
        }
        let submitted = match random.u32(..3) {
            0 => service.try_score(request),
            1 => Ok(service.score(request)),
            _ => service.submit(request).wait(),
        };
        let pending: Pending = match submitted {
            Ok(pending) => pending,
            Err(ServiceError::Overloaded { .. }) => {
                count(&books.refused);
                thread::sleep(Duration::from_millis(random.u64(..5)));
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        count(&books.accepted);
        match random.u32(..10) {
            0 => {
                thread::sleep(Duration::from_micros(random.u64(..20_000)));
                drop(pending);
                count(&books.left);
            }
            _ => count(if pending.wait().is_ok() { &books.scored } else { &books.errors }),
        }
    }
}

fn swap(service: &Service, engines: &[Engine], books: &Books, done: &AtomicBool) {
    for engine in engines.iter().cycle() {
        if done.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(SWAP_EVERY);
        count(if service.swap(engine.clone()).is_ok() { &books.swaps } else { &books.swaps_refused });
    }
}

/// Reports until the end; returns resident MB at each report.
fn watch(service: &Service, end: Instant) -> Vec<f64> {
    let start = Instant::now();
    let (mut memory, mut settled, mut moved) = (Vec::new(), 0, Instant::now());
    while Instant::now() < end {
        thread::sleep(REPORT_EVERY.min(end.saturating_duration_since(Instant::now())));
        let stats = service.stats();
        if stats.settled() > settled {
            (settled, moved) = (stats.settled(), Instant::now());
        } else if moved.elapsed() > PATIENCE {
            eprintln!("nothing moves: {stats:?}");
            // Threads that hang cannot be joined.
            std::process::exit(1);
        }
        let resident = memory::resident_mb(std::process::id());
        memory.extend(resident);
        println!(
            "{:5.0} s  {:8} accepted  {:8} scored  {:6} failed  {:6} expired  {:6} abandoned  {:6} overloaded  {:4} texts wait  {:.1} MB",
            start.elapsed().as_secs_f64(),
            stats.accepted,
            stats.scored,
            stats.failed,
            stats.expired,
            stats.abandoned,
            stats.overloaded,
            Priority::ALL.map(|priority| service.waiting(priority).texts).iter().sum::<usize>(),
            resident.unwrap_or_default(),
        );
    }
    memory
}

/// The payload of a panic that is meant.
struct Intended;

fn perhaps_panic(one_in: u32) {
    if fastrand::u32(..one_in) == 0 {
        std::panic::panic_any(Intended);
    }
}

/// The shipped model with an encoder that panics now and then.
fn faulty_engine() -> Result<Engine, plaint::LoadError> {
    Engine::builder().from_files_with(&ModelFiles::embedded(), |inner| Box::new(Faulty(inner)))
}

struct Faulty(Box<dyn Encoder>);

impl Encoder for Faulty {
    fn encode(&self, batch: &PackedBatch, vectors: &mut [f32]) -> Result<(), EncodeError> {
        perhaps_panic(ENCODER_PANICS);
        self.0.encode(batch, vectors)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

/// An observer that panics now and then.
struct Clumsy;

impl Observer for Clumsy {
    fn settled(&self, _: &Settled) {
        perhaps_panic(OBSERVER_PANICS);
    }
}
