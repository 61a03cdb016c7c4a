//! What is worse than it was, beyond noise.
//!
//! Quality is compared on equal texts only: a figure has changed if the new one lies outside the old one's interval and the
//! old one outside the new one's. The two are not paired, since a record holds no scores of texts, so small real changes pass
//! unnoticed: to find those, put both models into one suite. Speeds are compared on like machines only: a figure has
//! changed if no run of one lies among the runs of the other and the medians differ by at least 5 %.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::record::{Contestant, FORMAT, Record};
use super::speed::{Speed, Spread};
use crate::error::OneLine;
use crate::evaluate::{Estimate, Head, Measure};

/// Medians that are closer to each other are taken for equal, even if the runs lie apart.
const LEAST_SHARE: f64 = 0.05;

/// What an older record says that can be compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Past {
    format: u32,
    date: String,
    data: PastData,
    machine: Machine,
    contestants: Vec<PastContestant>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PastData {
    sha256: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PastContestant {
    name: String,
    quality: Option<PastQuality>,
    speed: Option<Speed>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PastQuality {
    report: PastReport,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PastReport {
    heads: Vec<PastHead>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PastHead {
    head: Head,
    slice: BTreeMap<String, String>,
    measures: BTreeMap<Measure, Estimate>,
}

/// An older record cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PastError {
    /// It cannot be read.
    #[error("{}: cannot read: {source}", OneLine(path.display()))]
    Io {
        /// The record.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It is no record, or one of another format.
    #[error("{}: field `{}`: {}", OneLine(path.display()), OneLine(field), OneLine(message))]
    Field {
        /// The record.
        path: PathBuf,
        /// Which field.
        field: String,
        /// What was found and expected.
        message: String,
    },
}

impl Past {
    /// Reads a record that `--record` kept.
    ///
    /// # Errors
    /// [`PastError`] if it is none.
    pub fn read(path: &Path) -> Result<Self, PastError> {
        let bytes = std::fs::read(path).map_err(|source| PastError::Io { path: path.into(), source })?;
        let field = |field: String, message: String| PastError::Field { path: path.into(), field, message };
        let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
        let past: Self = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| field(error.path().to_string(), error.inner().to_string()))?;
        if past.format != FORMAT {
            return Err(field("format".into(), format!("found {}, expected {FORMAT}", past.format)));
        }
        Ok(past)
    }
}

/// What has changed since an older record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changes {
    /// Date of the older record.
    pub since: String,
    /// What could not be compared, and why.
    pub notes: Vec<String>,
    /// Figures that differ beyond noise.
    pub changes: Vec<Change>,
}

/// A figure that differs beyond noise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Whose.
    pub contestant: String,
    /// Which.
    pub figure: String,
    /// What it was.
    pub before: f64,
    /// What it is.
    pub after: f64,
    /// Whether it is worse.
    pub is_worse: bool,
}

impl Changes {
    /// Whether anything is worse.
    pub fn has_regressions(&self) -> bool {
        self.changes.iter().any(|change| change.is_worse)
    }
}

/// Holds a record against an older one. Contestants are known by their names.
pub fn against(record: &Record, past: &Past) -> Changes {
    let mut found = Changes { since: past.date.clone(), notes: Vec::new(), changes: Vec::new() };
    let equal_texts = record.data.sha256 == past.data.sha256;
    let like_machine = record.machine.is_like(&past.machine);
    if !equal_texts {
        found.notes.push("quality is not compared: the labelled texts are others".to_owned());
    }
    if record.speed.is_some() && !like_machine {
        found.notes.push("speed is not compared: the machine is another".to_owned());
    }
    for contestant in &record.contestants {
        let Some(before) = past.contestants.iter().find(|before| before.name == contestant.name) else {
            found.notes.push(format!("{} is new", contestant.name));
            continue;
        };
        if equal_texts {
            found.changes.extend(quality(contestant, before));
        }
        if like_machine {
            found.changes.extend(speed(contestant, before));
        }
    }
    for before in &past.contestants {
        if !record.contestants.iter().any(|contestant| contestant.name == before.name) {
            found.notes.push(format!("{} is not there any more", before.name));
        }
    }
    found
}

fn quality(contestant: &Contestant, past: &PastContestant) -> Vec<Change> {
    let (Some(now), Some(past)) = (&contestant.quality, &past.quality) else { return Vec::new() };
    let mut changes = Vec::new();
    for before in past.report.heads.iter().filter(|head| head.slice.is_empty()) {
        let Some(after) = now.report.overall(before.head) else { continue };
        for (&measure, before_figure) in &before.measures {
            let Some(after_figure) = after.measures.get(&measure) else { continue };
            if differ(before_figure, after_figure) {
                let rises = after_figure.value > before_figure.value;
                changes.push(Change {
                    contestant: contestant.name.clone(),
                    figure: format!("{} {}", before.head, measure.title()),
                    before: before_figure.value,
                    after: after_figure.value,
                    is_worse: rises == measure.is_error(),
                });
            }
        }
    }
    changes
}

/// Without intervals nobody knows.
fn differ(before: &Estimate, after: &Estimate) -> bool {
    let outside =
        |value: f64, interval: Option<[f64; 2]>| interval.is_some_and(|[low, high]| value < low || high < value);
    outside(after.value, before.interval) && outside(before.value, after.interval)
}

fn speed(contestant: &Contestant, past: &PastContestant) -> Vec<Change> {
    let (Some(now), Some(past)) = (&contestant.speed, &past.speed) else { return Vec::new() };
    let single = |speed: &Speed, of: fn(&super::speed::Single) -> Spread| speed.single.as_ref().map(of);
    let offline = |speed: &Speed| speed.offline.as_ref().map(|offline| offline.texts_per_s);
    // Name, before, after, and whether more is better.
    let figures = [
        ("start, s", past.start_s, now.start_s, false),
        ("peak memory, bytes", past.peak_memory, now.peak_memory, false),
        ("single p50, ms", single(past, |s| s.p50_ms), single(now, |s| s.p50_ms), false),
        ("single p99, ms", single(past, |s| s.p99_ms), single(now, |s| s.p99_ms), false),
        ("offline texts/s", offline(past), offline(now), true),
    ];
    let mut changes = Vec::new();
    for (figure, before, after, more_is_better) in figures {
        let (Some(before), Some(after)) = (before, after) else { continue };
        let far = (after.median - before.median).abs() >= LEAST_SHARE * before.median;
        if far && after.is_apart_from(&before) {
            changes.push(Change {
                contestant: contestant.name.clone(),
                figure: figure.to_owned(),
                before: before.median,
                after: after.median,
                is_worse: (after.median > before.median) != more_is_better,
            });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, half: f64) -> Estimate {
        Estimate { value, interval: Some([value - half, value + half]) }
    }

    #[test]
    fn a_figure_differs_if_each_lies_outside_of_the_others_interval() {
        assert!(differ(&estimate(0.8, 0.02), &estimate(0.77, 0.02)));
        assert!(!differ(&estimate(0.8, 0.02), &estimate(0.77, 0.04)));
        assert!(!differ(&estimate(0.8, 0.02), &estimate(0.79, 0.02)));
        assert!(!differ(&Estimate { value: 0.8, interval: None }, &estimate(0.1, 0.02)));
    }

    #[test]
    fn speeds_differ_if_their_runs_lie_apart_and_their_medians_too() {
        let speed = |runs: &[f64]| Speed {
            start_s: Spread::of(runs.iter().copied()),
            peak_memory: None,
            single: None,
            server: None,
            offline: None,
            tokens: None,
        };
        let changes = |before: &[f64], after: &[f64]| {
            let contestant = Contestant {
                name: "a".into(),
                about: String::new(),
                bytes: None,
                quality_command: String::new(),
                speed_command: String::new(),
                quality: None,
                speed: Some(speed(after)),
                padding: None,
                errors: Vec::new(),
            };
            super::speed(&contestant, &PastContestant { name: "a".into(), quality: None, speed: Some(speed(before)) })
        };
        assert!(changes(&[1.0, 1.1, 1.2], &[1.3, 1.4, 1.5])[0].is_worse);
        assert!(!changes(&[1.3, 1.4, 1.5], &[1.0, 1.1, 1.2])[0].is_worse);
        assert_eq!(changes(&[1.0, 1.1, 1.3], &[1.2, 1.4, 1.5]), []);
        assert_eq!(changes(&[1.0, 1.001], &[1.01, 1.02]), []);
    }
}
