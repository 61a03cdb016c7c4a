//! Models of plaint and other programs side by side: how good, how fast, how large.
//!
//! | step | room | in | out |
//! | --- | --- | --- | --- |
//! | read | [`suite`] | TOML | who is compared, on what |
//! | score and measure | [`quality`] | labelled texts | the measures of [`evaluate`], paired comparisons |
//! | measure speed | [`speed`] | texts | latency, throughput, rates, memory |
//! | keep | [`record`] | all of it | JSON |
//! | tell | [`report`] | a record | Markdown, HTML |
//! | look back | [`regression`] | a record and an older one | what is worse beyond noise |
//!
//! [`compare`] does the first four. A contestant that fails has an error in its row, and the others are compared all the
//! same. Programs that are not plaint are run as [`runner`] says.
//!
//! ```no_run
//! use plaint::compare::{Options, Suite, compare, report};
//!
//! let suite = Suite::read("suite.toml".as_ref())?;
//! let options = Options { plaint: vec!["plaint".into()], command: "plaint compare suite.toml".into(), speed: true };
//! let record = compare(&suite, &options, |_| ())?;
//! std::fs::write("report.html", report::html(&record, None))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod command;
mod machine;
mod padding;
pub mod quality;
pub mod record;
pub mod regression;
pub mod report;
pub mod runner;
pub mod speed;
pub mod suite;
pub mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub use machine::Machine;
pub use record::Record;
pub use suite::{Suite, SuiteError};

use crate::evaluate::suite::Suite as Sentences;
use crate::evaluate::{self, Dataset, Example, Head};
use crate::model::{ModelFiles, sha256_hex};
use crate::{EncoderKind, Engine, LoadError};
use quality::Judged;
use record::{Contestant, DataSummary, PairComparison, SpeedConditions};
use runner::RunnerError;
use speed::Subject;
use suite::{ModelSpec, RunnerSpec, SpeedSpec, Texts};

/// What a comparison needs to know beside its suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The program and first arguments behind which `score` makes it plaint's: speeds are those of this program.
    pub plaint: Vec<String>,
    /// The command that repeats the comparison, for the report.
    pub command: String,
    /// Whether speed is measured, if the suite asks for it.
    pub speed: bool,
}

/// What happens during a comparison, for people who wait.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A row of the data cannot be used; the others are.
    BadRow(&'a evaluate::RowError),
    /// A contestant scores labelled texts.
    Scoring {
        /// Whose turn it is.
        contestant: &'a str,
        /// Texts done.
        done: usize,
        /// All texts.
        total: usize,
    },
    /// Speed is measured.
    Speed(speed::Progress<'a>),
    /// Something went wrong with a contestant; the others are compared.
    Failed {
        /// Which.
        contestant: &'a str,
        /// What, in one line.
        error: &'a str,
        /// What it wrote on stderr. It may quote texts.
        stderr: Option<&'a str>,
    },
}

/// Compares what the suite names.
///
/// # Errors
/// [`SuiteError`] if the texts or sentences cannot be read. What goes wrong with a contestant stands in its row.
pub fn compare(suite: &Suite, options: &Options, mut tell: impl FnMut(Event<'_>)) -> Result<Record, SuiteError> {
    let (examples, data) = read_data(suite, &mut tell)?;
    let sentences = suite.sentences.as_ref().map(Sentences::read).transpose()?;
    for error in sentences.iter().flat_map(|sentences| &sentences.errors) {
        tell(Event::BadRow(error));
    }
    // Now: later its load would be our own.
    let machine = Machine::here();

    let mut contestants: Vec<Contestant> = Vec::new();
    let mut judged: Vec<Option<Judged<'_>>> = Vec::new();
    for model in &suite.models {
        let (contestant, found) = judge_model(model, &examples, sentences.as_ref(), suite, options, &mut tell);
        contestants.push(contestant);
        judged.push(found);
    }
    for runner in &suite.runners {
        let (contestant, found) = judge_runner(runner, &examples, sentences.as_ref(), suite, options, &mut tell);
        contestants.push(contestant);
        judged.push(found);
    }
    let comparisons = compare_pairs(&contestants, &judged, suite);
    for (contestant, judged) in contestants.iter_mut().zip(judged) {
        contestant.quality = judged.map(|judged| judged.quality);
    }

    let spec = suite.speed.as_ref().filter(|_| options.speed);
    let speed = spec.map(|spec| {
        let (texts, from) = speed_texts(spec, &examples, suite.seed);
        measure_speed(suite, options, spec, &texts, &mut contestants, &mut tell);
        for (model, contestant) in suite.models.iter().zip(&mut contestants) {
            contestant.padding = padding_of(model, &texts).filter(|_| contestant.errors.is_empty());
        }
        let SpeedSpec { repeats, seconds, p99_ms, .. } = *spec;
        SpeedConditions { texts: texts.len(), from, repeats, seconds, p99_ms }
    });
    Ok(Record {
        format: record::FORMAT,
        plaint: env!("CARGO_PKG_VERSION").to_owned(),
        suite: suite.name.clone(),
        date: record::now(),
        command: options.command.clone(),
        seed: suite.seed,
        resamples: suite.resamples,
        data,
        machine,
        speed,
        contestants,
        comparisons,
    })
}

/// `None` where nobody knows.
fn padding_of(model: &ModelSpec, texts: &[String]) -> Option<f64> {
    match model.encoder {
        EncoderKind::Torch => padding::padding(&files_of(model).ok()?, texts).ok(),
        EncoderKind::Cpu | EncoderKind::Reference => Some(0.0),
    }
}

fn read_data(suite: &Suite, tell: &mut impl FnMut(Event<'_>)) -> Result<(Vec<Example>, DataSummary), SuiteError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for pattern in &suite.data.files {
        // A pattern that finds nothing is taken for a path, and reading it says that there is none.
        let found: Vec<PathBuf> = glob::glob(pattern).map(|paths| paths.flatten().collect()).unwrap_or_default();
        if found.is_empty() { files.push(pattern.into()) } else { files.extend(found) }
    }
    let Dataset { mut examples, errors } = Dataset::read_all(&files)?;
    errors.iter().for_each(|error| tell(Event::BadRow(error)));
    let splits = &suite.data.splits;
    examples.retain(|example| splits.is_empty() || example.split.as_ref().is_some_and(|split| splits.contains(split)));
    if examples.is_empty() {
        return Err(SuiteError::NoTexts { splits: splits.clone() });
    }
    let described =
        |Example { id, source, text, labels, .. }: &Example| format!("{id:?} {source:?} {text:?} {labels:?}\n");
    let described: String = examples.iter().map(described).collect();
    let labels = Head::ALL.map(|head| (head, examples.iter().filter(|example| example.labels.has(head)).count()));
    let summary = DataSummary {
        files: files.iter().map(|path| path.display().to_string()).collect::<BTreeSet<_>>().into_iter().collect(),
        splits: splits.clone(),
        texts: examples.len(),
        labels: BTreeMap::from(labels),
        bad_rows: errors.len(),
        sha256: sha256_hex(described.as_bytes()),
    };
    Ok((examples, summary))
}

fn judge_model<'a>(
    model: &ModelSpec,
    examples: &'a [Example],
    sentences: Option<&Sentences>,
    suite: &Suite,
    options: &Options,
    tell: &mut impl FnMut(Event<'_>),
) -> (Contestant, Option<Judged<'a>>) {
    let mut contestant = Contestant {
        about: model.folder.as_ref().map_or("the model compiled in".to_owned(), |folder| folder.display().to_string()),
        quality_command: command::evaluate(suite, model),
        ..unmeasured(&model.name, options)
    };
    let opened = files_of(model).and_then(|files| {
        let mut builder = Engine::builder().encoder(model.encoder).precision(model.precision);
        if let Some(threads) = model.threads {
            builder = builder.threads(threads);
        }
        Ok((builder.from_files(&files)?, files))
    });
    let engine = match opened {
        Ok((engine, files)) => {
            let parts = [&files.manifest, &files.config, &files.tokenizer, &files.weights];
            contestant.bytes = Some(parts.iter().map(|part| part.len() as u64).sum());
            engine
        }
        Err(error) => {
            fail(&mut contestant, &error.to_string(), None, tell);
            return (contestant, None);
        }
    };
    let manifest = engine.manifest();
    contestant.about = format!("{} {}, {}", manifest.name, manifest.version, engine.describe_encoder());
    let judged = quality::of_engine(&engine, examples, sentences, suite, |done| {
        tell(Event::Scoring { contestant: &model.name, done, total: examples.len() });
    });
    (contestant, Some(judged))
}

fn files_of(model: &ModelSpec) -> Result<ModelFiles, LoadError> {
    match &model.folder {
        Some(folder) => ModelFiles::read(folder),
        #[cfg(feature = "embedded-model")]
        None => Ok(ModelFiles::embedded()),
        #[cfg(not(feature = "embedded-model"))]
        None => Err(LoadError::Unavailable {
            what: "the model compiled in".to_owned(),
            reason: "this build has none; name a `folder`".to_owned(),
        }),
    }
}

fn judge_runner<'a>(
    runner: &RunnerSpec,
    examples: &'a [Example],
    sentences: Option<&Sentences>,
    suite: &Suite,
    options: &Options,
    tell: &mut impl FnMut(Event<'_>),
) -> (Contestant, Option<Judged<'a>>) {
    let mut contestant = Contestant {
        about: command::join(&runner.command),
        bytes: runner.artefact.as_deref().and_then(bytes_of),
        ..unmeasured(&runner.name, options)
    };
    let total = examples.len() + sentences.iter().flat_map(|sentences| sentences.texts()).count();
    let judged = quality::of_runner(runner, examples, sentences, suite, |done| {
        tell(Event::Scoring { contestant: &runner.name, done, total });
    });
    let judged = judged.map_err(|error| fail(&mut contestant, &error.to_string(), error.stderr(), tell)).ok();
    (contestant, judged)
}

/// Bytes of a file, or of all files below a folder.
fn bytes_of(path: &Path) -> Option<u64> {
    let found = fs::metadata(path).ok()?;
    if !found.is_dir() {
        return Some(found.len());
    }
    let entries = fs::read_dir(path).ok()?.flatten();
    // Not through links: they may lead in a circle.
    Some(entries.filter(|entry| !entry.path().is_symlink()).filter_map(|entry| bytes_of(&entry.path())).sum())
}

/// A contestant of which nothing is known but how to measure it alone.
fn unmeasured(name: &str, options: &Options) -> Contestant {
    let alone = format!("{} --only {}", options.command, command::join(&[name.to_owned()]));
    Contestant {
        name: name.to_owned(),
        about: String::new(),
        bytes: None,
        quality_command: format!("{alone} --no-speed"),
        speed_command: alone,
        quality: None,
        speed: None,
        padding: None,
        errors: Vec::new(),
    }
}

fn fail(contestant: &mut Contestant, error: &str, stderr: Option<&str>, tell: &mut impl FnMut(Event<'_>)) {
    tell(Event::Failed { contestant: &contestant.name, error, stderr });
    contestant.errors.push(error.to_owned());
}

fn compare_pairs(contestants: &[Contestant], judged: &[Option<Judged<'_>>], suite: &Suite) -> Vec<PairComparison> {
    let options = quality::options(suite);
    let mut comparisons = Vec::new();
    for (first, a) in judged.iter().enumerate() {
        for (second, b) in judged.iter().enumerate().skip(first + 1) {
            let (Some(a), Some(b)) = (a, b) else { continue };
            let heads = evaluate::compare(&a.scores, &b.scores, &options);
            if !heads.is_empty() {
                let (a, b) = (contestants[first].name.clone(), contestants[second].name.clone());
                comparisons.push(PairComparison { a, b, heads });
            }
        }
    }
    comparisons
}

/// The texts of the measures of speed, and where they come from.
fn speed_texts(spec: &SpeedSpec, examples: &[Example], seed: u64) -> (Vec<String>, String) {
    match spec.from {
        Texts::Synthetic => (texts::messages(spec.texts), "made up, log-normal lengths".to_owned()),
        Texts::Data => {
            let mut order: Vec<&Example> = examples.iter().collect();
            fastrand::Rng::with_seed(seed).shuffle(&mut order);
            let drawn = order.into_iter().take(spec.texts).map(|example| example.text.clone());
            (drawn.collect(), "drawn from the labelled texts".to_owned())
        }
    }
}

fn measure_speed(
    suite: &Suite,
    options: &Options,
    spec: &SpeedSpec,
    texts: &[String],
    contestants: &mut [Contestant],
    tell: &mut impl FnMut(Event<'_>),
) {
    let models = suite.models.iter().map(|model| model_subject(model, &options.plaint));
    let runners = suite.runners.iter().map(|runner| Subject {
        name: runner.name.clone(),
        command: runner.command.clone(),
        timeout: runner.timeout(),
        streams: runner.streams,
    });
    // Who failed on the labelled texts is not tried again.
    let (subjects, able): (Vec<Subject>, Vec<&mut Contestant>) =
        models.chain(runners).zip(contestants).filter(|(_, contestant)| contestant.errors.is_empty()).unzip();
    let results = speed::measure(&subjects, texts, spec, suite.seed, |progress| tell(Event::Speed(progress)));
    for (contestant, result) in able.into_iter().zip(results) {
        match result {
            Ok(speed) => contestant.speed = Some(speed),
            Err(error) => fail(contestant, &format!("speed: {error}"), RunnerError::stderr(&error), tell),
        }
    }
}

/// A model of plaint as a process: `plaint score`.
pub fn model_subject(model: &ModelSpec, plaint: &[String]) -> Subject {
    let mut command = plaint.to_vec();
    command.push("score".to_owned());
    command.extend(command::model_arguments(model));
    Subject { name: model.name.clone(), command, timeout: MODEL_TIMEOUT, streams: true }
}

/// A model of plaint that does not answer for so long never will.
const MODEL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(300);
