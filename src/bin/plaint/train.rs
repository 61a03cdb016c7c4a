//! `plaint train`: a recipe in, a model folder out.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use plaint::train::{Corpus, Event, Recipe, TrainError, cross_validate, train};

use crate::Outcome;
use crate::fatal::Fatal;
use crate::output::write_lines;

/// Fine-tune a model: train, calibrate, export.
///
/// Progress goes to stderr. A run that was cut off goes on from its last checkpoint when the command is given again. A
/// recipe that starts from another recipe's model runs that one first, unless its model is there. A recipe with
/// `cross_validation` trains and tests a model for each fold, and prints its figures on stdout.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to train, from what, on what: a TOML file.
    recipe: PathBuf,
}

pub fn run(args: &Args) -> Result<Outcome, Fatal> {
    run_stages(&Recipe::read(&args.recipe)?)
}

/// Runs the stages before `recipe` that are not finished yet, then `recipe`.
fn run_stages(recipe: &Recipe) -> Result<Outcome, Fatal> {
    let mut earlier = Outcome::Complete;
    if let (Some(stage), Some(path)) = (&recipe.base.stage, &recipe.base.recipe) {
        if stage.is_finished() {
            let (path, output) = (path.display(), stage.output.display());
            tell(format_args!("{path} is not run: {output} is there and is used as it is"));
        } else {
            earlier = run_stages(stage)?;
        }
    }
    let own = run_stage(recipe)?;
    Ok(if earlier == Outcome::Complete { own } else { earlier })
}

fn run_stage(recipe: &Recipe) -> Result<Outcome, Fatal> {
    let corpus = match recipe.cross_validation {
        Some(spec) => Corpus::read(&recipe.fold(0, spec))?,
        None => Corpus::read(recipe)?,
    };
    tell(format_args!("{} starts from {}", recipe.model.name, recipe.base.weights().display()));
    for error in &corpus.errors {
        tell(format_args!("plaint: {error}"));
    }
    for (source, rows) in corpus.sources() {
        tell(format_args!("{rows:>8} rows of {source}"));
    }
    tell(format_args!(
        "{:>8} rows dropped: their text recurs in test or development data, or in the training data",
        corpus.dropped
    ));
    let mut report = Report::new();
    match recipe.cross_validation {
        Some(spec) => {
            cross_validate(recipe, spec, |event| report.tell(event))?;
            let path = recipe.output.join("REPORT.md");
            let table = std::fs::read(&path).map_err(|source| TrainError::Io { path, source })?;
            write_lines(&table)?;
        }
        None => train(recipe, &corpus, |event| report.tell(event))?,
    }
    Ok(if corpus.errors.is_empty() { Outcome::Complete } else { Outcome::SomeInputsFailed })
}

/// A line on stderr. Not `eprintln`: it panics where nobody listens.
fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The progress of a run: a bar on a terminal, else a line now and then.
struct Report {
    bar: ProgressBar,
    started: Instant,
    told: Instant,
    draws: usize,
    tokens: usize,
    busy: f64,
    /// Of it, time of the teacher.
    teacher: f64,
    /// Running mean of the loss.
    loss: f32,
}

const BETWEEN_LINES: Duration = Duration::from_secs(30);

impl Report {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            bar: ProgressBar::hidden(),
            started: now,
            told: now,
            draws: 0,
            tokens: 0,
            busy: 0.0,
            teacher: 0.0,
            loss: 0.0,
        }
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Started { seed, draws, done } => {
                self.draws = draws;
                let style = ProgressStyle::with_template("{bar:30} {pos}/{len} texts, {eta} left  {msg}");
                self.bar = ProgressBar::new(draws as u64).with_position(done as u64);
                self.bar.set_style(style.expect("a constant template"));
                tell(format_args!("seed {seed}: {draws} texts to draw, {done} done before"));
            }
            Event::Step { done, loss, gradient_norm, tokens, seconds, teacher_seconds, .. } => {
                self.tokens += tokens;
                self.busy += seconds;
                self.teacher += teacher_seconds;
                self.loss = if self.loss == 0.0 { loss } else { 0.98 * self.loss + 0.02 * loss };
                self.bar.set_position(done as u64);
                let rate = self.tokens as f64 / self.busy;
                self.bar.set_message(format!("loss {:.3}, {rate:.0} tokens/s", self.loss));
                if self.bar.is_hidden() && self.told.elapsed() > BETWEEN_LINES {
                    self.told = Instant::now();
                    let minutes = self.started.elapsed().as_secs_f64() / 60.0;
                    let teacher = match 100.0 * self.teacher / self.busy {
                        share if share > 0.0 => format!(", teacher {share:.0} % of the time"),
                        _ => String::new(),
                    };
                    tell(format_args!(
                        "{done}/{} texts, {minutes:.1} min, loss {:.3}, gradient {gradient_norm:.2}, {rate:.0} tokens/s{teacher}",
                        self.draws, self.loss
                    ));
                }
            }
            Event::Watched { step, done, scores, best } => self.bar.suspend(|| {
                tell(format_args!(
                    "step {step}, {done} texts: dev loss {:.4}{} = complaint {:.4} + sentiment {:.4} + urgency {:.4}; \
                     macro-F1 complaint {:.3}, sentiment {:.3}; urgency kappa {:.3}",
                    scores.loss(),
                    if best { " (best)" } else { "" },
                    scores.complaint_loss,
                    scores.sentiment_loss,
                    scores.urgency_loss,
                    scores.complaint_f1,
                    scores.sentiment_f1,
                    scores.urgency_kappa,
                ));
            }),
            Event::Tested { fold, texts, complaint_f1 } => self.bar.suspend(|| {
                let f1 = complaint_f1.map(|f1| format!(", macro-F1 of complaint {f1:.3}")).unwrap_or_default();
                tell(format_args!("fold {fold} is tested on {texts} texts{f1}"));
            }),
            Event::Scored { done, total } => {
                if done == 1 {
                    self.bar.finish_and_clear();
                    let style =
                        ProgressStyle::with_template("{bar:30} {pos}/{len} texts scored for the card, {eta} left");
                    self.bar = ProgressBar::new(total as u64).with_style(style.expect("a constant template"));
                    tell(format_args!("{total} texts to score for the card"));
                }
                self.bar.set_position(done as u64);
                if self.bar.is_hidden() && self.told.elapsed() > BETWEEN_LINES {
                    self.told = Instant::now();
                    tell(format_args!("{done}/{total} texts scored for the card"));
                }
            }
            _ => {}
        }
    }
}
