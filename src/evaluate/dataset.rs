//! Labelled texts in the house format: JSON Lines, one text a row.

use std::path::Path;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::head::Head;
use super::jsonl::{self, Place, ReadError, RowError};
use crate::assessment::{SentimentLabel, UrgencyLevel};

/// A text and what is known of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Example {
    /// Name of the text; where the row has none, the number of its line.
    pub id: String,
    /// What was written, never empty.
    pub text: String,
    /// Language, as an ISO 639-1 code.
    pub lang: Option<String>,
    /// The data set that it comes from; where the row has none, the file's name without its endings.
    pub source: Option<String>,
    /// `train`, `dev`, `test` or a name of its own.
    pub split: Option<String>,
    /// Where it was written: `twitter`, `forum`, `email` ...
    pub channel: Option<String>,
    /// Its labels.
    pub labels: Labels,
    /// How much it counts in training, at least 0; 1 if absent.
    pub weight: Option<f32>,
    /// Splits for testing that hold the same text: it must not be trained on when they are reported.
    pub in_test_of: Vec<String>,
    /// Fold of a cross-validation.
    pub fold: Option<u8>,
    /// Part of its source.
    pub subset: Option<String>,
    /// Name of a group of related texts, unique within the source.
    pub group: Option<String>,
    /// What the text does, in the words of its source.
    pub act: Option<String>,
    /// The sentiment label of the public data set that the text was taken from, where `labels` holds another's.
    pub sentiment_public: Option<SentimentLabel>,
}

/// Labels of a text; a head without one is neither trained nor evaluated on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels {
    /// Whether it states a breach of expectations.
    pub complaint: Option<bool>,
    /// Its overall attitude.
    pub sentiment: Option<SentimentLabel>,
    /// How soon somebody must act.
    pub urgency: Option<UrgencyLevel>,
}

impl Labels {
    /// Whether there is one for `head`.
    pub fn has(&self, head: Head) -> bool {
        match head {
            Head::Complaint => self.complaint.is_some(),
            Head::Sentiment => self.sentiment.is_some(),
            Head::Urgency => self.urgency.is_some(),
        }
    }

    /// Those of `heads`, without the others.
    pub fn only(self, heads: &[Head]) -> Self {
        Self {
            complaint: self.complaint.filter(|_| heads.contains(&Head::Complaint)),
            sentiment: self.sentiment.filter(|_| heads.contains(&Head::Sentiment)),
            urgency: self.urgency.filter(|_| heads.contains(&Head::Urgency)),
        }
    }
}

impl Example {
    /// Name of the texts that stand or fall together: those of its group, or else itself and its translations, whose ids
    /// differ only in a final `-LANG`.
    ///
    /// ```
    /// use plaint::evaluate::Example;
    /// let french = Example { id: "preo-7-fr".into(), lang: Some("fr".into()), ..Example::default() };
    /// assert_eq!(french.cluster(), "preo-7");
    /// ```
    pub fn cluster(&self) -> &str {
        if let Some(group) = &self.group {
            return group;
        }
        let stem = self.lang.as_ref().and_then(|lang| self.id.strip_suffix(lang.as_str())?.strip_suffix('-'));
        stem.unwrap_or(&self.id)
    }
}

/// The rows of one file or several.
#[derive(Debug, Default)]
pub struct Dataset {
    /// The good rows, in order.
    pub examples: Vec<Example>,
    /// What is wrong with the others, in order.
    pub errors: Vec<RowError>,
}

impl Dataset {
    /// Reads a file of JSON Lines, plain or gzipped.
    ///
    /// A row is an object with `text` and perhaps `id`, `lang`, `source`, `split`, `channel`, `complaint` (0, 1),
    /// `sentiment` (negative, neutral, positive), `urgency_level` (none, low, normal, high, critical), `weight`,
    /// `in_test_of`, `fold`, `subset`, `group`, `act` and `sentiment_public`; each may be null. Other fields are ignored, and
    /// so are empty lines. A bad row becomes a [`RowError`].
    ///
    /// # Errors
    /// [`ReadError`] if the file cannot be read to its end.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let source = stem(path);
        let mut dataset = Self::default();
        jsonl::read(path, |place, row: Result<Row, RowError>| match row.and_then(|row| row.check(place, &source)) {
            Ok(example) => dataset.examples.push(example),
            Err(error) => dataset.errors.push(error),
        })?;
        Ok(dataset)
    }

    /// Reads files one after the other.
    ///
    /// # Errors
    /// [`ReadError`] for the first that cannot be read to its end.
    pub fn read_all<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, ReadError> {
        let mut all = Self::default();
        for path in paths {
            let Self { examples, errors } = Self::read(path)?;
            all.examples.extend(examples);
            all.errors.extend(errors);
        }
        Ok(all)
    }
}

/// The file's name up to its first dot: `potts.dev.jsonl.gz` is of `potts`.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
struct Row {
    #[serde(default, deserialize_with = "name")]
    id: Option<String>,
    text: String,
    lang: Option<String>,
    source: Option<String>,
    split: Option<String>,
    channel: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    complaint: Option<bool>,
    sentiment: Option<SentimentLabel>,
    urgency_level: Option<UrgencyLevel>,
    weight: Option<f32>,
    in_test_of: Option<Vec<String>>,
    fold: Option<u8>,
    subset: Option<String>,
    #[serde(default, deserialize_with = "name")]
    group: Option<String>,
    act: Option<String>,
    sentiment_public: Option<SentimentLabel>,
}

impl Row {
    fn check(self, place: Place<'_>, source: &str) -> Result<Example, RowError> {
        if self.text.trim().is_empty() {
            return Err(place.error("text", "an empty string", "a text"));
        }
        if let Some(weight) = self.weight.filter(|weight| !(0.0..f32::INFINITY).contains(weight)) {
            return Err(place.error("weight", weight.to_string(), "a finite number of at least 0"));
        }
        Ok(Example {
            id: self.id.unwrap_or_else(|| place.line.to_string()),
            text: self.text,
            lang: self.lang,
            source: Some(self.source.unwrap_or_else(|| source.to_owned())),
            split: self.split,
            channel: self.channel,
            labels: Labels { complaint: self.complaint, sentiment: self.sentiment, urgency: self.urgency_level },
            weight: self.weight,
            in_test_of: self.in_test_of.unwrap_or_default(),
            fold: self.fold,
            subset: self.subset,
            group: self.group,
            act: self.act,
            sentiment_public: self.sentiment_public,
        })
    }
}

/// A name may be a number.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(name) => Ok(Some(name)),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(de::Error::custom(format_args!("{other}, expected a string or a number"))),
    }
}

/// 0 and 1, or what JSON has for it.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Some(false)),
        Value::Number(number) if number.as_f64() == Some(1.0) => Ok(Some(true)),
        other => Err(de::Error::custom(format_args!("{other}, expected 0, 1 or null"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn read(name: &str, content: &[u8]) -> Dataset {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        Dataset::read(&path).unwrap()
    }

    #[test]
    fn a_full_row_and_a_bare_row() {
        let rows = concat!(
            r#"{"id":"a-de","text":"Kein Netz!","lang":"de","source":"own","split":"test","channel":"forum","complaint":1,"#,
            r#""sentiment":"negative","urgency_level":"high","urgency":0.7,"weight":0.5,"in_test_of":["x.test"],"fold":3,"#,
            r#""subset":"s","group":7,"act":"complaint","sentiment_public":"neutral","extra":{"x":[1]}}"#,
            "\n\n{\"text\":\"ok\",\"complaint\":null,\"sentiment\":null,\"urgency_level\":null,\"lang\":null}\r\n",
        );
        let Dataset { examples, errors } = read("potts.dev.jsonl", rows.as_bytes());
        assert_eq!(errors, []);
        let full = Example {
            id: "a-de".into(),
            text: "Kein Netz!".into(),
            lang: Some("de".into()),
            source: Some("own".into()),
            split: Some("test".into()),
            channel: Some("forum".into()),
            labels: Labels {
                complaint: Some(true),
                sentiment: Some(SentimentLabel::Negative),
                urgency: Some(UrgencyLevel::High),
            },
            weight: Some(0.5),
            in_test_of: vec!["x.test".into()],
            fold: Some(3),
            subset: Some("s".into()),
            group: Some("7".into()),
            act: Some("complaint".into()),
            sentiment_public: Some(SentimentLabel::Neutral),
        };
        let bare = Example { id: "3".into(), text: "ok".into(), source: Some("potts".into()), ..Example::default() };
        assert_eq!(examples, [full, bare]);
    }

    #[test]
    fn a_bad_row_names_line_field_found_and_expected_and_loses_no_other() {
        let bad = [
            (r#"no json"#, "line: found no json, expected a JSON object"),
            (r#"{"text":"x""#, "line: found EOF while parsing an object, expected a JSON object"),
            (r#"{"text":"x","text":"y"}"#, "line: found duplicate field `text`, expected a JSON object"),
            (r#"[1]"#, "line: found [1], expected a JSON object"),
            (r#"{"text":"x"} x"#, "line: found trailing characters, expected a JSON object"),
            (r#"{"id":1}"#, "field `text`: found nothing, expected a value"),
            (r#"{"text":" "}"#, "field `text`: found an empty string, expected a text"),
            (r#"{"text":7}"#, "field `text`: found integer `7`, expected a string"),
            (r#"{"text":"x","complaint":2}"#, "field `complaint`: found 2, expected 0, 1 or null"),
            (r#"{"text":"x","complaint":"yes"}"#, "field `complaint`: found \"yes\", expected 0, 1 or null"),
            (
                r#"{"text":"x","sentiment":"bad"}"#,
                "field `sentiment`: found unknown variant `bad`, expected one of `negative`, `neutral`, `positive`",
            ),
            (r#"{"text":"x","weight":-1}"#, "field `weight`: found -1, expected a finite number of at least 0"),
            (r#"{"text":"x","in_test_of":[1]}"#, "field `in_test_of[0]`: found integer `1`, expected a string"),
        ];
        let rows: String = bad.iter().map(|(row, _)| format!("{row}\n{{\"text\":\"ok\"}}\n")).collect();
        let Dataset { examples, errors } = read("data.jsonl", rows.as_bytes());
        assert_eq!(examples.len(), bad.len());
        for ((error, (_, expected)), line) in errors.iter().zip(bad).zip((1..).step_by(2)) {
            let (error, end) = (error.to_string(), format!("data.jsonl:{line}: {expected}"));
            assert!(error.ends_with(&end), "{error}\n{end}");
        }
        assert_eq!(errors.len(), bad.len());
    }

    #[test]
    fn gzip_is_read_in_all_its_members_and_a_torn_file_is_an_error() {
        let mut bytes = Vec::new();
        for row in ["{\"text\":\"a\"}\n", "{\"text\":\"b\"}"] {
            let mut member = GzEncoder::new(Vec::new(), Compression::fast());
            member.write_all(row.as_bytes()).unwrap();
            bytes.extend(member.finish().unwrap());
        }
        assert_eq!(read("x.jsonl.gz", &bytes).examples.len(), 2);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("torn.gz");
        std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        assert!(Dataset::read(&path).unwrap_err().to_string().contains("torn.gz: cannot read"));
        assert!(Dataset::read_all([folder.path().join("none")]).is_err());
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over() {
        let long = format!("{{\"text\":\"{}\"}}\n{{\"text\":\"ok\"}}", "x".repeat(5 << 20));
        let Dataset { examples, errors } = read("long.jsonl", long.as_bytes());
        assert_eq!((examples.len(), examples[0].id.as_str(), errors[0].line), (1, "2", 1));
    }

    #[test]
    fn labels_of_some_heads() {
        let all = Labels {
            complaint: Some(true),
            sentiment: Some(SentimentLabel::Negative),
            urgency: Some(UrgencyLevel::Low),
        };
        assert_eq!(all.only(&Head::ALL), all);
        assert_eq!(all.only(&[]), Labels::default());
        assert_eq!(all.only(&[Head::Urgency]), Labels { urgency: all.urgency, ..Labels::default() });
    }

    #[test]
    fn translations_and_groups_are_clusters() {
        let example = |id: &str, lang: &str| Example { id: id.into(), lang: Some(lang.into()), ..Example::default() };
        assert_eq!(example("preo-1-de", "de").cluster(), "preo-1");
        assert_eq!(example("moz-de-1", "de").cluster(), "moz-de-1");
        let grouped = Example { group: Some("g".into()), ..example("x", "de") };
        assert_eq!(grouped.cluster(), "g");
    }
}
