//! A case of a suite and its row in a file.

use serde::Deserialize;

use crate::evaluate::head::Head;
use crate::evaluate::jsonl::{Place, RowError};

/// Texts and what must hold of their scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Name of the case; where the row has none, the number of its line.
    pub id: String,
    /// What it tries.
    pub phenomenon: String,
    /// Language of its texts.
    pub lang: Option<String>,
    /// The head that it asks.
    pub head: Head,
    /// Its texts, as many as `check` wants.
    pub texts: Vec<String>,
    /// What must hold.
    pub check: Check,
}

/// What must hold of the scores of a case's texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// No probability differs between two texts by more than `tolerance`.
    Invariance {
        /// Largest difference allowed.
        tolerance: f64,
    },
    /// The second text's score exceeds the first's.
    Direction {
        /// By at least so much.
        margin: f64,
    },
    /// Every text gets one of these labels.
    Label {
        /// Labels of the head, at least one.
        expect: Vec<String>,
    },
}

#[derive(Deserialize)]
pub(super) struct Row {
    id: Option<String>,
    kind: Kind,
    phenomenon: String,
    lang: Option<String>,
    head: Head,
    texts: Vec<String>,
    tolerance: Option<f64>,
    margin: Option<f64>,
    expect: Option<OneOrMore>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Invariance,
    Direction,
    Label,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Row {
    pub fn check(self, place: Place<'_>) -> Result<Case, RowError> {
        let missing = |field, expected| place.error(field, "nothing", expected);
        let (check, enough, expected) = match self.kind {
            Kind::Invariance => {
                let tolerance = self.tolerance.ok_or_else(|| missing("tolerance", "a number"))?;
                (Check::Invariance { tolerance }, self.texts.len() >= 2, "two texts or more")
            }
            Kind::Direction => {
                let margin = self.margin.ok_or_else(|| missing("margin", "a number"))?;
                (Check::Direction { margin }, self.texts.len() == 2, "two texts, the lower first")
            }
            Kind::Label => {
                let expect = match self.expect.ok_or_else(|| missing("expect", "a label or a list of labels"))? {
                    OneOrMore::One(label) => vec![label],
                    OneOrMore::More(labels) => labels,
                };
                let known = self.head.labels();
                if expect.is_empty() || expect.iter().any(|label| !known.contains(&label.as_str())) {
                    let expected = format!("labels out of {}", known.join(", "));
                    return Err(place.error("expect", expect.join(", "), &expected));
                }
                (Check::Label { expect }, !self.texts.is_empty(), "a text or more")
            }
        };
        if !enough {
            return Err(place.error("texts", format!("{} texts", self.texts.len()), expected));
        }
        let Self { id, phenomenon, lang, head, texts, .. } = self;
        Ok(Case { id: id.unwrap_or_else(|| place.line.to_string()), phenomenon, lang, head, texts, check })
    }
}

#[cfg(test)]
mod tests {
    use crate::evaluate::suite::Suite;

    #[test]
    fn a_bad_row_names_the_field() {
        let bad = [
            (r#""kind":"wish","head":"complaint","texts":["a"]"#, "field `kind`: found unknown variant `wish`"),
            (r#""kind":"label","head":"mood","texts":["a"]"#, "field `head`: found unknown variant `mood`"),
            (r#""kind":"label","head":"complaint""#, "field `texts`: found nothing"),
            (r#""kind":"label","head":"complaint","texts":["a"]"#, "field `expect`: found nothing"),
            (r#""kind":"label","head":"complaint","texts":[],"expect":"complaint""#, "field `texts`: found 0 texts"),
            (
                r#""kind":"label","head":"sentiment","texts":["a"],"expect":["negative","bad"]"#,
                "field `expect`: found negative, bad, expected labels out of negative, neutral, positive",
            ),
            (r#""kind":"invariance","head":"urgency","texts":["a","b"]"#, "field `tolerance`: found nothing"),
            (r#""kind":"invariance","head":"urgency","texts":["a"],"tolerance":0.1"#, "field `texts`: found 1 texts"),
            (r#""kind":"direction","head":"urgency","texts":["a"],"margin":0.1"#, "field `texts`: found 1 texts"),
        ];
        let rows: String = bad.iter().map(|(row, _)| format!("{{\"phenomenon\":\"x\",{row}}}\n")).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suite.jsonl");
        std::fs::write(&path, rows).unwrap();
        let suite = Suite::read(&path).unwrap();
        assert_eq!((suite.cases.len(), suite.errors.len()), (0, bad.len()));
        for (error, (_, expected)) in suite.errors.iter().zip(bad) {
            assert!(error.to_string().contains(expected), "{error}\n{expected}");
        }
    }
}
