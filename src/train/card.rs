//! The model's card: what it is made of, how good it is, where it fails.

use std::fmt::Write;

use super::DevScores;
use super::corpus::Corpus;
use super::error::TrainError;
use super::fit::Event;
use super::recipe::Recipe;
use crate::engine::Engine;
use crate::evaluate::suite::{Suite, SuiteReport};
use crate::evaluate::{Dimension, Estimate, Example, Head, HeadReport, Measure, Options, Report, score};
use crate::model::Manifest;

/// What a run tells its card.
pub(super) struct Run<'a> {
    pub recipe: &'a Recipe,
    pub corpus: &'a Corpus,
    pub steps: usize,
    pub draws: usize,
    /// Of the network at its best, before calibration.
    pub dev: DevScores,
}

/// Measures the model that was written, and describes it in Markdown.
pub(super) fn card(run: &Run<'_>, engine: &Engine, tell: &mut dyn FnMut(Event)) -> Result<String, TrainError> {
    let Run { recipe, corpus, .. } = run;
    let mut text = String::new();
    let model = &recipe.model;
    let _ = writeln!(text, "# {} {}\n\n{}\n", model.name, model.version, model.description);
    let notes = recipe.notes.trim();
    if !notes.is_empty() {
        let _ = writeln!(text, "{notes}\n");
    }
    text += &making(run);
    text += &decisions(engine.manifest());
    text += "## Figures\n\n";
    text += "Of the int8 weights in this folder, on the encoder `cpu`; in brackets 95 % bootstrap intervals over groups of \
             related texts. Training, calibration and thresholds saw no row of test.\n";
    let total = corpus.test.len() + corpus.dev.len();
    let mut done = 0;
    for (title, items) in
        [("test", &corpus.test), ("development data, on which the decisions were fitted", &corpus.dev)]
    {
        if !items.is_empty() {
            let examples: Vec<Example> = items.iter().map(|item| item.example.clone()).collect();
            let scores = score(engine, &examples, |_| {
                done += 1;
                tell(Event::Scored { done, total });
            });
            let options = Options { by: vec![vec![Dimension::Source, Dimension::Lang]], ..Options::default() };
            let _ = writeln!(text, "\n### On {title}\n");
            text += &figures(&Report::new(scores, &options));
        }
    }
    if let Some(path) = &recipe.suite {
        let suite = Suite::read(path)?;
        text += &robustness(&suite.run(engine), &path.display().to_string());
    }
    Ok(text)
}

fn making(run: &Run<'_>) -> String {
    let Run { recipe, corpus, steps, draws, dev } = run;
    let mut text = String::from("## How it was made\n\n");
    let seeds = match recipe.seeds().as_slice() {
        [seed] => format!("Seed {seed}"),
        seeds => format!("Average of the weights of seeds {seeds:?}"),
    };
    let base = &recipe.base.description;
    let _ = writeln!(text, "From {base}. {seeds}, {steps} steps, {draws} texts drawn.");
    let _ = writeln!(
        text,
        "Rows whose text recurs in development or test data were left out ({} rows). A row is drawn `passes` times.\n",
        corpus.dropped
    );
    let _ = writeln!(text, "| source | rows |\n| --- | --- |");
    for (source, rows) in corpus.sources() {
        let _ = writeln!(text, "| {source} | {rows} |");
    }
    let _ = writeln!(
        text,
        "\nOn development data, before calibration and rounding: complaint macro-F1 {:.3}, sentiment macro-F1 {:.3}, urgency \
         kappa {:.3}.\n",
        dev.complaint_f1, dev.sentiment_f1, dev.urgency_kappa
    );
    text
}

fn decisions(manifest: &Manifest) -> String {
    let mut text =
        String::from("## Calibration and decisions\n\n| head | calibration | thresholds |\n| --- | --- | --- |\n");
    let heads = &manifest.heads;
    for (head, spec) in [("complaint", &heads.complaint), ("sentiment", &heads.sentiment), ("urgency", &heads.urgency)]
    {
        let _ = writeln!(text, "| {head} | {:?} | {:?} |", spec.calibration, spec.thresholds);
    }
    text + "\n"
}

pub(super) fn figures(report: &Report) -> String {
    let mut text = String::new();
    for head in Head::ALL {
        let columns: &[Measure] = match head {
            Head::Complaint => &[Measure::MacroF1, Measure::RocAuc, Measure::AveragePrecision, Measure::Ece],
            Head::Sentiment => &[Measure::MacroF1, Measure::MacroRecall, Measure::Ece],
            Head::Urgency => &[
                Measure::QuadraticKappa,
                Measure::UrgentPrecision,
                Measure::UrgentRecall,
                Measure::UrgentRecallAtPrecision,
            ],
        };
        let rows: Vec<&HeadReport> = report.heads.iter().filter(|report| report.head == head).collect();
        if rows.is_empty() {
            continue;
        }
        let titles: Vec<&str> = columns.iter().map(|measure| measure.title()).collect();
        let _ = writeln!(text, "| {head} | texts | {} |", titles.join(" | "));
        let _ = writeln!(text, "| --- | --- |{}", " --- |".repeat(columns.len()));
        for row in rows {
            let slice: Vec<&str> = row.slice.values().map(String::as_str).collect();
            let name = if slice.is_empty() { "all".to_owned() } else { slice.join(" ") };
            let cells: Vec<String> = columns.iter().map(|measure| cell(row.measures.get(measure))).collect();
            let _ = writeln!(text, "| {name} | {} | {} |", row.texts, cells.join(" | "));
        }
        text.push('\n');
    }
    if !report.two_class_sources.is_empty() {
        let sources: Vec<&str> = report.two_class_sources.iter().map(String::as_str).collect();
        let _ =
            writeln!(text, "Without a neutral class, judged on negative against positive: {}.\n", sources.join(", "));
    }
    text
}

fn cell(estimate: Option<&Estimate>) -> String {
    match estimate {
        Some(Estimate { value, interval: Some([low, high]) }) => format!("{value:.3} [{low:.3}, {high:.3}]"),
        Some(Estimate { value, interval: None }) => format!("{value:.3}"),
        None => "–".to_owned(),
    }
}

fn robustness(report: &SuiteReport, path: &str) -> String {
    let mut text = format!(
        "## Robustness\n\n{} of {} cases of `{path}` hold: single sentences, written apart from all training data, and pairs of \
         them that must not differ or must differ in one direction.\n\n| phenomenon | holds | cases |\n| --- | --- | --- |\n",
        report.all.passed, report.all.cases
    );
    for (name, phenomenon) in &report.phenomena {
        let share = 100.0 * phenomenon.all.passed as f64 / phenomenon.all.cases as f64;
        let _ = writeln!(text, "| {name} | {share:.0} % | {} |", phenomenon.all.cases);
    }
    text
}
