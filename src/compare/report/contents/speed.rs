//! How fast, scenario by scenario.

use super::{numbered, row_name, section};
use crate::compare::record::Record;
use crate::compare::report::document::{Block, Cell, Section, Table};
use crate::compare::report::figures::{megabytes, significant, spread};

/// `None` if speed was not measured.
pub fn speed(record: &Record) -> Option<Section> {
    let conditions = record.speed.as_ref()?;
    let mut blocks = vec![Block::Paragraph(format!(
        "Each contestant is a process that reads texts and writes scores as JSON Lines, so times contain JSON, tokenization, \
         encoder and heads. {} texts to draw from ({}); {} runs of about {} s a scenario, in turn with the others. Medians, and \
         ranges of the runs.",
        conditions.texts, conditions.from, conditions.repeats, conditions.seconds,
    ))];
    blocks.extend([single(record), server(record), offline(record), footprint(record)].map(Block::Table));
    blocks.push(Block::Command { what: "All of it".into(), command: record.command.clone() });
    for (number, contestant) in numbered(record).filter(|(_, contestant)| contestant.speed.is_some()) {
        let what = row_name(number, contestant);
        blocks.push(Block::Command { what, command: contestant.speed_command.clone() });
    }
    Some(section("Speed", false, blocks))
}

fn single(record: &Record) -> Table {
    let header = ["contestant", "p50, ms", "p90, ms", "p99, ms", "texts a run"];
    let mut table = Table::new("Single stream: the next text comes when the one before is answered", header);
    for (number, contestant) in numbered(record) {
        let Some(single) = contestant.speed.as_ref().and_then(|speed| speed.single.as_ref()) else { continue };
        let figures = [&single.p50_ms, &single.p90_ms, &single.p99_ms].map(|figure| spread(Some(figure), 1.0));
        let name = Cell::new(row_name(number, contestant));
        table.row([name].into_iter().chain(figures).chain([Cell::new(single.texts.to_string())]));
    }
    table
}

fn server(record: &Record) -> Table {
    let header = ["contestant", "texts/s", "p99 at that rate, ms", "texts a run", "confirmed by", "trials"];
    let bound = record.speed.as_ref().map_or(0.0, |speed| speed.p99_ms);
    let caption = format!(
        "Server: the highest rate of random arrivals at which 99 of 100 texts are answered within {bound} ms of the moment they \
         were due"
    );
    let mut table = Table::new(caption, header);
    for (number, contestant) in numbered(record) {
        let Some(server) = contestant.speed.as_ref().and_then(|speed| speed.server.as_ref()) else { continue };
        let runs = server.p99_ms.map_or(0, |spread| spread.runs);
        table.row([
            Cell::new(row_name(number, contestant)),
            Cell::new(server.rate.map_or("none that was tried".to_owned(), significant)),
            spread(server.p99_ms.as_ref(), 1.0),
            Cell::new(server.texts.to_string()),
            Cell::new(format!("{runs} runs")),
            Cell::new(server.trials.len().to_string()),
        ]);
    }
    table
}

fn offline(record: &Record) -> Table {
    let header = ["contestant", "texts/s", "its tokens/s", "J for 1,000 texts", "texts a run"];
    let mut table = Table::new("Offline: all texts are there at once", header);
    for (number, contestant) in numbered(record) {
        let Some(offline) = contestant.speed.as_ref().and_then(|speed| speed.offline.as_ref()) else { continue };
        let start = if offline.includes_start { " (with its start)" } else { "" };
        table.row([
            Cell::new(format!("{}{start}", row_name(number, contestant))),
            spread(Some(&offline.texts_per_s), 1.0),
            spread(offline.tokens_per_s.as_ref(), 1.0),
            spread(offline.joules_per_1000.as_ref(), 1.0),
            Cell::new(offline.texts.to_string()),
        ]);
    }
    table
}

fn footprint(record: &Record) -> Table {
    let header =
        ["contestant", "start, s", "peak memory, MB", "model, MB", "tokens a text", "windows a text", "padding"];
    let mut table = Table::new("What it takes", header);
    for (number, contestant) in numbered(record) {
        let Some(speed) = &contestant.speed else { continue };
        let a_text = |count: fn(&crate::compare::speed::Tokens) -> usize| {
            speed
                .tokens
                .as_ref()
                .map_or("–".to_owned(), |tokens| significant(count(tokens) as f64 / tokens.texts as f64))
        };
        table.row([
            Cell::new(row_name(number, contestant)),
            spread(speed.start_s.as_ref(), 1.0),
            spread(speed.peak_memory.as_ref(), 1e6),
            megabytes(contestant.bytes),
            Cell::new(a_text(|tokens| tokens.tokens)),
            Cell::new(a_text(|tokens| tokens.windows)),
            Cell::new(contestant.padding.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0))),
        ]);
    }
    table
}
