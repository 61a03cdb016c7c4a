//! The suite: who is compared, on what.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::error::OneLine;
use crate::evaluate::ReadError;
use crate::{EncoderKind, Precision};

/// What to compare. Paths are relative to the current folder.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// What the report is called.
    pub name: String,
    /// Of resampling, of the choice of texts and of arrivals.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Resamples behind intervals and p values; 0 for none.
    #[serde(default = "default_resamples")]
    pub resamples: usize,
    /// Labelled texts.
    pub data: DataSpec,
    /// A suite of sentences to try (see [`evaluate::suite`](crate::evaluate::suite)).
    pub sentences: Option<PathBuf>,
    /// What a missed positive may cost, in false alarms: a threshold is chosen for each.
    #[serde(default = "default_miss_costs")]
    pub miss_costs: Vec<f64>,
    /// Models of plaint.
    #[serde(default, rename = "model")]
    pub models: Vec<ModelSpec>,
    /// Other programs.
    #[serde(default, rename = "runner")]
    pub runners: Vec<RunnerSpec>,
    /// How speed is measured; without it, it is not.
    pub speed: Option<SpeedSpec>,
}

/// Files of labelled texts in the format of [`Dataset`](crate::evaluate::Dataset).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// Paths, with `*` and `?` as in a shell.
    pub files: Vec<String>,
    /// Only texts of these splits; all if there is none.
    #[serde(default)]
    pub splits: Vec<String>,
}

/// A model of plaint, and how it is run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// What the report calls it.
    pub name: String,
    /// Its folder; the model that was compiled in, if there is none.
    pub folder: Option<PathBuf>,
    /// What computes.
    #[serde(default, deserialize_with = "by_name")]
    pub encoder: EncoderKind,
    /// In what arithmetic.
    #[serde(default, deserialize_with = "by_name")]
    pub precision: Precision,
    /// On how many threads; all that the system offers, if it does not say.
    pub threads: Option<usize>,
}

/// A program that reads texts as JSON Lines on stdin and writes scores as JSON Lines on stdout (see
/// [`runner`](crate::compare::runner)).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerSpec {
    /// What the report calls it.
    pub name: String,
    /// The program and its arguments; no shell is asked.
    pub command: Vec<String>,
    /// Seconds after which it is ended: for all texts in the measures of quality, for one answer in those of speed.
    #[serde(default = "default_timeout")]
    pub timeout_s: f64,
    /// Whether it answers each line as it comes. One that reads all its input first is measured offline only.
    #[serde(default = "yes")]
    pub streams: bool,
    /// A file or folder whose bytes are its model.
    pub artefact: Option<PathBuf>,
}

/// How speed is measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeedSpec {
    /// In what situations.
    pub scenarios: Vec<Scenario>,
    /// Runs of each contestant, in turn with the others. Medians and spreads are over these.
    pub repeats: usize,
    /// About how long a run of a scenario may take.
    pub seconds: f64,
    /// Texts to draw from.
    pub texts: usize,
    /// Where they come from.
    pub from: Texts,
    /// Latency that a server must keep for 99 of 100 texts, in milliseconds.
    pub p99_ms: f64,
}

/// A situation in which speed matters (after MLPerf Inference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// The next text comes when the one before it is answered.
    Single,
    /// Texts come at random moments, whether or not those before are answered.
    Server,
    /// All texts are there at once.
    Offline,
}

impl Scenario {
    /// All scenarios.
    pub const ALL: [Self; 3] = [Self::Single, Self::Server, Self::Offline];
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "single" => Ok(Self::Single),
            "server" => Ok(Self::Server),
            "offline" => Ok(Self::Offline),
            _ => Err(format!("found `{text}`, expected single, server or offline")),
        }
    }
}

/// Where the texts of the measures of speed come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Texts {
    /// Made up, with the length mix of customer messages (see [`texts`](crate::compare::texts)).
    #[default]
    Synthetic,
    /// Drawn from the labelled texts.
    Data,
}

impl Default for SpeedSpec {
    fn default() -> Self {
        Self {
            scenarios: Scenario::ALL.to_vec(),
            repeats: 5,
            seconds: 5.0,
            texts: 512,
            from: Texts::Synthetic,
            p99_ms: 100.0,
        }
    }
}

impl RunnerSpec {
    /// `timeout_s`.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_s)
    }
}

/// A suite cannot be used at all. What is wrong with one contestant is told in its row of the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// The file cannot be read.
    #[error("{}: cannot read: {source}", OneLine(path.display()))]
    Io {
        /// The suite.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or a field is missing, unknown or unusable.
    #[error("{}: {}", OneLine(path.display()), OneLine(message))]
    Field {
        /// The suite.
        path: PathBuf,
        /// Which field, what was found, what was expected.
        message: String,
    },
    /// A file that the suite names cannot be read to its end.
    #[error(transparent)]
    Data(#[from] ReadError),
    /// No usable text is left to compare on.
    #[error("data: found no text{}, expected at least one", OneLine(of_splits(splits)))]
    NoTexts {
        /// The splits that were asked for; all if empty.
        splits: Vec<String>,
    },
}

fn of_splits(splits: &[String]) -> String {
    if splits.is_empty() { String::new() } else { format!(" of split {}", splits.join(" or ")) }
}

impl Suite {
    /// Reads and checks a suite.
    ///
    /// # Errors
    /// [`SuiteError`] says in one line which field is wrong, what was found and what was expected.
    pub fn read(path: &Path) -> Result<Self, SuiteError> {
        let text = std::fs::read_to_string(path).map_err(|source| SuiteError::Io { path: path.into(), source })?;
        Self::parse(&text).map_err(|message| SuiteError::Field { path: path.into(), message })
    }

    fn parse(text: &str) -> Result<Self, String> {
        crate::toml_text::parse(text).and_then(Self::checked)
    }

    /// Leaves only the contestants of these names.
    ///
    /// # Errors
    /// Says which name is none of the suite's.
    pub fn only(&mut self, names: &[String]) -> Result<(), String> {
        let known: Vec<&str> = self.names().collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("found `{unknown}`, expected one of {}", known.join(", ")));
        }
        self.models.retain(|model| names.contains(&model.name));
        self.runners.retain(|runner| names.contains(&runner.name));
        Ok(())
    }

    /// Names of the contestants.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let models = self.models.iter().map(|model| model.name.as_str());
        models.chain(self.runners.iter().map(|runner| runner.name.as_str()))
    }

    fn checked(self) -> Result<Self, String> {
        let wrong = |field: &str, found: &dyn std::fmt::Display, expected: &str| {
            Err(format!("field `{field}`: found {found}, expected {expected}"))
        };
        if self.names().next().is_none() {
            return wrong("model", &"neither a model nor a runner", "at least one of them");
        }
        let mut names = BTreeSet::new();
        for name in self.names() {
            if name.trim().is_empty() {
                return wrong("name", &"an empty name", "what the report should call the contestant");
            }
            if !names.insert(name) {
                return wrong("name", &format_args!("`{name}` twice"), "a name of its own for each contestant");
            }
        }
        if self.data.files.is_empty() {
            return wrong("data.files", &"no file", "at least one");
        }
        if self.resamples > 100_000 {
            return wrong("resamples", &self.resamples, "at most 100000");
        }
        if let Some(cost) = self.miss_costs.iter().find(|cost| !(0.001..=1e6).contains(*cost)) {
            return wrong("miss_costs", cost, "0.001 to 1000000 false alarms");
        }
        for (index, model) in self.models.iter().enumerate() {
            if let Some(threads) = model.threads.filter(|threads| !(1..=1024).contains(threads)) {
                return wrong(&format!("model[{index}].threads"), &threads, "1 to 1024");
            }
        }
        for (index, runner) in self.runners.iter().enumerate() {
            if runner.command.first().is_none_or(String::is_empty) {
                return wrong(&format!("runner[{index}].command"), &"nothing", "a program and its arguments");
            }
            if !(0.001..=86_400.0).contains(&runner.timeout_s) {
                return wrong(&format!("runner[{index}].timeout_s"), &runner.timeout_s, "0.001 to 86400 seconds");
            }
        }
        if let Some(speed) = &self.speed {
            speed.check()?;
        }
        Ok(self)
    }
}

impl SpeedSpec {
    /// Whether the numbers are usable; which field is not.
    ///
    /// # Errors
    /// One line: which field, what was found, what was expected.
    pub fn check(&self) -> Result<(), String> {
        let fields = [
            ("repeats", self.repeats as f64, 1.0, 100.0),
            ("seconds", self.seconds, 0.01, 3600.0),
            ("texts", self.texts as f64, 1.0, 1e6),
            ("p99_ms", self.p99_ms, 0.01, 1e6),
        ];
        for (field, value, low, high) in fields {
            if !(low..=high).contains(&value) {
                return Err(format!("field `speed.{field}`: found {value}, expected {low} to {high}"));
            }
        }
        Ok(())
    }
}

fn default_seed() -> u64 {
    1
}

fn default_resamples() -> usize {
    1000
}

fn default_miss_costs() -> Vec<f64> {
    vec![1.0, 5.0, 20.0]
}

fn default_timeout() -> f64 {
    600.0
}

fn yes() -> bool {
    true
}

fn by_name<'de, T: FromStr<Err = String>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: &str = r#"
        name = "small"
        [data]
        files = ["a.jsonl"]
        [[model]]
        name = "base int8"
        folder = "models/base"
        precision = "int8"
        [[runner]]
        name = "majority"
        command = ["majority"]
        [speed]
        scenarios = ["single", "offline"]
        repeats = 3
    "#;

    #[test]
    fn what_is_not_said_has_a_default() {
        let suite = Suite::parse(SUITE).unwrap();
        assert_eq!((suite.seed, suite.resamples, suite.miss_costs), (1, 1000, vec![1.0, 5.0, 20.0]));
        assert_eq!((suite.models[0].encoder, suite.models[0].precision), (EncoderKind::Cpu, Precision::Int8));
        assert_eq!((suite.runners[0].timeout(), suite.runners[0].streams), (Duration::from_secs(600), true));
        let speed = suite.speed.unwrap();
        assert_eq!((speed.scenarios, speed.repeats), (vec![Scenario::Single, Scenario::Offline], 3));
        assert_eq!(speed.seconds, SpeedSpec::default().seconds);
    }

    #[test]
    fn a_mistake_is_one_line_that_names_the_field() {
        for (from, to, expected) in [
            ("name = \"small\"", "", "field `.`: missing field `name` (line 1)"),
            ("\"int8\"", "\"int4\"", "field `model[0].precision`: found `int4`, expected one of auto, int8"),
            ("folder", "folder_", "field `model[0].folder_`: unknown field `folder_`, expected one of `name`"),
            ("[\"a.jsonl\"]", "[]", "field `data.files`: found no file, expected at least one"),
            ("\"majority\"\n        c", "\"base int8\"\n        c", "field `name`: found `base int8` twice"),
            ("[\"majority\"]", "[]", "field `runner[0].command`: found nothing, expected a program"),
            ("[\"majority\"]", "[\"m\"]\ntimeout_s = 0", "field `runner[0].timeout_s`: found 0, expected 0.001"),
            ("repeats = 3", "repeats = 0", "field `speed.repeats`: found 0, expected 1 to 100"),
            (
                "\"single\"",
                "\"multi\"",
                "field `speed.scenarios[0]`: unknown variant `multi`, expected one of `single`",
            ),
            ("[speed]", "[speed", "unclosed table, expected `]` (line 12)"),
        ] {
            assert!(SUITE.contains(from), "{from}");
            let error = Suite::parse(&SUITE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}\n{expected}");
        }
        let error = Suite::read(Path::new("none.toml")).unwrap_err().to_string();
        assert!(error.starts_with("none.toml: cannot read"), "{error}");
    }

    #[test]
    fn some_contestants_may_be_left_out() {
        let mut suite = Suite::parse(SUITE).unwrap();
        assert_eq!(suite.only(&["x".into()]).unwrap_err(), "found `x`, expected one of base int8, majority");
        suite.only(&["majority".into()]).unwrap();
        assert_eq!(suite.names().collect::<Vec<_>>(), ["majority"]);
    }
}
