//! What most readers want, first.

use super::{numbered, row_name, section, title};
use crate::compare::record::{Contestant, Record};
use crate::compare::regression::Changes;
use crate::compare::report::document::{Block, Cell, Plot, Section, Table};
use crate::compare::report::figures::{
    SIGNIFICANT, best_at, difference, estimate, fastest, main, megabytes, p, pareto, significant, spread,
};
use crate::compare::report::plots::{self, Place};
use crate::compare::speed::Spread;
use crate::evaluate::{Head, Measure};

pub fn summary(record: &Record) -> Section {
    let mut blocks = vec![Block::Table(table(record)), Block::Paragraph(how_to_read(record))];
    if record.speed.is_some() && record.machine.load.is_some_and(|load| load > 0.5) {
        let load = record.machine.load.unwrap_or_default();
        blocks.push(Block::Alert(format!(
            "The machine was not idle before (load {load:.1}): trust neither speeds nor differences between them."
        )));
    }
    let plots: Vec<Plot> = Head::ALL.into_iter().filter_map(|head| scatter(record, head)).collect();
    if !plots.is_empty() {
        blocks.push(Block::Plots(plots));
    }
    section("Summary", true, blocks)
}

/// What reproduces the summary: too long to stand between it and what follows.
pub fn commands(record: &Record) -> Section {
    let mut blocks = Vec::new();
    for (number, contestant) in numbered(record) {
        blocks.push(Block::Command {
            what: format!("Quality of {}", row_name(number, contestant)),
            command: contestant.quality_command.clone(),
        });
    }
    if record.speed.is_some() {
        let command = format!("{} --only NAME", record.command);
        blocks.push(Block::Command { what: "Speed of one of them".into(), command });
    }
    section("Commands", false, blocks)
}

fn table(record: &Record) -> Table {
    let heads = Head::ALL.map(|head| format!("{} {}", head, Measure::main(head).title()));
    let mut header = vec!["contestant".to_owned()];
    header.extend(heads);
    let has_speed = record.speed.is_some();
    if has_speed {
        header.extend(["one text, ms (p50)".into(), "p99".into(), "offline texts/s".into(), "server texts/s".into()]);
        header.extend(["start, s".into(), "memory, MB".into()]);
    }
    header.push("model, MB".into());
    let best = Head::ALL.map(|head| best_at(record, head));
    let column = |of: fn(&Contestant) -> Option<Spread>, more_is_better| {
        let spreads: Vec<Option<Spread>> = record.contestants.iter().map(of).collect();
        let best = fastest(&spreads, more_is_better);
        (spreads, best)
    };
    let columns = [
        column(|c| Some(c.speed.as_ref()?.single.as_ref()?.p50_ms), false),
        column(|c| Some(c.speed.as_ref()?.single.as_ref()?.p99_ms), false),
        column(|c| Some(c.speed.as_ref()?.offline.as_ref()?.texts_per_s), true),
        column(|c| c.speed.as_ref()?.start_s, false),
        column(|c| c.speed.as_ref()?.peak_memory, false),
    ];
    let mut table = Table::new("", header);
    for (number, contestant) in numbered(record) {
        let index = number - 1;
        let mut row = vec![Cell::new(row_name(number, contestant))];
        for (head, best) in Head::ALL.into_iter().zip(&best) {
            row.push(estimate(main(contestant, head)).strong(best[index]));
        }
        if has_speed {
            let cell = |column: usize, unit| {
                let (spreads, best) = &columns[column];
                spread(spreads[index].as_ref(), unit).strong(best[index])
            };
            row.extend([cell(0, 1.0), cell(1, 1.0), cell(2, 1.0)]);
            row.push(server(contestant));
            row.extend([cell(3, 1.0), cell(4, 1e6)]);
        }
        row.push(megabytes(contestant.bytes));
        table.row(row);
    }
    table
}

fn server(contestant: &Contestant) -> Cell {
    match contestant.speed.as_ref().and_then(|speed| speed.server.as_ref()) {
        None => Cell::new("–"),
        Some(server) => Cell::new(server.rate.map_or("none".to_owned(), significant)),
    }
}

fn how_to_read(record: &Record) -> String {
    let mut text = format!(
        "Quality: on all labelled texts, with 95 % intervals from {} resamples (seed {}). Bold: the best, and all that a paired \
         bootstrap cannot tell from it (p at least {}).",
        record.resamples,
        record.seed,
        p(Some(SIGNIFICANT)),
    );
    if let Some(speed) = &record.speed {
        text += &format!(
            " Speed: medians of {} runs and the range of these; bold is the best, and all whose runs overlap with its. A \
             difference smaller than the ranges is not real. Server: the highest rate at which 99 of 100 texts are answered within \
             {} ms; one search each, so none is bold.",
            speed.repeats, speed.p99_ms,
        );
    }
    text + " A dash: not measured, or the contestant does not have it. The commands at the end get all figures again."
}

fn scatter(record: &Record, head: Head) -> Option<Plot> {
    let mut places: Vec<Place> = numbered(record)
        .filter_map(|(number, contestant)| {
            let figure = main(contestant, head)?;
            let speed = contestant.speed.as_ref()?.offline.as_ref()?.texts_per_s.median;
            let (y, interval) = (figure.value, figure.interval);
            (speed.is_finite() && speed > 0.0).then_some(Place { number, x: speed, y, interval, on_front: false })
        })
        .collect();
    let front = pareto(&places.iter().map(|place| (place.x, place.y)).collect::<Vec<_>>());
    places.iter_mut().zip(front).for_each(|(place, on_front)| place.on_front = on_front);
    let measure = Measure::main(head).title();
    Some(Plot {
        title: format!("{}: {measure} against offline texts/s", title(head)),
        svg: plots::scatter(&places, "texts/s", measure)?,
        caption:
            "Up and to the right is better. Filled and joined: the Pareto front, which nobody beats in one without \
                  losing in the other. Bars: 95 % intervals."
                .into(),
        has_legend: true,
    })
}

pub fn errors(record: &Record) -> Option<Section> {
    let mut blocks = Vec::new();
    for (number, contestant) in numbered(record) {
        for error in &contestant.errors {
            blocks.push(Block::Alert(format!("{}: {error}", row_name(number, contestant))));
        }
        let failed = contestant.quality.as_ref().map_or(0, |quality| quality.failed);
        if failed > 0 {
            blocks.push(Block::Alert(format!("{}: {failed} texts without a score", row_name(number, contestant))));
        }
    }
    if record.data.bad_rows > 0 {
        blocks.push(Block::Alert(format!("{} rows of the data could not be used", record.data.bad_rows)));
    }
    (!blocks.is_empty()).then(|| section("What went wrong", true, blocks))
}

pub fn changes(changes: &Changes) -> Section {
    let mut blocks: Vec<Block> = Vec::new();
    let worse = changes.changes.iter().filter(|change| change.is_worse).count();
    if worse > 0 {
        blocks.push(Block::Alert(format!("{worse} figures are worse beyond noise.")));
    }
    if changes.changes.is_empty() {
        blocks.push(Block::Paragraph("No figure differs beyond noise.".into()));
    } else {
        let mut table = Table::new("", ["contestant", "figure", "before", "after", ""]);
        for change in &changes.changes {
            let verdict = if change.is_worse { "worse" } else { "better" };
            let values = [change.before, change.after].map(|value| format!("{value:.3}"));
            let [before, after] = values;
            table.row([change.contestant.clone(), change.figure.clone(), before, after, verdict.to_owned()]);
        }
        blocks.push(Block::Table(table));
    }
    blocks.extend(changes.notes.iter().map(|note| Block::Paragraph(format!("{note}."))));
    section(&format!("Since {}", changes.since), true, blocks)
}

pub fn comparisons(record: &Record) -> Option<Section> {
    let mut blocks = Vec::new();
    for head in Head::ALL {
        let measure = Measure::main(head);
        let header = ["a − b", measure.title(), "p", "verdict", "texts"];
        let mut table = Table::new(title(head), header);
        for pair in &record.comparisons {
            let Some(found) = pair.heads.iter().find(|found| found.head == head) else { continue };
            let Some(figure) = found.measures.get(&measure) else { continue };
            let verdict = match figure.p {
                Some(p) if p < SIGNIFICANT => {
                    format!("{} is better", if figure.value > 0.0 { &pair.a } else { &pair.b })
                }
                Some(_) => "not told apart".to_owned(),
                None => "–".to_owned(),
            };
            table.row([
                Cell::new(format!("{} − {}", pair.a, pair.b)),
                difference(figure),
                Cell::new(p(figure.p)),
                Cell::new(verdict),
                Cell::new(found.texts.to_string()),
            ]);
        }
        if !table.rows.is_empty() {
            blocks.push(Block::Table(table));
        }
    }
    if blocks.is_empty() {
        return None;
    }
    blocks.push(Block::Paragraph(
        "Paired bootstrap over clusters of related texts, two-sided. The p values are of single comparisons: of twenty pairs \
         that are alike, one will look different at .05."
            .into(),
    ));
    let command = format!("{} --no-speed --only A --only B", record.command);
    blocks.push(Block::Command { what: "Two of them".into(), command });
    Some(section("Is one better than another?", true, blocks))
}
