//! `plaint evaluate`: labelled texts in, measures of the model out.

mod tables;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use plaint::Engine;
use plaint::evaluate::suite::{Suite, SuiteReport};
use plaint::evaluate::{Dataset, Dimension, Example, Options, Report, RowError, score};
use serde::Serialize;

use crate::Outcome;
use crate::fatal::Fatal;
use crate::options::{EngineOptions, ModelOptions};
use crate::output::write_lines;
use crate::progress::Progress;

/// Measure a model on labelled texts, with 95 % intervals
///
/// Prints a table of measures for each of complaint, sentiment and urgency: of all texts with a label, and by language,
/// source and channel.
#[derive(Debug, clap::Args)]
#[command(after_long_help = FORMATS)]
pub struct Args {
    /// Files of labelled texts: JSON Lines, plain or gzipped
    #[arg(value_name = "DATA", required_unless_present = "suite")]
    files: Vec<PathBuf>,
    /// Texts of these splits only
    #[arg(long = "split", value_name = "NAME", value_delimiter = ',')]
    splits: Vec<String>,
    /// What to tell texts apart by: lang, source, channel, subset, length, or several at once as in source+lang
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "lang,source,channel", value_parser = dimensions)]
    by: Vec<Dimensions>,
    /// A suite of sentences to try, also without DATA
    #[arg(long, value_name = "FILE")]
    suite: Option<PathBuf>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// Resamples behind the intervals; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(..=100_000))]
    resamples: u32,
    /// Seed of the resampling
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    engine: EngineOptions,
}

const FORMATS: &str = r#"DATA, one object a line; what is null or absent is not known:
  {"id":"a-7", "text":"Wo bleibt mein Paket?", "lang":"de", "source":"shop", "split":"test", "channel":"email",
   "complaint":1, "sentiment":"neutral", "urgency_level":"normal"}
  `source` is the file's name if absent. Texts of one `group`, and texts whose ids differ in a final -LANG only, are
  resampled together. Other fields are ignored.

SUITE, one object a line:
  {"kind":"invariance", "head":"complaint", "phenomenon":"brand_swap", "lang":"de", "texts":["..","..",..], "tolerance":0.1}
  {"kind":"direction", "head":"complaint", "phenomenon":"negation", "texts":["lower","higher"], "margin":0.1}
  {"kind":"label", "head":"urgency", "phenomenon":"gas", "texts":[".."], "expect":["high","critical"]}

Bad rows are told on stderr, the others are used.

Exit status: 0 all rows were used, 1 some were not, 2 usage or load error. Figures and cases of a suite do not change it."#;

/// Texts that agree in all of these make a slice.
type Dimensions = Vec<Dimension>;

fn dimensions(text: &str) -> Result<Dimensions, String> {
    text.split('+').map(str::parse).collect()
}

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    model: &'a str,
    version: &'a str,
    encoder: String,
    bad_rows: usize,
    report: Option<Report>,
    suite: Option<SuiteReport>,
}

pub fn run(args: Args) -> Result<Outcome, Fatal> {
    args.engine.limit_resampling();
    let Dataset { examples, mut errors } = Dataset::read_all(&args.files)?;
    let examples = select(examples, &args.splits)?;
    let suite = args.suite.as_ref().map(Suite::read).transpose()?;
    errors.extend(suite.iter().flat_map(|suite| &suite.errors).cloned());
    tell(&errors);

    let engine = args.engine.open(&args.model.files()?)?;
    let options = Options { by: args.by, resamples: args.resamples as usize, seed: args.seed, ..Options::default() };
    let report = (!args.files.is_empty()).then(|| Report::new(score_all(&engine, &examples), &options));
    let suite = suite.map(|suite| suite.run(&engine));
    let failures = report.iter().flat_map(|report| &report.failures);
    let failed = failures.map(|failure| warn(format_args!("text `{}`: {}", failure.id, failure.error))).count();

    let manifest = engine.manifest();
    let (model, version, encoder) = (&manifest.name, &manifest.version, engine.describe_encoder());
    let output = Output { model, version, encoder, bad_rows: errors.len(), report, suite };
    let mut text = if args.json {
        serde_json::to_string(&output).map_err(|error| Fatal::Write(error.into()))?
    } else {
        tables::of(&output)
    };
    text.push('\n');
    write_lines(text.as_bytes())?;
    Ok(if errors.is_empty() && failed == 0 { Outcome::Complete } else { Outcome::SomeInputsFailed })
}

/// The examples of `splits`, or all if none is named.
fn select(mut examples: Vec<Example>, splits: &[String]) -> Result<Vec<Example>, Fatal> {
    if splits.is_empty() {
        return Ok(examples);
    }
    let present: BTreeSet<String> = examples.iter().filter_map(|example| example.split.clone()).collect();
    examples.retain(|example| example.split.as_ref().is_some_and(|split| splits.contains(split)));
    if examples.is_empty() {
        let found = if present.is_empty() { "none".to_owned() } else { Vec::from_iter(present).join(", ") };
        return Err(Fatal::Split { expected: splits.join(" or "), found });
    }
    Ok(examples)
}

fn score_all<'a>(engine: &Engine, examples: &'a [Example]) -> plaint::evaluate::Scores<'a> {
    let mut progress = Progress::new(Some(examples.iter().map(|example| example.text.len() as u64).sum()));
    score(engine, examples, |example| progress.advance(1, example.text.len() as u64))
}

fn tell(errors: &[RowError]) {
    errors.iter().for_each(|error| warn(format_args!("{error}")));
}

/// Not `eprintln`: it panics where nobody listens on stderr.
fn warn(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "plaint: {message}");
}
