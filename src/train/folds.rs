//! Cross-validation: a model a fold, each tested on texts that it never saw.

use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::card::figures;
use super::corpus::{Corpus, Item};
use super::error::TrainError;
use super::files::{read_if_there, replace};
use super::fit::Event;
use super::make;
use super::recipe::{CrossValidationSpec, Recipe};
use crate::assessment::Assessment;
use crate::evaluate::{Dimension, Example, Failure, Head, Measure, Options, Report, Scored, Scores};

impl Recipe {
    /// The recipe of the model that is tested on `fold`; see [`CrossValidationSpec`].
    pub fn fold(&self, fold: u8, spec: CrossValidationSpec) -> Self {
        let mut recipe = self.clone();
        recipe.cross_validation = Some(spec);
        recipe.work = self.work.join(format!("fold-{fold}"));
        recipe.output = recipe.work.join("model");
        recipe.optimizer.evaluate_every = usize::MAX;
        recipe.optimizer.patience = usize::MAX;
        let next = (fold + 1) % spec.folds;
        recipe.train.iter_mut().for_each(|data| data.exclude_folds.extend([fold, next]));
        recipe.dev.iter_mut().for_each(|data| data.folds = Some(vec![next]));
        recipe.test.iter_mut().for_each(|data| data.folds = Some(vec![fold]));
        recipe
    }
}

/// What the model of a fold says of its texts, as `fold-K.json` holds it.
#[derive(Debug, Serialize, Deserialize)]
struct FoldScores {
    fingerprint: String,
    texts: Vec<TextScore>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TextScore {
    id: String,
    score: Result<Assessment, String>,
}

/// Trains and tests a model for each fold, and measures the scores of all folds together.
///
/// Writes to the recipe's `output`: `fold-K.json` with the scores of each fold as soon as it is tested, so that a run which
/// was cut off goes on at the next fold, then `report.json` and `REPORT.md`. The models themselves are not kept. Each is
/// tested as it would be shipped: with int8 weights, and decisions from the fold after the one that it is tested on.
///
/// # Errors
/// As [`train`](super::train); [`TrainError::Checkpoint`] if the scores of a fold are of another recipe or other texts.
pub fn cross_validate(
    recipe: &Recipe,
    spec: CrossValidationSpec,
    mut tell: impl FnMut(Event),
) -> Result<Report, TrainError> {
    std::fs::create_dir_all(&recipe.output).map_err(TrainError::io(&recipe.output))?;
    let (mut examples, mut scores, mut table) = (Vec::new(), Vec::new(), String::new());
    for fold in 0..spec.folds {
        let path = recipe.output.join(format!("fold-{fold}.json"));
        let recipe = recipe.fold(fold, spec);
        let corpus = Corpus::read(&recipe)?;
        let texts = match read(&path, &recipe.fingerprint(), &corpus.test)? {
            Some(texts) => texts,
            None => {
                let texts = test(&recipe, &corpus, &mut tell)?;
                let scores = FoldScores { fingerprint: recipe.fingerprint(), texts };
                let json = serde_json::to_vec(&scores).expect("plain data");
                replace(&path, |partial| std::fs::write(partial, json))?;
                std::fs::remove_dir_all(&recipe.work).map_err(TrainError::io(&recipe.work))?;
                scores.texts
            }
        };
        let of_fold: Vec<Example> = corpus.test.into_iter().map(|item| item.example).collect();
        let report =
            Report::new(pair(&of_fold, &texts), &Options { by: Vec::new(), resamples: 0, ..Options::default() });
        let macro_f1 = |head| Some(report.overall(head)?.measures.get(&Measure::MacroF1)?.value);
        let cells = Head::ALL.map(|head| macro_f1(head).map_or_else(|| "–".to_owned(), |value| format!("{value:.3}")));
        let _ = writeln!(table, "| {fold} | {} | {} |", texts.len(), cells.join(" | "));
        tell(Event::Tested { fold, texts: texts.len(), complaint_f1: macro_f1(Head::Complaint) });
        examples.extend(of_fold);
        scores.extend(texts);
    }
    let by = vec![vec![Dimension::Subset], vec![Dimension::Source, Dimension::Lang]];
    let report = Report::new(pair(&examples, &scores), &Options { by, ..Options::default() });
    let text = format!(
        "# {}: cross-validation in {} folds\n\nEvery text is scored by a model that was trained on other folds and calibrated on a \
         third part; all folds are measured together. In brackets 95 % bootstrap intervals over groups of related texts.\n\n{}\
         ## Macro-F1 by fold\n\n| fold | texts | {} |\n| --- | --- | --- | --- | --- |\n{table}",
        recipe.model.name,
        spec.folds,
        figures(&report),
        Head::ALL.map(Head::as_str).join(" | "),
    );
    let json = serde_json::to_string_pretty(&report).expect("plain data");
    for (name, text) in [("report.json", json), ("REPORT.md", text)] {
        let path = recipe.output.join(name);
        std::fs::write(&path, text).map_err(TrainError::io(&path))?;
    }
    Ok(report)
}

/// Trains the model of a fold and scores the texts that it is tested on.
fn test(recipe: &Recipe, corpus: &Corpus, tell: &mut dyn FnMut(Event)) -> Result<Vec<TextScore>, TrainError> {
    let (engine, _) = make(recipe, corpus, tell)?;
    let scores = engine.score_iter(corpus.test.iter().map(|item| item.example.text.as_str()));
    let texts = corpus.test.iter().zip(scores).map(|(item, score)| TextScore {
        id: item.example.id.clone(),
        score: score.map_err(|error| error.to_string()),
    });
    Ok(texts.collect())
}

/// The scores of a fold that was tested before.
fn read(path: &Path, fingerprint: &str, items: &[Item]) -> Result<Option<Vec<TextScore>>, TrainError> {
    let Some(bytes) = read_if_there(path)? else { return Ok(None) };
    let error = |message: String| TrainError::Checkpoint { path: path.into(), message };
    let found: FoldScores = serde_json::from_slice(&bytes).map_err(|failure| error(failure.to_string()))?;
    if found.fingerprint != fingerprint {
        let found = found.fingerprint;
        return Err(error(format!(
            "found scores of recipe {found}, expected {fingerprint}; remove the file to test the fold anew"
        )));
    }
    if !found.texts.iter().map(|text| &text.id).eq(items.iter().map(|item| &item.example.id)) {
        return Err(error(
            "found scores of other texts than the recipe's; remove the file to test the fold anew".into(),
        ));
    }
    Ok(Some(found.texts))
}

/// Examples with their scores, both in the same order.
fn pair<'a>(examples: &'a [Example], texts: &[TextScore]) -> Scores<'a> {
    let mut scores = Scores::default();
    for (example, text) in examples.iter().zip(texts) {
        match &text.score {
            &Ok(assessment) => scores.scored.push(Scored { example, assessment }),
            Err(error) => {
                let (id, source) = (example.id.clone(), example.source.clone());
                scores.failures.push(Failure { id, source, error: error.clone() });
            }
        }
    }
    scores
}
