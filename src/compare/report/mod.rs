//! A record for people: one HTML file that needs nothing else, and Markdown.
//!
//! `contents` decides what is told, as headings, tables and plots; `html` and `markdown` only how it looks. Every name
//! that comes from a suite or from data is escaped there, and no text of the data is in a record.

mod contents;
mod document;
mod escape;
mod figures;
mod html;
mod markdown;
mod plots;

use super::Record;
use super::regression::Changes;

/// One HTML file: no network, no script; light and dark; for screens from 360 pixels, and for paper.
pub fn html(record: &Record, changes: Option<&Changes>) -> String {
    html::render(&contents::document(record, changes))
}

/// Markdown for a pull request: the summary in the open, details folded away, no plots.
pub fn markdown(record: &Record, changes: Option<&Changes>) -> String {
    markdown::render(&contents::document(record, changes))
}

/// The sections of the Markdown that stand in the open.
pub fn summary(record: &Record, changes: Option<&Changes>) -> String {
    let mut document = contents::document(record, changes);
    document.sections.retain(|section| section.is_brief);
    markdown::render(&document)
}
