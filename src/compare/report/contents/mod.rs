//! What a report tells, in which order.

mod conditions;
mod quality;
mod speed;
mod summary;

use super::document::{Block, Document, Section};
use crate::compare::record::{Contestant, Record};
use crate::compare::regression::Changes;
use crate::evaluate::Head;

pub fn document(record: &Record, changes: Option<&Changes>) -> Document {
    let mut sections = vec![summary::summary(record)];
    sections.extend(summary::errors(record));
    sections.extend(changes.map(summary::changes));
    sections.extend(summary::comparisons(record));
    sections.extend(Head::ALL.into_iter().filter_map(|head| quality::head(record, head)));
    sections.extend(quality::sentences(record));
    sections.extend(speed::speed(record));
    sections.push(summary::commands(record));
    sections.push(conditions::conditions(record));
    Document {
        title: format!("Comparison: {}", record.suite),
        subtitle: format!(
            "{}, {} labelled texts, plaint {}. Repeat it: {}",
            record.date.replace('T', " ").replace('Z', " UTC"),
            record.data.texts,
            record.plaint,
            record.command,
        ),
        legend: record.contestants.iter().map(|contestant| contestant.name.clone()).collect(),
        sections,
    }
}

/// Contestants with their numbers, from 1.
fn numbered(record: &Record) -> impl Iterator<Item = (usize, &Contestant)> {
    (1..).zip(&record.contestants)
}

fn row_name(number: usize, contestant: &Contestant) -> String {
    format!("{number} {}", contestant.name)
}

fn section(title: &str, is_brief: bool, blocks: Vec<Block>) -> Section {
    Section { title: title.to_owned(), is_brief, blocks }
}

fn title(head: Head) -> &'static str {
    match head {
        Head::Complaint => "Complaint",
        Head::Sentiment => "Sentiment",
        Head::Urgency => "Urgency",
    }
}
