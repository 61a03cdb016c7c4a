//! How good, head by head.

use std::collections::{BTreeMap, BTreeSet};

use super::{numbered, row_name, section, title};
use crate::compare::record::Record;
use crate::compare::report::document::{Block, Cell, Plot, Section, Table};
use crate::compare::report::figures::{estimate, number, overall};
use crate::compare::report::plots;
use crate::evaluate::suite::Tally;
use crate::evaluate::{Dimension, Head, HeadReport, Measure};

/// `None` if nobody has the head, or no text a label for it.
pub fn head(record: &Record, head: Head) -> Option<Section> {
    numbered(record).find_map(|(_, contestant)| overall(contestant, head))?;
    let mut blocks = vec![Block::Table(measures(record, head)), Block::Table(classes(record, head))];
    blocks.push(Block::Tables(slices(record, head).collect()));
    blocks.extend(calibration(record, head));
    blocks.push(Block::Heading("Confusion".into()));
    blocks.push(Block::Tables(confusions(record, head).collect()));
    blocks.extend(thresholds(record, head));
    let command = record.contestants.iter().find(|contestant| contestant.quality.is_some());
    blocks.extend(command.map(|contestant| Block::Command {
        what: format!("Figures of {} (of the others: see the summary)", contestant.name),
        command: contestant.quality_command.clone(),
    }));
    Some(section(title(head), false, blocks))
}

fn measures(record: &Record, head: Head) -> Table {
    let columns = ["contestant", "texts"].into_iter().chain(Measure::of(head).iter().map(|measure| measure.title()));
    let mut table = Table::new("On all texts", columns);
    for (number, contestant) in numbered(record) {
        let Some(report) = overall(contestant, head) else { continue };
        let figures = Measure::of(head).iter().map(|measure| estimate(report.measures.get(measure)));
        let name = [Cell::new(row_name(number, contestant)), Cell::new(report.texts.to_string())];
        table.row(name.into_iter().chain(figures));
    }
    table
}

fn classes(record: &Record, head: Head) -> Table {
    let figures = ["precision", "recall", "F1"];
    let columns = head.labels().into_iter().flat_map(|label| figures.map(|figure| format!("{label}: {figure}")));
    let mut table = Table::new("By class", ["contestant".to_owned()].into_iter().chain(columns));
    for (number, contestant) in numbered(record) {
        let Some(report) = overall(contestant, head) else { continue };
        let cells = report.classes.iter().flat_map(|class| [&class.precision, &class.recall, &class.f1]);
        let cells = cells.map(|figure| estimate(figure.as_ref()));
        table.row([Cell::new(row_name(number, contestant))].into_iter().chain(cells));
    }
    table
}

/// A table for each dimension: the main measure by slice.
fn slices(record: &Record, head: Head) -> impl Iterator<Item = Table> {
    crate::compare::quality::BY.into_iter().filter_map(move |dimension| slice_table(record, head, dimension))
}

fn slice_table(record: &Record, head: Head, dimension: Dimension) -> Option<Table> {
    let mut slices: BTreeMap<&str, Vec<(usize, &HeadReport)>> = BTreeMap::new();
    for (number, contestant) in numbered(record) {
        let reports = contestant.quality.iter().flat_map(|quality| &quality.report.heads);
        for report in reports.filter(|report| report.head == head && report.slice.len() == 1) {
            if let Some(value) = report.slice.get(&dimension) {
                slices.entry(value).or_default().push((number, report));
            }
        }
    }
    if slices.len() < 2 {
        return None; // the same as all texts
    }
    let names = numbered(record).filter(|(_, contestant)| overall(contestant, head).is_some());
    let names: Vec<(usize, String)> =
        names.map(|(number, contestant)| (number, row_name(number, contestant))).collect();
    let by = match dimension {
        Dimension::Lang => "language",
        Dimension::Source => "source",
        Dimension::Channel => "channel",
        Dimension::Subset => "subset",
        Dimension::Length => "length in characters",
    };
    let columns = names.iter().map(|(_, name)| name.clone());
    let header = [by.to_owned(), "texts".to_owned()].into_iter().chain(columns);
    let mut table = Table::new(format!("{} by {by}", Measure::main(head).title()), header);
    for (value, reports) in slices {
        let texts = reports.iter().map(|(_, report)| report.texts).max().unwrap_or(0);
        let mut row = vec![Cell::new(value), Cell::new(texts.to_string())];
        for (number, _) in &names {
            let report = reports.iter().find(|(of, _)| of == number).map(|(_, report)| report);
            row.push(estimate(report.and_then(|report| report.measures.get(&Measure::main(head)))));
        }
        table.row(row);
    }
    Some(table)
}

fn calibration(record: &Record, head: Head) -> Option<Block> {
    let reports = numbered(record).filter_map(|(number, c)| Some((number, &overall(c, head)?.reliability)));
    let what = match head {
        Head::Complaint => "the probability of a complaint against the share of complaints",
        Head::Sentiment => "the probability of the predicted class against how often it is right",
        Head::Urgency => "the urgency score against the mean level / 4",
    };
    let svg = plots::calibration(&reports.collect::<Vec<_>>())?;
    let caption = format!(
        "{what}, in 15 bins; those with fewer than 5 texts are left out. On the diagonal, a score means what it says."
    );
    Some(Block::Plots(vec![Plot { title: "Calibration".into(), svg, caption, has_legend: true }]))
}

fn confusions(record: &Record, head: Head) -> impl Iterator<Item = Table> {
    numbered(record).filter_map(move |(number, contestant)| {
        let confusion = &overall(contestant, head)?.confusion;
        let labels = head.labels();
        let header = ["is \\ judged"].into_iter().chain(labels.iter().copied());
        let mut table = Table::new(row_name(number, contestant), header);
        for (gold, label) in labels.iter().enumerate() {
            let cells = (0..labels.len()).map(|predicted| {
                let count = confusion.count(gold, predicted);
                let share = count as f64 / confusion.support(gold).max(1) as f64;
                Cell { heat: Some(share), ..Cell::new(count.to_string()) }
            });
            table.row([Cell::new(*label)].into_iter().chain(cells));
        }
        Some(table)
    })
}

fn thresholds(record: &Record, head: Head) -> Vec<Block> {
    let mut plots = Vec::new();
    let header =
        ["contestant", "a miss costs", "best threshold", "precision", "recall", "cost a text", "cost of its own"];
    let mut table = Table::new("Thresholds by cost", header);
    for (place, contestant) in numbered(record) {
        let Some(found) = contestant.quality.as_ref().and_then(|quality| quality.thresholds.get(&head)) else {
            continue;
        };
        let name = row_name(place, contestant);
        plots.extend(plots::thresholds(&found.grid).map(|svg| Plot {
            title: name.clone(),
            svg,
            caption: "Blue: precision. Orange: recall.".into(),
            has_legend: false,
        }));
        for choice in &found.choices {
            let share = |value: Option<f64>| value.map_or("–".to_owned(), number);
            let threshold = choice.best.threshold;
            table.row([
                name.clone(),
                format!("{} false alarms", choice.miss),
                if threshold.is_finite() { number(threshold) } else { "call nothing".to_owned() },
                share(choice.best.precision()),
                share(choice.best.recall()),
                number(choice.best_cost),
                number(choice.own_cost),
            ]);
        }
    }
    if table.rows.is_empty() && plots.is_empty() {
        return Vec::new();
    }
    let what = if head == Head::Urgency { "high or critical urgency" } else { "a complaint" };
    vec![
        Block::Heading("Thresholds".into()),
        Block::Paragraph(format!(
            "What each threshold for {what} would give. Costs are in false alarms. The best threshold is chosen on these very \
             texts, so it is what an ideal choice would give: choose yours on others."
        )),
        Block::Table(table),
        Block::Plots(plots),
    ]
}

/// `None` if no suite of sentences was tried.
pub fn sentences(record: &Record) -> Option<Section> {
    let reports = numbered(record).filter_map(|(number, c)| Some((number, c, c.quality.as_ref()?.sentences.as_ref()?)));
    let reports: Vec<_> = reports.collect();
    let phenomena: BTreeSet<&String> = reports.iter().flat_map(|(_, _, report)| report.phenomena.keys()).collect();
    if reports.is_empty() {
        return None;
    }
    let names = reports.iter().map(|(number, contestant, _)| row_name(*number, contestant));
    let mut table = Table::new("Cases that hold", ["phenomenon".to_owned()].into_iter().chain(names));
    let cells = reports.iter().map(|(_, _, report)| share(Some(report.all)).strong(true));
    table.row([Cell::new("all").strong(true)].into_iter().chain(cells));
    for phenomenon in phenomena {
        let cells = reports.iter().map(|(_, _, report)| share(report.phenomena.get(phenomenon).map(|found| found.all)));
        table.row([Cell::new(phenomenon.replace('_', " "))].into_iter().chain(cells));
    }
    let blocks = vec![
        Block::Paragraph(
            "Sentences of which something must be so: a brand's name must not move a score (invariance), a negation must \
             (direction), sarcasm must be seen through (label). They try understanding, not frequency, so there are no \
             intervals. Contestants that lack a head are not asked its cases."
                .into(),
        ),
        Block::Table(table),
    ];
    Some(section("Sentences", false, blocks))
}

fn share(tally: Option<Tally>) -> Cell {
    let Some(Tally { passed, cases }) = tally.filter(|tally| tally.cases > 0) else { return Cell::new("–") };
    let share = passed as f64 / cases as f64;
    Cell { heat: Some(share), ..Cell::with_note(format!("{:.0} %", share * 100.0), format!("{passed}/{cases}")) }
}
