//! A report for people.

use std::collections::BTreeSet;
use std::fmt::Write;

use plaint::evaluate::suite::{SuiteReport, Tally};
use plaint::evaluate::{Estimate, Head, HeadReport, Measure, Report};

use super::Output;
use crate::table::Table;

pub fn of(output: &Output<'_>) -> String {
    let mut text = format!("{} {}, {}\n", output.model, output.version, output.encoder);
    if let Some(report) = &output.report {
        text += &report_text(report);
    }
    if let Some(suite) = &output.suite {
        text += &suite_text(suite);
    }
    text.truncate(text.trim_end().len());
    text
}

fn report_text(report: &Report) -> String {
    let mut text = format!("{} texts", report.texts);
    if report.resamples > 0 {
        let _ = write!(text, "; [95 % intervals] from {} resamples, seed {}", report.resamples, report.seed);
    }
    if !report.two_class_sources.is_empty() {
        let sources = Vec::from_iter(report.two_class_sources.iter().map(String::as_str)).join(", ");
        let _ = write!(text, "\nno neutral class, judged on negative and positive only: {sources}");
    }
    text += "\n";
    for head in Head::ALL {
        let reports = || report.heads.iter().filter(|report| report.head == head);
        if let Some(overall) = reports().next() {
            let _ = write!(text, "\n{}\n{}\n{}", measures(head, reports()), classes(overall), confusion(overall));
        }
    }
    text
}

fn measures<'a>(head: Head, reports: impl Iterator<Item = &'a HeadReport>) -> Table {
    let titles = Measure::of(head).iter().map(|measure| measure.title());
    let mut table = Table::new([head.as_str(), "texts"].into_iter().chain(titles));
    for report in reports {
        let slice: Vec<&str> = report.slice.values().map(String::as_str).collect();
        let name = if slice.is_empty() { "  all".to_owned() } else { format!("  {}", slice.join(" ")) };
        let figures = Measure::of(head).iter().map(|measure| figure(report.measures.get(measure)));
        table.row([name, report.texts.to_string()].into_iter().chain(figures));
    }
    table
}

fn classes(report: &HeadReport) -> Table {
    let mut table = Table::new(["  class", "texts", "precision", "recall", "F1"]);
    for class in &report.classes {
        let figures = [&class.precision, &class.recall, &class.f1].map(|estimate| figure(estimate.as_ref()));
        table.row([format!("  {}", class.label), class.texts.to_string()].into_iter().chain(figures));
    }
    table
}

fn confusion(report: &HeadReport) -> Table {
    let labels = report.head.labels();
    let mut table = Table::new(["  is \\ judged"].iter().chain(&labels).copied());
    for (gold, label) in labels.iter().enumerate() {
        let counts = (0..labels.len()).map(|predicted| report.confusion.count(gold, predicted).to_string());
        table.row(std::iter::once(format!("  {label}")).chain(counts));
    }
    table
}

fn suite_text(suite: &SuiteReport) -> String {
    let langs: BTreeSet<&String> = suite.phenomena.values().flat_map(|phenomenon| phenomenon.by_lang.keys()).collect();
    let mut table = Table::new(["suite", "all"].into_iter().chain(langs.iter().map(|lang| lang.as_str())));
    table.row(["  all".to_owned(), share(suite.all)]);
    for (name, phenomenon) in &suite.phenomena {
        let by_lang = langs.iter().map(|lang| phenomenon.by_lang.get(*lang).copied().map(share).unwrap_or_default());
        table.row([format!("  {name}"), share(phenomenon.all)].into_iter().chain(by_lang));
    }
    let mut text = format!("\n{table}");
    if !suite.failures.is_empty() {
        text += "\n  what did not hold\n";
        for failure in &suite.failures {
            let _ = writeln!(text, "  {} ({}): {}", failure.id, failure.head, failure.message);
        }
    }
    text
}

fn share(tally: Tally) -> String {
    format!("{}/{}", tally.passed, tally.cases)
}

fn figure(estimate: Option<&Estimate>) -> String {
    match estimate {
        None => "-".to_owned(),
        Some(Estimate { value, interval: None }) => number(*value),
        Some(Estimate { value, interval: Some([low, high]) }) => {
            format!("{} [{} {}]", number(*value), number(*low), number(*high))
        }
    }
}

/// Three digits, without the zero before the point.
fn number(value: f64) -> String {
    format!("{value:.3}").replacen("0.", ".", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let estimate = |value, interval| figure(Some(&Estimate { value, interval }));
        assert_eq!(estimate(0.8534, Some([0.8, 1.0])), ".853 [.800 1.000]");
        assert_eq!(estimate(-0.05, None), "-.050");
        assert_eq!(figure(None), "-");
    }
}
