//! Examples and what an engine makes of them.

use serde::Serialize;

use super::dataset::Example;
use super::head::Head;
use crate::assessment::Assessment;
use crate::engine::Engine;

/// An example and its scores.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// The example.
    pub example: &'a Example,
    /// Its scores.
    pub assessment: Assessment,
}

/// An example that could not be scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Id of the example.
    pub id: String,
    /// Its source.
    pub source: Option<String>,
    /// Why, in one line.
    pub error: String,
}

/// What scoring a data set gave, in its order.
#[derive(Debug, Clone, Default)]
pub struct Scores<'a> {
    /// The examples that were scored.
    pub scored: Vec<Scored<'a>>,
    /// Those that were not.
    pub failures: Vec<Failure>,
    /// Heads that whoever scored does not have: what the assessments say of them is not measured. Of an engine, none.
    pub without: Vec<Head>,
}

/// Scores examples; `done` is called after each, in their order, for a progress bar.
pub fn score<'a>(engine: &Engine, examples: &'a [Example], mut done: impl FnMut(&'a Example)) -> Scores<'a> {
    let mut scores = Scores::default();
    let texts = examples.iter().map(|example| example.text.as_str());
    for (example, result) in examples.iter().zip(engine.score_iter(texts)) {
        match result {
            Ok(assessment) => scores.scored.push(Scored { example, assessment }),
            Err(error) => {
                let (id, source) = (example.id.clone(), example.source.clone());
                scores.failures.push(Failure { id, source, error: error.to_string() });
            }
        }
        done(example);
    }
    scores
}
