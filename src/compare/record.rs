//! What a comparison found: the report as data.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::machine::Machine;
use super::quality::Quality;
use super::speed::Speed;
use crate::evaluate::{Head, HeadComparison};

/// Version of the format of records.
pub const FORMAT: u32 = 1;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of plaint that compared.
    pub plaint: String,
    /// Name of the suite.
    pub suite: String,
    /// When it was done, in UTC: `2026-11-22T12:00:00Z`.
    pub date: String,
    /// The command that repeats it.
    pub command: String,
    /// Of resampling and arrivals.
    pub seed: u64,
    /// Resamples behind intervals and p values.
    pub resamples: usize,
    /// The texts.
    pub data: DataSummary,
    /// Where speeds were measured.
    pub machine: Machine,
    /// How speeds were measured; `None` if they were not.
    pub speed: Option<SpeedConditions>,
    /// Who was compared, in the order of the suite.
    pub contestants: Vec<Contestant>,
    /// Every pair of contestants of which at least one head could be compared.
    pub comparisons: Vec<PairComparison>,
}

/// The texts of a comparison. None of them is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataSummary {
    /// The files, as the suite's patterns found them.
    pub files: Vec<String>,
    /// Only these splits; all if empty.
    pub splits: Vec<String>,
    /// Texts.
    pub texts: usize,
    /// Labels by head.
    pub labels: BTreeMap<Head, usize>,
    /// Rows that could not be used.
    pub bad_rows: usize,
    /// SHA-256 of ids, texts and labels: comparisons of equal texts have the same.
    pub sha256: String,
}

/// How speeds were measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpeedConditions {
    /// Texts that were drawn from.
    pub texts: usize,
    /// Where they come from, in words.
    pub from: String,
    /// Runs of each contestant.
    pub repeats: usize,
    /// About how long a run took.
    pub seconds: f64,
    /// Bound of the server's 99th percentile, in milliseconds.
    pub p99_ms: f64,
}

/// A contestant and what was found of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contestant {
    /// As the suite calls it.
    pub name: String,
    /// What runs: model, version and encoder, or the command of another program.
    pub about: String,
    /// Bytes of its model; `None` if nobody knows.
    pub bytes: Option<u64>,
    /// The command that gives the same figures of quality.
    pub quality_command: String,
    /// The command that measures its speed again.
    pub speed_command: String,
    /// How good it is.
    pub quality: Option<Quality>,
    /// How fast it is.
    pub speed: Option<Speed>,
    /// What it computes for nothing on the texts of the measures of speed: tokens of padding by tokens. 0 for the cpu
    /// encoder, which does not pad; `None` if nobody knows.
    pub padding: Option<f64>,
    /// What went wrong, one line each.
    pub errors: Vec<String>,
}

/// One contestant held against another on the same texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairComparison {
    /// Name of the first.
    pub a: String,
    /// Name of the second.
    pub b: String,
    /// By head: the figures of the first less those of the second.
    pub heads: Vec<HeadComparison>,
}

impl Record {
    /// Whether a contestant could not be measured in full, or left a text without a score.
    pub fn has_errors(&self) -> bool {
        let failed = |contestant: &Contestant| contestant.quality.as_ref().is_some_and(|quality| quality.failed > 0);
        self.contestants.iter().any(|contestant| !contestant.errors.is_empty() || failed(contestant))
    }

    /// The record as a line of JSON.
    pub fn to_json(&self) -> String {
        // Floats that are not finite become null: the threshold of a cut that calls nothing positive.
        serde_json::to_string(self).expect("maps have strings for keys")
    }

    /// A name for its file: date and suite.
    pub fn file_name(&self) -> String {
        let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
        let suite: String = self.suite.chars().map(plain).collect();
        format!("{}-{suite}.json", self.date.replace(':', ""))
    }
}

/// The time in UTC, to the second.
pub(super) fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    utc(seconds)
}

/// Seconds since 1970 as a date, by Hinnant's `civil_from_days`.
fn utc(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153; // March is 0
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + next_year;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_305_600, "2026-11-22T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), date);
        }
    }
}
