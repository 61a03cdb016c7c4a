//! The loop: draw, vary, step, look at the development data, keep the best.

use std::time::Instant;

use fastrand::Rng;
use rayon::prelude::*;

use super::augment::{Composer, Varied, vary};
use super::checkpoint::{Checkpoint, Files, Progress};
use super::collate::{Batch, Sample, collate};
use super::corpus::{Corpus, Item};
use super::error::TrainError;
use super::loss::Losses;
use super::network::{Network, Rates};
use super::optimizer::schedule;
use super::recipe::Recipe;
use super::soup;
use super::stream::{Draw, draws};
use super::teacher::Teacher;
use super::watch::{DevScores, Row, watch};
use crate::guard::guard;
use crate::model::BaseModel;
use crate::text::{LongText, TextReader, Tokenizer};

/// What a run tells whoever watches it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event {
    /// It begins, or goes on where an earlier one was cut off.
    Started {
        /// Seed of the run.
        seed: u64,
        /// Texts that will be drawn in all.
        draws: usize,
        /// Of them done before.
        done: usize,
    },
    /// An optimizer step is done.
    Step {
        /// Steps done.
        step: usize,
        /// Texts drawn so far.
        done: usize,
        /// Mean loss of a text in this step's batch.
        loss: f32,
        /// Norm of the gradient before clipping.
        gradient_norm: f32,
        /// Tokens of the batch, padding not included.
        tokens: usize,
        /// Seconds that the step took.
        seconds: f64,
        /// Of these, seconds in which the teacher answered; 0 without one.
        teacher_seconds: f64,
    },
    /// The development data was looked at.
    Watched {
        /// Steps done.
        step: usize,
        /// Texts drawn so far.
        done: usize,
        /// What was seen.
        scores: DevScores,
        /// Whether it was the best look so far.
        best: bool,
    },
    /// A fold of a cross-validation is tested, now or in an earlier run.
    Tested {
        /// Number of the fold.
        fold: u8,
        /// Its texts.
        texts: usize,
        /// Macro-F1 of complaint.
        complaint_f1: Option<f64>,
    },
    /// A text was scored for the card with the finished model.
    Scored {
        /// Texts scored.
        done: usize,
        /// Texts to score in all.
        total: usize,
    },
}

/// Trains the network, and returns it as it was at its best on the development data; of several seeds the average of that.
///
/// A checkpoint in the recipe's `work` folder is taken up where it ends. The order of texts and batches depends on nothing
/// but the recipe and the data; sums in libtorch may differ in the last bits from run to run.
pub(super) fn fit(
    recipe: &Recipe,
    corpus: &Corpus,
    base: &BaseModel,
    mut tell: impl FnMut(Event),
) -> Result<Trained, TrainError> {
    let course = Course::read(recipe, corpus, base)?;
    let run = if recipe.soup.is_empty() { Course::run } else { soup::run };
    let Run { mut network, mut seen, progress } = run(&course, recipe, &mut tell)?;
    if network.merge_guide(recipe.guide_share) {
        seen = None;
    }
    let dev = seen.unwrap_or_else(|| watch(&network, &course.dev));
    Ok(Trained { network, dev, progress })
}

/// A network after training, at its best.
pub(super) struct Trained {
    pub network: Network,
    /// How it does on the development data, and its logits there.
    pub dev: (DevScores, Vec<Row>),
    pub progress: Progress,
}

/// A network at its best in one run.
pub(super) struct Run {
    pub network: Network,
    /// What was seen of it on the development data, if it was the last look.
    pub seen: Option<(DevScores, Vec<Row>)>,
    pub progress: Progress,
}

/// What all runs of a recipe share: all but the seed.
pub(super) struct Course<'a> {
    corpus: &'a Corpus,
    base: &'a BaseModel,
    reader: TextReader,
    teacher: Option<Teacher<'a>>,
    dev: Vec<Batch>,
}

impl<'a> Course<'a> {
    fn read(recipe: &'a Recipe, corpus: &'a Corpus, base: &'a BaseModel) -> Result<Self, TrainError> {
        let tokenizer = Tokenizer::from_bytes(&base.tokenizer_json)
            .map_err(|source| TrainError::Model { path: recipe.base.folder().into(), source })?;
        let limits = recipe.windows.limits(LongText::AllWindows);
        let reader = TextReader { recipe: recipe.cleaning, tokenizer, limits };
        let teacher = recipe.teacher.as_ref().map(|spec| Teacher::read(spec, &base.config)).transpose()?;
        let dev = collate(read_dev(&reader, &corpus.dev), recipe.optimizer.batch_tokens, None);
        Ok(Self { corpus, base, reader, teacher, dev })
    }

    /// The run of `recipe`'s own seed.
    pub(super) fn run(&self, recipe: &Recipe, tell: &mut dyn FnMut(Event)) -> Result<Run, TrainError> {
        let Self { corpus, base, reader, teacher, dev } = self;
        let optimizer = &recipe.optimizer;
        let mut network = Network::of_recipe(recipe, base, optimizer.bf16);
        let passes: Vec<f32> = corpus.train.iter().map(|item| item.passes).collect();
        let order = draws(&passes, recipe.seed);
        let composer = Composer::new(&corpus.train, recipe.augmentation.compose_words);

        std::fs::create_dir_all(&recipe.work).map_err(TrainError::io(&recipe.work))?;
        let files = Files::of(&recipe.work);
        let fingerprint = recipe.fingerprint();
        let mut progress = Progress::default();
        if let Some(checkpoint) = Checkpoint::read(&files.last, &fingerprint)? {
            progress = checkpoint.progress();
            checkpoint.restore(&mut network)?;
        }
        tell(Event::Started { seed: recipe.seed, draws: order.len(), done: progress.drawn });

        // What was seen of the network as it is, if that is the best so far.
        let mut seen = None;
        while progress.drawn < order.len() && progress.looks_without_gain < optimizer.patience {
            let chunk =
                &order[progress.drawn..order.len().min(progress.drawn.saturating_add(optimizer.evaluate_every))];
            let mut rng = Rng::with_seed(recipe.seed ^ progress.drawn as u64);
            let samples = read_train(reader, chunk, corpus, &composer, recipe);
            let texts = samples.len();
            let batches = collate(samples, optimizer.batch_tokens, Some(&mut rng));
            // A constant divisor, so that a text counts as much among many short ones as among few long ones.
            let divisor = texts as f64 / batches.len().max(1) as f64;
            for batch in batches {
                let start = Instant::now();
                progress.steps += 1;
                progress.drawn += batch.samples.len();
                let rate = schedule(progress.drawn as f32 / order.len() as f32, optimizer.warmup);
                let rates = Rates {
                    step: progress.steps,
                    encoder: rate * optimizer.learning_rate,
                    heads: rate * optimizer.head_learning_rate,
                    layer_decay: optimizer.layer_decay,
                    weight_decay: optimizer.weight_decay,
                    clip_norm: optimizer.clip_norm,
                };
                let dropout = optimizer.token_dropout;
                let Stepped { loss, gradient_norm, teacher_seconds } =
                    guard(|| step(&mut network, teacher.as_ref(), &batch, rates, divisor, || rng.f32() < dropout))
                        .map_err(|message| TrainError::Diverged { step: progress.steps, message })??;
                if !loss.is_finite() || !gradient_norm.is_finite() {
                    let message = format!("loss {loss}, norm of the gradient {gradient_norm}, expected finite numbers");
                    return Err(TrainError::Diverged { step: progress.steps, message });
                }
                let seconds = start.elapsed().as_secs_f64();
                let (step, done, tokens) = (progress.steps, progress.drawn, batch.tokens());
                tell(Event::Step { step, done, loss, gradient_norm, tokens, seconds, teacher_seconds });
            }
            // Texts that could not be read were drawn all the same.
            progress.drawn += chunk.len() - texts;

            let (scores, rows) = watch(&network, dev);
            let best = progress.look(scores.loss());
            tell(Event::Watched { step: progress.steps, done: progress.drawn, scores, best });
            if best {
                Checkpoint::write_weights(&files.best, &network, &fingerprint)?;
            }
            seen = best.then_some((scores, rows));
            Checkpoint::write(&files.last, &network, &progress, &fingerprint)?;
        }
        if seen.is_none()
            && let Some(checkpoint) = Checkpoint::read(&files.best, &fingerprint)?
        {
            checkpoint.restore(&mut network)?;
        }
        Ok(Run { network, seen, progress })
    }
}

/// What is told of a step.
struct Stepped {
    /// Mean of a text.
    loss: f32,
    gradient_norm: f32,
    teacher_seconds: f64,
}

/// Forward, backward, update.
fn step(
    network: &mut Network,
    teacher: Option<&Teacher<'_>>,
    batch: &Batch,
    rates: Rates,
    divisor: f64,
    dropped: impl FnMut() -> bool,
) -> Result<Stepped, TrainError> {
    let forward = network.forward(batch, true, dropped);
    let targets: Vec<_> = batch.samples.iter().map(|sample| sample.target).collect();
    let labels = Losses::new(&forward.logits, &targets);
    let (total, teacher_seconds) = match teacher {
        Some(teacher) => {
            let start = Instant::now();
            let answer = teacher.answer(batch)?;
            (teacher.loss(&answer, &forward, &labels), start.elapsed().as_secs_f64())
        }
        None => (labels.total(), 0.0),
    };
    (&total / divisor).backward();
    let gradient_norm = network.step(forward, rates);
    let loss = total.double_value(&[]) as f32 / batch.samples.len() as f32;
    Ok(Stepped { loss, gradient_norm, teacher_seconds })
}

/// The samples of some draws. A text in which nothing readable is left is passed over.
fn read_train(
    reader: &TextReader,
    draws: &[Draw],
    corpus: &Corpus,
    composer: &Composer<'_>,
    recipe: &Recipe,
) -> Vec<Sample> {
    let read = |draw: &Draw| {
        let mut rng = Rng::with_seed(draw.seed);
        let Varied { text, original, target } =
            vary(&corpus.train[draw.item], composer, &recipe.augmentation, &mut rng);
        let sample = Sample::read(reader, &text, target.smoothed(recipe.optimizer.label_smoothing)).ok()?;
        Some(match original {
            Some(original) if recipe.teacher.is_some() => sample.with_original(reader, &original),
            _ => sample,
        })
    };
    draws.par_iter().filter_map(read).collect()
}

fn read_dev(reader: &TextReader, items: &[Item]) -> Vec<Sample> {
    items.par_iter().filter_map(|item| Sample::read(reader, &item.example.text, item.target).ok()).collect()
}
