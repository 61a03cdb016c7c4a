//! `plaint bench`: how fast one model is on this machine.

use std::path::PathBuf;

use plaint::compare::Machine;
use plaint::compare::speed::{self, Speed, Spread};
use plaint::compare::suite::{ModelSpec, Scenario, SpeedSpec};
use plaint::compare::texts;
use plaint::evaluate::Dataset;
use serde::Serialize;

use crate::Outcome;
use crate::fatal::Fatal;
use crate::options::{EngineOptions, ModelOptions};
use crate::output::write_lines;
use crate::steps::Steps;
use crate::table::Table;

/// Measure how fast a model is on this machine, within a minute
///
/// Runs `plaint score` as other programs would, several times, and prints medians and spreads.
#[derive(Debug, clap::Args)]
#[command(after_long_help = SCENARIOS)]
pub struct Args {
    /// Texts to score, JSON Lines [default: made-up messages, log-normal lengths of 4 to 128 tokens]
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// What to measure [default: all]
    #[arg(long, value_name = "NAME")]
    scenario: Vec<Scenario>,
    /// About how long a run of a scenario takes
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    seconds: f64,
    /// Runs of each scenario
    #[arg(long, value_name = "N", default_value_t = 3)]
    repeats: usize,
    /// Latency that a server must keep for 99 of 100 texts, in milliseconds
    #[arg(long, value_name = "N", default_value_t = 100.0)]
    p99_ms: f64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

const SCENARIOS: &str = "Scenarios:
  single   the next text comes when the one before it is answered: latency
  server   texts come at random moments: the highest rate at which 99 of 100 are answered in time
  offline  all texts are there at once: texts and tokens a second

Times contain JSON, tokenization, encoder and heads. A difference that is smaller than the spread is not real.

Exit status: 0 all went well, 2 usage or load error.";

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    machine: &'a Machine,
    model: &'a str,
    encoder: &'a str,
    speed: &'a Speed,
}

pub fn run(args: &Args) -> Result<Outcome, Fatal> {
    let mut spec =
        SpeedSpec { repeats: args.repeats, seconds: args.seconds, p99_ms: args.p99_ms, ..SpeedSpec::default() };
    if !args.scenario.is_empty() {
        spec.scenarios.clone_from(&args.scenario);
    }
    spec.check().map_err(|message| Fatal::Option { name: "bench", message })?;
    // Opened here too: what is wrong with it is said best by its own error.
    let engine = args.engine.open(&args.model.files()?)?;
    let (model, encoder) = (engine.manifest().name.clone(), engine.describe_encoder());
    drop(engine);

    let texts = texts_of(&args.data, spec.texts)?;
    let program = std::env::current_exe().map_err(|source| Fatal::Open { name: "this program".into(), source })?;
    let (folder, encoder_kind, precision, threads) =
        (args.model.folder(), args.engine.encoder, args.engine.precision, args.engine.threads);
    let spec_of_model =
        ModelSpec { name: model.clone(), folder, encoder: encoder_kind, precision, threads: threads.map(usize::from) };
    let subject = plaint::compare::model_subject(&spec_of_model, &[program.to_string_lossy().into_owned()]);
    let machine = Machine::here();
    let steps = Steps::new();
    let results = speed::measure(&[subject], &texts, &spec, 1, |progress| {
        steps.show(progress.contestant, progress.step, progress.done, progress.total);
    });
    drop(steps);
    let speed = results.into_iter().next().expect("one result a subject")?;
    let mut text = if args.json {
        let output = Output { machine: &machine, model: &model, encoder: &encoder, speed: &speed };
        serde_json::to_string(&output).map_err(|error| Fatal::Write(error.into()))?
    } else {
        format!("{model}, {encoder}\n{}\n{}", about(&machine), table(&speed))
    };
    text.truncate(text.trim_end().len());
    text.push('\n');
    write_lines(text.as_bytes())?;
    Ok(Outcome::Complete)
}

/// Texts of the files, at most `count`, or as many made-up ones.
fn texts_of(files: &[PathBuf], count: usize) -> Result<Vec<String>, Fatal> {
    if files.is_empty() {
        return Ok(texts::messages(count));
    }
    let examples = Dataset::read_all(files)?.examples;
    if examples.is_empty() {
        let message = "found no usable text, expected at least one".to_owned();
        return Err(Fatal::Option { name: "--data", message });
    }
    // Evenly over the files, so that all kinds of text are there.
    let step = examples.len().div_ceil(count);
    Ok(examples.into_iter().step_by(step).map(|example| example.text).collect())
}

fn about(machine: &Machine) -> String {
    let load = machine.load.map(|load| format!(", load {load:.1} before")).unwrap_or_default();
    format!("{}, {} threads{load}", machine.cpu, machine.cores)
}

fn table(speed: &Speed) -> Table {
    let mut table = Table::new(["", "median", "least", "greatest", "runs"]);
    let mut row = |name: &str, spread: Option<Spread>, digits: usize| {
        if let Some(Spread { median, least, greatest, runs }) = spread {
            let cells = [median, least, greatest].map(|value| format!("{value:.digits$}"));
            table.row([name.to_owned()].into_iter().chain(cells).chain([runs.to_string()]));
        }
    };
    row("start to first answer, s", speed.start_s, 2);
    if let Some(single) = &speed.single {
        row("single: p50, ms", Some(single.p50_ms), 1);
        row("single: p90, ms", Some(single.p90_ms), 1);
        row("single: p99, ms", Some(single.p99_ms), 1);
    }
    if let Some(offline) = &speed.offline {
        row("offline: texts/s", Some(offline.texts_per_s), 0);
        row("offline: tokens/s", offline.tokens_per_s, 0);
        row("offline: J for 1000 texts", offline.joules_per_1000, 1);
    }
    if let Some(server) = &speed.server {
        row("server: p99 at that rate, ms", server.p99_ms, 1);
    }
    row("peak memory, MB", speed.peak_memory.map(megabytes), 0);
    if let Some(server) = &speed.server {
        let rate = server.rate.map_or("none that was tried".to_owned(), |rate| format!("{rate:.1}"));
        table.row([format!("server: texts/s, p99 < {} ms", server.bound_ms), rate]);
    }
    if let Some(tokens) = speed.tokens {
        table.row(["tokens a text".to_owned(), format!("{:.1}", tokens.tokens as f64 / tokens.texts as f64)]);
    }
    table
}

fn megabytes(bytes: Spread) -> Spread {
    let Spread { median, least, greatest, runs } = bytes;
    Spread { median: median / 1e6, least: least / 1e6, greatest: greatest / 1e6, runs }
}
