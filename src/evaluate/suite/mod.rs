//! Sentences that show what a model understands, each with what must hold of its scores.
//!
//! A suite is a file of JSON Lines, one case a row:
//!
//! | `kind` | fields | holds if |
//! | --- | --- | --- |
//! | `invariance` | `texts`, 2 or more; `tolerance` | no probability differs between two texts by more than `tolerance` |
//! | `direction` | `texts`, 2; `margin` | the second text's score exceeds the first's by at least `margin` |
//! | `label` | `texts`, 1 or more; `expect`, a label or several | every text gets one of the labels |
//!
//! Every row also has `head` (complaint, sentiment, urgency), `phenomenon` (what is tried: `negation`, `brand_swap` ...)
//! and perhaps `id` and `lang`. Scores of `direction`: the probability of a complaint; sentiment's polarity, in `[-1, 1]`;
//! urgency's score. Labels: those of [`Head::labels`](super::Head::labels).

mod case;
mod check;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::head::Head;
use super::jsonl::{self, ReadError, RowError};
use crate::assessment::Assessment;
use crate::engine::Engine;
use case::Row;
pub use case::{Case, Check};

/// The rows of a suite.
#[derive(Debug, Default)]
pub struct Suite {
    /// The good rows, in order.
    pub cases: Vec<Case>,
    /// What is wrong with the others, in order.
    pub errors: Vec<RowError>,
}

/// How many cases hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Cases that hold.
    pub passed: usize,
    /// All cases.
    pub cases: usize,
}

impl Tally {
    fn count(&mut self, passed: bool) {
        self.cases += 1;
        self.passed += usize::from(passed);
    }
}

/// How many cases of a phenomenon hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Phenomenon {
    /// In all languages, and of no language.
    #[serde(flatten)]
    pub all: Tally,
    /// By language.
    pub by_lang: BTreeMap<String, Tally>,
}

/// A case that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseFailure {
    /// Id of the case.
    pub id: String,
    /// What it tries.
    pub phenomenon: String,
    /// Its language.
    pub lang: Option<String>,
    /// The head that it asks.
    pub head: Head,
    /// What was found and what was expected.
    pub message: String,
}

/// How a model does on a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuiteReport {
    /// Over all cases.
    #[serde(flatten)]
    pub all: Tally,
    /// By phenomenon.
    pub phenomena: BTreeMap<String, Phenomenon>,
    /// The cases that do not hold, in the order of the suite.
    pub failures: Vec<CaseFailure>,
}

impl Suite {
    /// Reads a file of JSON Lines, plain or gzipped. A bad row becomes a [`RowError`].
    ///
    /// # Errors
    /// [`ReadError`] if the file cannot be read to its end.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let mut suite = Self::default();
        jsonl::read(path.as_ref(), |place, row: Result<Row, RowError>| match row.and_then(|row| row.check(place)) {
            Ok(case) => suite.cases.push(case),
            Err(error) => suite.errors.push(error),
        })?;
        Ok(suite)
    }

    /// The texts of all cases, in their order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.cases.iter().flat_map(|case| &case.texts).map(String::as_str)
    }

    /// Holds a model against the cases. A case with a text that cannot be scored does not hold.
    pub fn run(&self, engine: &Engine) -> SuiteReport {
        self.judge(engine.score_iter(self.texts()), &Head::ALL)
    }

    /// Holds scores of [`texts`](Self::texts), in their order, against the cases of `heads`; the cases of other heads are
    /// left out. A case without all of its scores does not hold.
    pub fn judge<E: fmt::Display>(
        &self,
        scores: impl IntoIterator<Item = Result<Assessment, E>>,
        heads: &[Head],
    ) -> SuiteReport {
        let mut scores = scores.into_iter();
        let mut report = SuiteReport { all: Tally::default(), phenomena: BTreeMap::new(), failures: Vec::new() };
        for case in &self.cases {
            // All of the case's scores are taken, even behind an error: the next case starts after them.
            let scores: Vec<_> = scores.by_ref().take(case.texts.len()).collect();
            if !heads.contains(&case.head) {
                continue;
            }
            let found = scores.len();
            let scores: Result<Vec<_>, _> = scores.into_iter().collect();
            let verdict = match scores {
                Err(error) => Err(error.to_string()),
                Ok(_) if found < case.texts.len() => Err("found no score of a text, expected one".to_owned()),
                Ok(scores) => case.verdict(&scores),
            };
            report.count(case, verdict);
        }
        report
    }
}

impl SuiteReport {
    fn count(&mut self, case: &Case, verdict: Result<(), String>) {
        let passed = verdict.is_ok();
        let phenomenon = self.phenomena.entry(case.phenomenon.clone()).or_default();
        self.all.count(passed);
        phenomenon.all.count(passed);
        if let Some(lang) = &case.lang {
            phenomenon.by_lang.entry(lang.clone()).or_default().count(passed);
        }
        if let Err(message) = verdict {
            let Case { id, phenomenon, lang, head, .. } = case.clone();
            self.failures.push(CaseFailure { id, phenomenon, lang, head, message });
        }
    }
}

#[cfg(all(test, feature = "embedded-model"))]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted_by_phenomenon_and_language() {
        let rows = [
            r#"{"kind":"label","head":"complaint","phenomenon":"thanks","lang":"de","texts":["Danke, super!"],"expect":"no_complaint"}"#,
            r#"{"kind":"label","head":"sentiment","phenomenon":"thanks","lang":"fr","texts":["Merci beaucoup !"],"expect":["negative"]}"#,
            r#"{"kind":"direction","head":"complaint","phenomenon":"thanks","texts":["Danke, super!","Kein Netz, so eine Frechheit!"],"margin":0.1}"#,
            r#"{"kind":"invariance","head":"urgency","phenomenon":"same","texts":["ok","ok"],"tolerance":0}"#,
            r#"{"kind":"label","head":"urgency","phenomenon":"same","texts":["\u200b\ufe0f"],"expect":"none"}"#,
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suite.jsonl");
        std::fs::write(&path, rows.join("\n")).unwrap();
        let suite = Suite::read(&path).unwrap();
        assert_eq!(suite.errors, []);

        let report = suite.run(&Engine::embedded().unwrap());
        assert_eq!(report.phenomena["thanks"].all, Tally { passed: 2, cases: 3 });
        assert_eq!(report.phenomena["thanks"].by_lang["de"], Tally { passed: 1, cases: 1 });
        assert_eq!(report.phenomena["thanks"].by_lang["fr"], Tally { passed: 0, cases: 1 });
        assert_eq!(report.all.cases, 5);
        assert_eq!(report.failures[0].id, "2");
        let scores = || Engine::embedded().unwrap().score_iter(suite.texts().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(suite.judge(scores(), &Head::ALL), report);
        assert_eq!(suite.judge(scores(), &[Head::Urgency]).all.cases, 2);
        assert_eq!(suite.judge(scores().take(3), &Head::ALL).all, Tally { passed: 1, cases: 5 });
        assert!(report.failures[0].message.ends_with("expected negative"), "{}", report.failures[0].message);
    }
}
