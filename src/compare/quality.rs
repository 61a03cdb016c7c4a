//! How good: the measures of [`evaluate`], of models and of other programs alike.

use std::collections::BTreeMap;

use serde::Serialize;

use super::runner::{self, RunnerError};
use super::suite::{RunnerSpec, Suite};
use crate::evaluate::metrics::Cut;
use crate::evaluate::suite::{Suite as Sentences, SuiteReport};
use crate::evaluate::{self, Dimension, Example, Failure, Head, Options, Report, Scored, Scores};
use crate::{Engine, UrgencyLevel};

/// Thresholds of a sweep: 0.00, 0.02 ... 1.00.
const GRID: u32 = 50;

/// What texts are told apart by, beside all of them together: as `plaint evaluate --by lang,source,channel,length`.
pub const BY: [Dimension; 4] = [Dimension::Lang, Dimension::Source, Dimension::Channel, Dimension::Length];

/// How good a contestant is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// What `plaint evaluate` reports of the same texts. Its list of failures is empty: their messages may quote texts.
    pub report: Report,
    /// Texts that could not be scored; they are in no measure.
    pub failed: usize,
    /// By head: what other thresholds would give.
    pub thresholds: BTreeMap<Head, Thresholds>,
    /// How many sentences of the suite hold. Its list of failures is empty; `plaint evaluate --suite` tells them.
    pub sentences: Option<SuiteReport>,
}

/// What other thresholds of a head would give, and what the choice costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Thresholds {
    /// Thresholds from 0 to 1.
    pub grid: Vec<Cut>,
    /// For each cost of a missed positive.
    pub choices: Vec<Choice>,
}

/// A threshold chosen by what errors cost. Costs are false alarms a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// What a missed positive costs, in false alarms.
    pub miss: f64,
    /// The cheapest threshold, chosen on these very texts: what an ideal choice would give.
    pub best: Cut,
    /// Its cost.
    pub best_cost: f64,
    /// What the contestant's own decisions cost.
    pub own_cost: f64,
}

/// A contestant's scores, and what they are worth.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub scores: Scores<'a>,
    pub quality: Quality,
}

/// Options of `plaint evaluate` that a suite stands for.
pub(super) fn options(suite: &Suite) -> Options {
    let by = BY.iter().map(|&dimension| vec![dimension]).collect();
    Options { by, resamples: suite.resamples, seed: suite.seed, ..Options::default() }
}

/// Has a model of plaint score everything. `done` is called with the number of texts so far.
pub(super) fn of_engine<'a>(
    engine: &Engine,
    examples: &'a [Example],
    sentences: Option<&Sentences>,
    suite: &Suite,
    mut done: impl FnMut(usize),
) -> Judged<'a> {
    let mut count = 0;
    let scores = evaluate::score(engine, examples, |_| {
        count += 1;
        done(count);
    });
    Judged::new(scores, sentences.map(|sentences| sentences.run(engine)), suite)
}

/// Has another program score everything, the sentences after the texts.
pub(super) fn of_runner<'a>(
    spec: &RunnerSpec,
    examples: &'a [Example],
    sentences: Option<&Sentences>,
    suite: &Suite,
    done: impl FnMut(usize),
) -> Result<Judged<'a>, RunnerError> {
    let labelled = examples.iter().map(|example| (example.text.as_str(), example.lang.as_deref()));
    let cases = sentences.iter().flat_map(|sentences| &sentences.cases);
    let tried = cases.flat_map(|case| case.texts.iter().map(|text| (text.as_str(), case.lang.as_deref())));
    let texts: Vec<_> = labelled.chain(tried).collect();
    let answers = runner::score_all(&spec.command, texts.into_iter(), spec.timeout(), done)?;

    let heads = answers.iter().find_map(runner::Answer::heads).unwrap_or_default();
    let without = Head::ALL.into_iter().filter(|head| !heads.contains(head)).collect();
    let mut scores = Scores { without, ..Scores::default() };
    for (example, answer) in examples.iter().zip(&answers) {
        match answer.scores() {
            Some(assessment) => scores.scored.push(Scored { example, assessment }),
            None => {
                let (id, source, error) = (example.id.clone(), example.source.clone(), String::new());
                scores.failures.push(Failure { id, source, error });
            }
        }
    }
    let tried = answers[examples.len()..].iter().map(|answer| answer.scores().ok_or("no score"));
    let sentences = sentences.map(|sentences| sentences.judge(tried, &heads));
    Ok(Judged::new(scores, sentences, suite))
}

impl<'a> Judged<'a> {
    fn new(scores: Scores<'a>, sentences: Option<SuiteReport>, suite: &Suite) -> Self {
        let mut report = Report::new(scores.clone(), &options(suite));
        let failed = std::mem::take(&mut report.failures).len();
        let sentences = sentences.filter(|report| report.all.cases > 0).map(|mut report| {
            report.failures.clear();
            report
        });
        let thresholds = Head::ALL
            .into_iter()
            .filter_map(|head| Some((head, Thresholds::new(head, &scores, &report, &suite.miss_costs)?)))
            .collect();
        Self { scores, quality: Quality { report, failed, thresholds, sentences } }
    }
}

impl Thresholds {
    fn new(head: Head, scores: &Scores<'_>, report: &Report, miss_costs: &[f64]) -> Option<Self> {
        let sweep = evaluate::sweep(head, scores)?;
        let positive_from = if head == Head::Urgency { UrgencyLevel::High as usize } else { 1 };
        let own = report.overall(head)?.confusion.at_least(positive_from);
        let choice = |&miss: &f64| {
            let best = sweep.cheapest(miss);
            let own_cost = (own.count(0, 1) as f64 + miss * own.count(1, 0) as f64) / own.total() as f64;
            Some(Choice { miss, best, best_cost: best.cost(miss)?, own_cost })
        };
        Some(Self { grid: sweep.grid(GRID), choices: miss_costs.iter().filter_map(choice).collect() })
    }
}
