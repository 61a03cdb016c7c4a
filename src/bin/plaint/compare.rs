//! `plaint compare`: models and other programs side by side.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use plaint::compare::regression::{self, Past};
use plaint::compare::{Event, Options, Record, Suite, compare, report};

use crate::Outcome;
use crate::fatal::Fatal;
use crate::output::write_lines;
use crate::steps::Steps;

/// Compare models and other programs: how good, how fast, how large
///
/// Writes report.html (one file, no network), report.json and report.md, and prints the summary.
#[derive(Debug, clap::Args)]
#[command(after_long_help = FORMATS)]
pub struct Args {
    /// What to compare, in TOML
    #[arg(value_name = "SUITE")]
    suite: PathBuf,
    /// Folder for the report
    #[arg(long, value_name = "DIR", default_value = "plaint-report")]
    output: PathBuf,
    /// Only these of the suite's contestants
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leave out the measurements of speed
    #[arg(long)]
    no_speed: bool,
    /// Keep the results in this folder, as a file named by the date
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Tell what is worse than in these results, beyond noise
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

const FORMATS: &str = r#"SUITE; paths are relative to the current folder, and all that has a comment may be left out:
  name = "shop"
  seed = 1                              # of resampling and arrivals
  resamples = 1000                      # behind intervals and p values
  sentences = "robustness.jsonl"        # see `plaint evaluate --help`
  miss_costs = [1, 5, 20]               # false alarms that a missed complaint is worth
  [data]
  files = ["data/*.jsonl.gz"]
  splits = ["test"]                     # else all
  [[model]]
  name = "base int8"
  folder = "models/plaint-base"         # else the model compiled into this program
  encoder = "cpu"                       # cpu, torch, reference
  precision = "int8"                    # auto, int8, bf16, f32
  threads = 2                           # else all
  [[runner]]                            # any program
  name = "majority"
  command = ["python3", "majority.py"]  # no shell is asked
  timeout_s = 600                       # for all labelled texts, or for an answer
  streams = true                        # false: reads all its input before it answers
  artefact = "model.onnx"               # a file or folder; its size is the model's
  [speed]                               # without it, speed is not measured
  scenarios = ["single", "server", "offline"]
  repeats = 5                           # runs of each, in turn with the others
  seconds = 5                           # about, for each run of a scenario
  texts = 512                           # to draw from
  from = "synthetic"                    # or "data"
  p99_ms = 100                          # what a server must keep for 99 of 100 texts

A runner reads {"id":1,"text":"..","lang":"de"} a line on stdin and answers each with a line like those of
`plaint score`; heads that it lacks are left out. No text ever appears in a report.

A model or runner that fails has its error in its row; the others are compared.

Exit status: 0 all went well, 1 a contestant failed or is worse than in --against, 2 usage or load error."#;

pub fn run(args: &Args) -> Result<Outcome, Fatal> {
    let mut suite = Suite::read(&args.suite)?;
    if !args.only.is_empty() {
        suite.only(&args.only).map_err(|message| Fatal::Option { name: "--only", message })?;
    }
    let past = args.against.as_deref().map(Past::read).transpose()?;
    let plaint = std::env::current_exe().map_err(|source| Fatal::Open { name: "this program".into(), source })?;
    let options = Options {
        plaint: vec![plaint.to_string_lossy().into_owned()],
        command: format!("plaint compare {}", args.suite.display()),
        speed: !args.no_speed,
    };
    let mut steps = Steps::new();
    let record = compare(&suite, &options, |event| tell(&mut steps, event))?;
    drop(steps);

    let changes = past.as_ref().map(|past| regression::against(&record, past));
    write_report(&args.output, &record, changes.as_ref())?;
    if let Some(folder) = &args.record {
        write(folder, &record.file_name(), &record.to_json())?;
    }
    let mut text = report::summary(&record, changes.as_ref());
    text += &format!("\nreport: {}\n", args.output.join("report.html").display());
    write_lines(text.as_bytes())?;
    let worse = changes.is_some_and(|changes| changes.has_regressions());
    Ok(if record.has_errors() || record.data.bad_rows > 0 || worse {
        Outcome::SomeInputsFailed
    } else {
        Outcome::Complete
    })
}

fn write_report(folder: &Path, record: &Record, changes: Option<&regression::Changes>) -> Result<(), Fatal> {
    write(folder, "report.html", &report::html(record, changes))?;
    write(folder, "report.md", &report::markdown(record, changes))?;
    write(folder, "report.json", &record.to_json())
}

fn write(folder: &Path, name: &str, content: &str) -> Result<(), Fatal> {
    let path = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, content));
    written.map_err(|source| Fatal::Save { path, source })
}

/// On stderr: a bar if that is a terminal, and what goes wrong.
fn tell(steps: &mut Steps, event: Event<'_>) {
    match event {
        Event::Scoring { contestant, done, total } => steps.show(contestant, "texts", done, total),
        Event::Speed(progress) => steps.show(progress.contestant, progress.step, progress.done, progress.total),
        Event::BadRow(error) => steps.aside(|| warn(format_args!("{error}"))),
        Event::Failed { contestant, error, stderr } => steps.aside(|| {
            warn(format_args!("{contestant}: {error}"));
            for line in stderr.into_iter().flat_map(str::lines) {
                warn(format_args!("{contestant} wrote: {}", line.escape_debug()));
            }
        }),
        _ => {}
    }
}

/// Not `eprintln`: it panics where nobody listens on stderr.
fn warn(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "plaint: {message}");
}
