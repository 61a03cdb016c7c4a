//! Load on a service, measured from a second process over loopback, and what micro-batching brings.
//!
//! ```sh
//! cargo run --release --features metrics --example service_load
//! ```
//!
//! takes about four minutes and prints one table. The program starts itself a second time as the server of
//! `axum_service.rs`. With `--features metrics,torch` (after `scripts/libtorch.sh`) the table has a row for what people do
//! without plaint: callers that take turns on rust-bert's model.
//!
//! The generator shares the cores with the server; its own work is counted against it.

#[path = "../axum_service.rs"]
#[allow(dead_code, reason = "its `main` is not used here")]
mod axum_service;
mod http;
mod in_process;
mod memory;
mod open_loop;
#[path = "../../src/compare/texts.rs"]
#[allow(dead_code, reason = "long posts are not used here")]
mod texts;

use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use http::Connection;
use plaint::Engine;
use plaint::service::{Service, ServiceBuilder};
use tokio::net::TcpListener;

const TEXTS: usize = 512;
const CALLERS: usize = 64;
/// Small, so that the generator's connections can fill it.
const QUEUE_TEXTS: usize = 64;
/// More than can wait in the queue, the batch that runs and the one that is held.
const CONNECTIONS: usize = 512;
const IN_PROCESS: Duration = Duration::from_secs(10);
const HALF_LOAD: Duration = Duration::from_secs(30);
const DOUBLE_LOAD: Duration = Duration::from_secs(30);
/// At the start of a run, before figures count.
const WARM_UP: Duration = Duration::from_secs(5);

/// How the cores are used.
#[derive(Clone, Copy)]
enum Cores {
    /// All for one batch: the shortest answers as long as little is to do.
    Together,
    /// Each for a batch of its own: they never wait for each other.
    Apart,
}

impl Cores {
    fn parse(argument: &str) -> Option<Self> {
        match argument {
            "together" => Some(Self::Together),
            "apart" => Some(Self::Apart),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Apart => "apart",
        }
    }

    fn service(self) -> Result<ServiceBuilder, Box<dyn Error>> {
        let cores = thread::available_parallelism()?.get();
        let engine = |threads| Engine::builder().threads(threads).embedded();
        let options = match self {
            Self::Together => Service::builder(engine(cores)?),
            // Small, or one takes all that waits while the others have nothing to do.
            Self::Apart => Service::builder(engine(1)?).encoders(cores).batch_tokens(128),
        };
        Ok(options.queue_texts(QUEUE_TEXTS))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    if let (Some("serve"), Some(cores)) = (arguments.next().as_deref(), arguments.next()) {
        return serve(Cores::parse(&cores).ok_or("cores: together or apart")?);
    }
    let texts = texts::messages(TEXTS);
    let engine = Engine::embedded()?;
    eprintln!("{}; {} texts of the mix of src/compare/texts.rs", engine.describe_encoder(), texts.len());

    let offline = in_process::offline_rate(&engine, &texts, IN_PROCESS);
    let mut single = in_process::single(&engine, &texts, IN_PROCESS);
    let turns = in_process::turns(&engine, &texts, CALLERS, IN_PROCESS);
    let [single_p50, single_p99] = [0.5, 0.99].map(|share| percentile(&mut single, share));
    println!("| cores | figure | found | wanted |\n| --- | --- | --- | --- |");
    println!("| | offline, texts/s | {offline:.1} | |");
    println!("| | single text, p50 and p99 | {}, {} | |", ms(single_p50), ms(single_p99));
    println!("| | {CALLERS} callers taking turns on engine.score, texts/s | {turns:.1} | |");
    #[cfg(feature = "torch")]
    {
        let bert = Engine::builder().encoder(plaint::EncoderKind::Torch).embedded()?;
        let turns = in_process::turns(&bert, &texts, CALLERS, IN_PROCESS);
        println!("| | {CALLERS} callers taking turns on rust-bert, texts/s | {turns:.1} | |");
    }
    for cores in [Cores::Together, Cores::Apart] {
        let name = cores.name();
        let service = in_process::service(&cores.service()?.start()?, &texts, CALLERS, IN_PROCESS);
        println!(
            "| {name} | {CALLERS} callers of a service, texts/s | {service:.1} ({:.2} x) | >= 3 x |",
            service / turns
        );
        let server = Server::start(cores)?;
        half_load(&server, &texts, offline, single_p50)?;
        double_load(&server, &texts, offline)?;
    }
    Ok(())
}

/// At half of the capacity answers are quick.
fn half_load(server: &Server, texts: &[String], offline: f64, single_p50: Duration) -> Result<(), Box<dyn Error>> {
    let responses = open_loop::run(&server.address, texts, offline / 2.0, HALF_LOAD, CONNECTIONS)?;
    let mut latencies: Vec<Duration> =
        responses.iter().filter(|response| response.at > WARM_UP).map(|response| response.latency).collect();
    let failed = responses.iter().filter(|response| response.status != 200).count();
    let (name, p50, p99) = (server.cores.name(), percentile(&mut latencies, 0.5), percentile(&mut latencies, 0.99));
    let ratio = p99.as_secs_f64() / single_p50.as_secs_f64();
    println!("| {name} | 50 % load: p50 | {} | |", ms(p50));
    println!("| {name} | 50 % load: p99 | {} ({ratio:.2} x single) | <= 3 x single |", ms(p99));
    println!("| {name} | 50 % load: not answered with 200 | {failed} of {} | 0 |", responses.len());
    Ok(())
}

/// At twice the capacity work goes on at full speed, and the rest is refused quickly.
fn double_load(server: &Server, texts: &[String], offline: f64) -> Result<(), Box<dyn Error>> {
    let done = AtomicBool::new(false);
    let (responses, watched) = thread::scope(|scope| {
        let watching = scope.spawn(|| server.watch(&done));
        let responses = open_loop::run(&server.address, texts, offline * 2.0, DOUBLE_LOAD, CONNECTIONS);
        done.store(true, Ordering::Relaxed);
        (responses, watching.join())
    });
    let (responses, watched) = (responses?, watched.map_err(|_| "the watcher panicked")?);
    let (name, window) = (server.cores.name(), DOUBLE_LOAD - WARM_UP);
    let counted = || responses.iter().filter(|response| response.at > WARM_UP && response.at <= DOUBLE_LOAD);
    let rate = counted().filter(|response| response.status == 200).count() as f64 / window.as_secs_f64();
    let mut refused: Vec<Duration> =
        counted().filter(|response| response.status == 429).map(|response| response.service).collect();
    println!("| {name} | 200 % load: texts/s | {rate:.1} ({:.0} % of offline) | >= 90 % |", 100.0 * rate / offline);
    println!("| {name} | 200 % load: refused | {} of {} | |", refused.len(), counted().count());
    if !refused.is_empty() {
        let (p50, p99) = (percentile(&mut refused, 0.5), percentile(&mut refused, 0.99));
        println!(
            "| {name} | 200 % load: time to refuse, p50, p99, max | {}, {}, {} | < 5 ms |",
            ms(p50),
            ms(p99),
            ms(percentile(&mut refused, 1.0))
        );
    }
    println!("| {name} | 200 % load: texts in the queue, at most | {} | <= {QUEUE_TEXTS} |", watched.max_waiting);
    if let (Some(warm), Some(end)) = (watched.memory.get(watched.memory.len() / 4), watched.memory.last()) {
        println!("| {name} | 200 % load: memory after warm-up, at the end | {warm:.0} MB, {end:.0} MB | the same |");
    }
    Ok(())
}

/// The second process.
struct Server {
    cores: Cores,
    child: Child,
    address: String,
}

/// What was seen of the server from outside.
#[derive(Default)]
struct Watched {
    max_waiting: f64,
    /// Resident MB, twice a second.
    memory: Vec<f64>,
}

impl Server {
    fn start(cores: Cores) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", cores.name()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").ok_or("the server did not start")?.to_owned();
        Ok(Self { cores, child, address })
    }

    fn watch(&self, done: &AtomicBool) -> Watched {
        let mut watched = Watched::default();
        let mut connection = Connection::open(&self.address).ok();
        while !done.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(500));
            watched.memory.extend(memory::resident_mb(self.child.id()));
            let metrics = connection.as_mut().and_then(|connection| connection.metrics().ok()).unwrap_or_default();
            let waiting = metrics.lines().filter(|line| line.starts_with("plaint_waiting_texts"));
            let waiting = waiting.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            watched.max_waiting = waiting.fold(watched.max_waiting, f64::max);
        }
        watched
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when its input does.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The server: ends with its input, so that it never outlives its parent.
#[tokio::main]
async fn serve(cores: Cores) -> Result<(), Box<dyn Error>> {
    let end = async {
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
    };
    axum_service::serve(TcpListener::bind("127.0.0.1:0").await?, cores.service()?, end).await
}

/// The smallest value that at least `share` of all do not exceed.
fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", 1000.0 * duration.as_secs_f64())
}
