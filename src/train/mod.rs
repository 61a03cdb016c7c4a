//! Fine-tuning (feature `train`): a recipe and labelled texts in, a model folder out.
//!
//! | step | file | what happens |
//! | --- | --- | --- |
//! | describe | `recipe` | everything that a run depends on, in one TOML file |
//! | start | `base` | the weights of a checkpoint, or of an earlier stage |
//! | read | `corpus` | labelled rows, without those that recur in development or test data |
//! | draw | `stream` | which text when: a fixed order from the seed |
//! | vary | `augment` | casing, spelling, texts joined to long posts |
//! | collate | `collate` | samples of similar length, padded together |
//! | compute | `bert`, `network`, `loss` | BERT in fused operations, three heads, masked losses |
//! | learn | `teacher`, `pairs` | the scores and hidden states of another model, beside the labels |
//! | update | `optimizer` | AdamW; only the rows of the embedding table that a batch used |
//! | repeat | `fit` | the loop, development loss, checkpoints, resuming |
//! | average | `soup` | the weights of several seeds |
//! | test | `folds` | cross-validation |
//! | finish | `calibrate`, `export`, `card` | calibration, thresholds, int8, manifest and card |
//!
//! [`train`] walks it:
//!
//! ```no_run
//! use plaint::train::{Corpus, Recipe, train};
//!
//! let recipe = Recipe::read("recipes/plaint-base.toml".as_ref())?;
//! let corpus = Corpus::read(&recipe)?;
//! corpus.errors.iter().for_each(|bad_row| eprintln!("{bad_row}"));
//! train(&recipe, &corpus, |event| println!("{event:?}"))?;
//! # Ok::<(), plaint::train::TrainError>(())
//! ```

mod augment;
mod base;
mod bert;
mod calibrate;
mod card;
mod checkpoint;
mod collate;
mod corpus;
mod error;
mod export;
mod files;
mod fit;
mod folds;
mod loss;
mod network;
mod optimizer;
mod pairs;
mod recipe;
mod soup;
mod stream;
mod target;
mod teacher;
mod watch;

pub use corpus::Corpus;
pub use error::TrainError;
pub use fit::Event;
pub use folds::cross_validate;
pub use recipe::{
    AugmentationSpec, BaseSpec, CrossValidationSpec, DataSpec, ModelSpec, OptimizerSpec, Recipe, SentimentLabels,
    TeacherSpec,
};
pub use watch::DevScores;

use std::collections::BTreeMap;

use serde_json::json;

use crate::engine::Engine;

/// Trains a model by `recipe` on `corpus` and writes its folder: weights in int8, manifest with calibration and thresholds
/// from the development data, and a card with its figures on development and test data. Of a recipe with an earlier stage,
/// that stage must be finished ([`Recipe::is_finished`]).
///
/// # Errors
/// [`TrainError`] says what of the recipe, the data or the run is at fault.
pub fn train(recipe: &Recipe, corpus: &Corpus, mut tell: impl FnMut(Event)) -> Result<(), TrainError> {
    let (engine, run) = make(recipe, corpus, &mut tell)?;
    let path = recipe.output.join("CARD.md");
    let text = card::card(&run, &engine, &mut tell)?;
    std::fs::write(&path, text).map_err(TrainError::io(&path))
}

/// All of [`train`] but the card: trains, writes the model's folder and opens it.
fn make<'a>(
    recipe: &'a Recipe,
    corpus: &'a Corpus,
    tell: &mut dyn FnMut(Event),
) -> Result<(Engine, card::Run<'a>), TrainError> {
    let base = base::read(&recipe.base)?;
    let fit::Trained { network, dev: (scores, rows), progress } = fit::fit(recipe, corpus, &base, tell)?;
    let details = BTreeMap::from([
        ("trained_on".to_owned(), json!(BTreeMap::from_iter(corpus.sources()))),
        ("seeds".to_owned(), json!(recipe.seeds())),
        ("steps".to_owned(), json!(progress.steps)),
        ("date".to_owned(), json!(recipe.model.date)),
    ]);
    let parts = export::Parts {
        config_json: &base.config_json,
        tokenizer_json: &base.tokenizer_json,
        layers: base.config.num_hidden_layers,
        decisions: &calibrate::Decisions::fit(&rows),
        details,
    };
    export::export(recipe, &network.weights(), parts)?;

    let engine = Engine::builder().open(&recipe.output);
    let engine = engine.map_err(|source| TrainError::Model { path: recipe.output.clone(), source })?;
    let run = card::Run { recipe, corpus, steps: progress.steps, draws: progress.drawn, dev: scores };
    Ok((engine, run))
}
