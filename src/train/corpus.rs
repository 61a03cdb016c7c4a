//! Labelled rows from the recipe's files, without any that must not be trained on.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::error::TrainError;
use super::recipe::{DataSpec, Recipe, SentimentLabels};
use super::target::Target;
use crate::evaluate::{Dataset, Example, RowError};

/// The texts of a run.
#[derive(Debug)]
pub struct Corpus {
    pub(super) train: Vec<Item>,
    pub(super) dev: Vec<Item>,
    /// What the card reports on beside `dev`.
    pub(super) test: Vec<Item>,
    /// Rows that could not be read.
    pub errors: Vec<RowError>,
    /// Training rows left out because their text recurs in test or development data, or because rows with the same text
    /// earlier in the training data teach all that they teach. Of a row that teaches something more, that is kept: one
    /// corpus may have labelled a text for complaint, another for sentiment.
    pub dropped: usize,
}

/// One labelled text. Its example has the labels that the recipe asks for, and no others.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub example: Example,
    pub target: Target,
    /// How often it is drawn in the run, on average.
    pub passes: f32,
    /// Whether it may stand in a composed post.
    pub compose: bool,
}

/// What the rows of one text teach so far.
#[derive(Debug, Default)]
struct Lessons {
    /// Whether there was any row, with labels or without.
    any: bool,
    complaint: bool,
    sentiment: bool,
    /// Sentiment by the guide that has a head of its own.
    guide: bool,
    urgency: bool,
}

impl Lessons {
    /// Takes from `target` what earlier rows teach, notes the rest, and tells whether the row is of use.
    fn add(&mut self, target: &mut Target) -> bool {
        let sentiment = if target.by_guide { &mut self.guide } else { &mut self.sentiment };
        let of_use = !std::mem::replace(&mut self.any, true);
        for (taught, weight) in [
            (&mut self.complaint, &mut target.complaint_weight),
            (sentiment, &mut target.sentiment_weight),
            (&mut self.urgency, &mut target.urgency_weight),
        ] {
            if *taught {
                *weight = 0.0;
            }
            *taught |= *weight > 0.0;
        }
        of_use || target.is_used()
    }
}

impl Corpus {
    /// Reads the files of a recipe: rows to train on, development data, and test data.
    ///
    /// # Errors
    /// [`TrainError::NoFile`], [`TrainError::Data`] or [`TrainError::NoRows`]. Bad rows are no error: they are collected.
    pub fn read(recipe: &Recipe) -> Result<Self, TrainError> {
        let mut errors = Vec::new();
        // In a cross-validation a row's fold says when it is tested; the flags speak of another division into splits.
        let in_another_test = |example: &Example| {
            !example.in_test_of.is_empty() && (recipe.cross_validation.is_none() || example.fold.is_none())
        };
        let mut dev = read_all(&recipe.dev, false, recipe.seed, &mut errors)?;
        dev.retain(|item| !in_another_test(&item.example));
        let mut train = read_all(&recipe.train, recipe.teacher.is_some(), recipe.seed, &mut errors)?;
        let test = read_all(&recipe.test, false, recipe.seed, &mut errors)?;
        let held_out: HashSet<String> = dev.iter().chain(&test).map(|item| identity_key(&item.example.text)).collect();
        let mut taught: HashMap<String, Lessons> = HashMap::new();
        let before = train.len();
        train.retain_mut(|item| {
            let key = identity_key(&item.example.text);
            // Short texts recur by chance: "thank you".
            let may_recur = key.chars().count() < 8;
            !in_another_test(&item.example)
                && (may_recur || (!held_out.contains(&key) && taught.entry(key).or_default().add(&mut item.target)))
        });
        for (what, items, asked_for) in
            [("training", &train, true), ("development", &dev, true), ("test", &test, !recipe.test.is_empty())]
        {
            if items.is_empty() && asked_for {
                return Err(TrainError::NoRows { what });
            }
        }
        Ok(Self { dropped: before - train.len(), train, dev, test, errors })
    }

    /// Training rows by source, in the order of their first appearance.
    pub fn sources(&self) -> Vec<(String, usize)> {
        let mut counts: Vec<(String, usize)> = Vec::new();
        for item in &self.train {
            let source = item.example.source.as_deref().unwrap_or_default();
            match counts.iter_mut().find(|(name, _)| name == source) {
                Some((_, count)) => *count += 1,
                None => counts.push((source.to_owned(), 1)),
            }
        }
        counts
    }
}

/// The rows that `specs` ask for; those without a usable label only if `unlabelled`.
fn read_all(
    specs: &[DataSpec],
    unlabelled: bool,
    seed: u64,
    errors: &mut Vec<RowError>,
) -> Result<Vec<Item>, TrainError> {
    let mut items = Vec::new();
    for spec in specs {
        let dataset = Dataset::read_all(files(&spec.files)?)?;
        errors.extend(dataset.errors);
        let mut chosen: Vec<Item> = dataset
            .examples
            .into_iter()
            .filter(|example| wanted(example, spec))
            .map(|example| item(example, spec))
            .collect();
        chosen.retain(|item| unlabelled || item.target.is_used());
        if let Some(limit) = spec.limit.filter(|&limit| limit < chosen.len()) {
            fastrand::Rng::with_seed(seed).shuffle(&mut chosen);
            chosen.truncate(limit);
        }
        items.extend(chosen);
    }
    Ok(items)
}

/// Whether the recipe's entry asks for the row.
fn wanted(example: &Example, spec: &DataSpec) -> bool {
    spec.split.as_ref().is_none_or(|split| example.split.as_ref() == Some(split))
        && example.fold.is_none_or(|fold| !spec.exclude_folds.contains(&fold))
        && spec.folds.as_ref().is_none_or(|folds| example.fold.is_some_and(|fold| folds.contains(&fold)))
}

fn item(mut example: Example, spec: &DataSpec) -> Item {
    if spec.sentiment == SentimentLabels::Public {
        example.labels.sentiment = example.sentiment_public;
    }
    example.labels = example.labels.only(&spec.heads);
    let weight = spec.weight * example.weight.unwrap_or(1.0);
    let target = Target::from_labels(example.labels, spec.sentiment, weight);
    Item { example, target, passes: spec.passes, compose: spec.compose }
}

/// The files that match, in alphabetical order.
fn files(patterns: &[String]) -> Result<Vec<PathBuf>, TrainError> {
    let mut all = Vec::new();
    for pattern in patterns {
        let no_file = || TrainError::NoFile { pattern: pattern.clone() };
        let found: Vec<PathBuf> = glob::glob(pattern).map_err(|_| no_file())?.flatten().collect();
        if found.is_empty() {
            return Err(no_file());
        }
        all.extend(found);
    }
    Ok(all)
}

/// What two copies of one post share: its letters and digits, without case, handles, links and the marks of a retweet.
fn identity_key(text: &str) -> String {
    text.split_whitespace()
        .filter(|word| !word.starts_with('@') && !word.starts_with("http") && !word.eq_ignore_ascii_case("rt"))
        .flat_map(str::chars)
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_text_that_recurs_only_new_labels_are_kept() {
        let target = |complaint, sentiment, by_guide| Target {
            complaint_weight: complaint,
            sentiment_weight: sentiment,
            by_guide,
            ..Target::default()
        };
        let mut lessons = Lessons::default();
        let mut kept = |mut target: Target| lessons.add(&mut target).then_some(target);
        let by_guide = target(1.0, 1.0, true);
        assert_eq!(kept(by_guide), Some(by_guide));
        // Another corpus with another idea of sentiment: it is a lesson of its own, the complaint was learned before.
        assert_eq!(kept(target(1.0, 1.0, false)), Some(target(0.0, 1.0, false)));
        assert_eq!(kept(target(1.0, 1.0, false)), None);
        assert_eq!(kept(target(0.0, 0.0, false)), None);
        // Without labels a text is of use to a teacher, once.
        assert!(Lessons::default().add(&mut target(0.0, 0.0, false)));
    }

    #[test]
    fn copies_share_a_key() {
        assert_eq!(identity_key("RT @user Kein  NETZ!!! http://x.y"), identity_key("kein Netz"));
        assert_ne!(identity_key("kein Netz 1"), identity_key("kein Netz 2"));
    }
}
