//! One line of scores, of all heads or some.

use serde::Deserialize;
use serde_json::Value;

use super::error::AnswerError;
use crate::evaluate::Head;
use crate::{Assessment, Coverage, Probability, Sentiment, SentimentLabel, Urgency, UrgencyLevel};

/// What a program says of one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// `None` if it could not score the text.
    scores: Option<Scores>,
}

#[derive(Debug, Clone, PartialEq)]
struct Scores {
    complaint: Option<(Probability, bool)>,
    sentiment: Option<Sentiment>,
    urgency: Option<Urgency>,
    coverage: Option<Coverage>,
}

#[derive(Deserialize)]
struct Line {
    id: Option<Value>,
    complaint: Option<Probability>,
    is_complaint: Option<bool>,
    sentiment: Option<SentimentLine>,
    urgency: Option<UrgencyLine>,
    coverage: Option<CoverageLine>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct SentimentLine {
    label: Option<SentimentLabel>,
    negative: Option<Probability>,
    neutral: Option<Probability>,
    positive: Option<Probability>,
}

#[derive(Deserialize)]
struct UrgencyLine {
    score: Option<Probability>,
    level: Option<UrgencyLevel>,
}

#[derive(Deserialize)]
struct CoverageLine {
    tokens: usize,
    windows: Option<usize>,
    complete: Option<bool>,
}

impl Answer {
    /// Reads the answer to the text of number `id`.
    ///
    /// # Errors
    /// [`AnswerError`] if it is none, or is that to another text.
    pub fn parse(line: &[u8], id: usize) -> Result<Self, AnswerError> {
        let no_object = |what: &str| AnswerError {
            field: None,
            found: format!("a line of {} bytes that is {what}", line.len()),
            expected: "a JSON object with scores",
        };
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err(no_object("no JSON object"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        // Not serde's own words: they quote what they found.
        let parsed: Line = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let field = error.path().to_string();
            if field == "." || !error.inner().is_data() { no_object("not valid JSON") } else { unusable(field) }
        })?;
        deserializer.end().map_err(|_| no_object("more than one JSON object"))?;
        if parsed.error.is_some() {
            return Ok(Self { scores: None });
        }
        match &parsed.id {
            Some(found) if found.as_u64() != Some(id as u64) => {
                let found = found.as_u64().map_or_else(|| "another id".to_owned(), |found| found.to_string());
                let field = Some("id".to_owned());
                return Err(AnswerError { field, found, expected: "the id of the text, in the order of the texts" });
            }
            _ => {}
        }
        let scores = Scores {
            complaint: parsed.complaint.map(|p| (p, parsed.is_complaint.unwrap_or(p.get() >= 0.5))),
            sentiment: parsed.sentiment.map(sentiment).transpose()?,
            urgency: parsed.urgency.map(urgency).transpose()?,
            coverage: parsed.coverage.map(|CoverageLine { tokens, windows, complete }| Coverage {
                tokens,
                windows: windows.unwrap_or(1),
                complete: complete.unwrap_or(true),
            }),
        };
        if scores.complaint.is_none() && scores.sentiment.is_none() && scores.urgency.is_none() {
            return Err(no_object("without complaint, sentiment and urgency"));
        }
        Ok(Self { scores: Some(scores) })
    }

    /// The heads that it answers for; `None` if the text could not be scored.
    pub fn heads(&self) -> Option<Vec<Head>> {
        let scores = self.scores.as_ref()?;
        let has = |head: &Head| match head {
            Head::Complaint => scores.complaint.is_some(),
            Head::Sentiment => scores.sentiment.is_some(),
            Head::Urgency => scores.urgency.is_some(),
        };
        Some(Head::ALL.into_iter().filter(has).collect())
    }

    /// The scores; heads that the program does not have are 0 and `none`, so look at [`heads`](Self::heads) first. `None`
    /// if the text could not be scored.
    pub fn scores(&self) -> Option<Assessment> {
        let scores = self.scores.as_ref()?;
        let zero = Probability::default();
        let (complaint, is_complaint) = scores.complaint.unwrap_or((zero, false));
        Some(Assessment {
            complaint,
            is_complaint,
            sentiment: scores.sentiment.unwrap_or(Sentiment {
                label: SentimentLabel::Neutral,
                negative: zero,
                neutral: zero,
                positive: zero,
            }),
            urgency: scores.urgency.unwrap_or(Urgency { score: zero, level: UrgencyLevel::None }),
            coverage: scores.coverage.unwrap_or(Coverage { tokens: 0, windows: 1, complete: true }),
        })
    }

    /// What the program said of its reading.
    pub fn coverage(&self) -> Option<Coverage> {
        self.scores.as_ref()?.coverage
    }
}

fn sentiment(line: SentimentLine) -> Result<Sentiment, AnswerError> {
    let certain = |label| Probability::new(f32::from(u8::from(line.label == Some(label)))).unwrap_or_default();
    match (line.label, line.negative, line.neutral, line.positive) {
        (label, Some(negative), Some(neutral), Some(positive)) => {
            // On a tie the more negative one, as in `Sentiment`.
            let most = [negative, neutral, positive].map(Probability::get).into_iter().fold(0.0, f32::max);
            let likeliest = if negative.get() == most {
                SentimentLabel::Negative
            } else if neutral.get() == most {
                SentimentLabel::Neutral
            } else {
                SentimentLabel::Positive
            };
            Ok(Sentiment { label: label.unwrap_or(likeliest), negative, neutral, positive })
        }
        (Some(label), None, None, None) => Ok(Sentiment {
            label,
            negative: certain(SentimentLabel::Negative),
            neutral: certain(SentimentLabel::Neutral),
            positive: certain(SentimentLabel::Positive),
        }),
        _ => Err(unusable("sentiment".to_owned())),
    }
}

fn urgency(line: UrgencyLine) -> Result<Urgency, AnswerError> {
    let last = (UrgencyLevel::ALL.len() - 1) as f32;
    match (line.score, line.level) {
        (Some(score), Some(level)) => Ok(Urgency { score, level }),
        (Some(score), None) => Ok(Urgency { score, level: UrgencyLevel::ALL[(score.get() * last).round() as usize] }),
        (None, Some(level)) => {
            let score = Probability::new(level as u8 as f32 / last).unwrap_or_default();
            Ok(Urgency { score, level })
        }
        (None, None) => Err(unusable("urgency".to_owned())),
    }
}

fn unusable(field: String) -> AnswerError {
    let expected = match field.split('.').next().unwrap_or_default() {
        "complaint" => "a probability",
        "is_complaint" => "true or false",
        "sentiment" => {
            "`label` (negative, neutral or positive), or `negative`, `neutral` and `positive` (probabilities)"
        }
        "urgency" => "`score` (0 to 1) or `level` (none, low, normal, high or critical)",
        _ => "`tokens` and perhaps `windows` and `complete`",
    };
    AnswerError { field: Some(field), found: "something else".to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Answer, String> {
        Answer::parse(line.as_bytes(), 7).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_of_plaint_score_comes_through_unchanged() {
        let line = concat!(
            r#"{"id":7,"complaint":0.9,"is_complaint":false,"sentiment":{"label":"neutral","negative":0.5,"neutral":0.25,"#,
            r#""positive":0.25},"urgency":{"score":0.5,"level":"high"},"coverage":{"tokens":23,"windows":2,"complete":true}}"#
        );
        let answer = parse(line).unwrap();
        let expected: Assessment = serde_json::from_str(line).unwrap();
        assert_eq!(answer.scores(), Some(expected));
        assert_eq!((answer.heads().unwrap().len(), answer.coverage().unwrap().tokens), (3, 23));
    }

    #[test]
    fn what_a_program_does_not_say_is_filled_in() {
        let answer = parse(r#"{"sentiment":{"label":"positive"}}"#).unwrap();
        assert_eq!(answer.heads(), Some(vec![Head::Sentiment]));
        let sentiment = answer.scores().unwrap().sentiment;
        assert_eq!((sentiment.positive.get(), sentiment.negative.get()), (1.0, 0.0));
        let scores = parse(
            r#"{"complaint":0.5,"urgency":{"score":0.7},"sentiment":{"negative":0.4,"neutral":0.2,"positive":0.4}}"#,
        );
        let scores = scores.unwrap().scores().unwrap();
        assert!(scores.is_complaint);
        assert_eq!((scores.urgency.level, scores.sentiment.label), (UrgencyLevel::High, SentimentLabel::Negative));
        let scores = parse(r#"{"urgency":{"level":"normal"}}"#).unwrap().scores().unwrap();
        assert_eq!(scores.urgency.score.get(), 0.5);
        assert_eq!(parse(r#"{"line":7,"error":"empty"}"#).unwrap().scores(), None);
    }

    #[test]
    fn garbage_is_told_without_being_quoted() {
        for (line, expected) in [
            ("geheim", "found a line of 6 bytes that is no JSON object, expected a JSON object with scores"),
            ("{\"geheim", "found a line of 8 bytes that is not valid JSON"),
            ("{}", "without complaint, sentiment and urgency"),
            (r#"{"complaint":0.5} geheim"#, "more than one JSON object"),
            (r#"{"complaint":1.5}"#, "field `complaint`: found something else, expected a probability"),
            (r#"{"complaint":"geheim"}"#, "field `complaint`"),
            (r#"{"sentiment":{"label":"geheim"}}"#, "field `sentiment.label`: found something else, expected `label`"),
            (r#"{"sentiment":{"negative":0.5}}"#, "field `sentiment`"),
            (r#"{"urgency":{}}"#, "field `urgency`"),
            (r#"{"id":8,"complaint":0.5}"#, "field `id`: found 8, expected the id of the text, in the order"),
            (r#"{"id":"geheim","complaint":0.5}"#, "field `id`: found another id"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected) && !error.contains("geheim"), "{error}\n{expected}");
        }
    }
}
