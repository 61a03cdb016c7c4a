//! Under what conditions all this was found.

use super::{numbered, row_name, section};
use crate::compare::record::Record;
use crate::compare::report::document::{Block, Cell, Section, Table};
use crate::compare::report::figures::significant;

pub fn conditions(record: &Record) -> Section {
    let mut who = Table::new("Who was compared", ["contestant", "what it is"]);
    for (number, contestant) in numbered(record) {
        who.row([row_name(number, contestant), contestant.about.clone()]);
    }
    let mut data = Table::new("Labelled texts", ["", ""]);
    data.row(["files", &record.data.files.join(", ")]);
    let splits = if record.data.splits.is_empty() { "all".to_owned() } else { record.data.splits.join(", ") };
    data.row(["splits", &splits]);
    data.row(["texts", &record.data.texts.to_string()]);
    for (head, labels) in &record.data.labels {
        data.row([format!("labels for {head}"), labels.to_string()]);
    }
    data.row(["SHA-256", &record.data.sha256]);

    let machine = &record.machine;
    let mut here = Table::new("Machine", ["", ""]);
    here.row(["processor", &machine.cpu]);
    here.row(["threads", &machine.cores.to_string()]);
    here.row(["instruction sets", &machine.features.join(", ")]);
    let memory = machine.memory.map_or("unknown".to_owned(), |bytes| format!("{} GB", significant(bytes as f64 / 1e9)));
    here.row(["memory", &memory]);
    here.row(["system", &machine.system]);
    here.row(["load before", &machine.load.map_or("unknown".to_owned(), |load| format!("{load:.2}"))]);
    here.row(["energy", if machine.counts_energy { "counted (RAPL)" } else { "not counted" }]);
    let notes = "No text of the data is in this report. What such comparisons favour is written in benches/BIAS.md.";
    let mut blocks = [who, data, here].map(wide).map(Block::Table).to_vec();
    blocks.push(Block::Paragraph(notes.into()));
    section("Conditions", false, blocks)
}

/// Long texts in the last column may break.
fn wide(mut table: Table) -> Table {
    for row in &mut table.rows {
        if let Some(cell) = row.last_mut() {
            *cell = Cell { is_prose: true, ..cell.clone() };
        }
    }
    table
}
