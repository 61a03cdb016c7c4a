//! Measures of each head, of all texts and of slices of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::bootstrap::bootstrap;
use super::dataset::Example;
use super::head::Head;
use super::measure::{self, Measure};
use super::metrics::{Confusion, Reliability};
use super::point::Point;
use super::score::{Failure, Scored, Scores, score};
use crate::assessment::SentimentLabel;
use crate::engine::Engine;

/// A source with at least so many sentiment labels, none of them neutral, has no neutral class.
const TWO_CLASS_EVIDENCE: usize = 50;

/// How to evaluate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Slices: the texts are told apart by each of these, and by several dimensions at once where an entry has several.
    pub by: Vec<Vec<Dimension>>,
    /// Resamples for intervals; without any there are no intervals.
    pub resamples: usize,
    /// Seed of the resampling.
    pub seed: u64,
    /// Whether related texts (see [`Example::cluster`]) are resampled together, as they should be.
    pub by_cluster: bool,
}

impl Default for Options {
    /// By language, source and channel; 1,000 resamples of clusters, seed 1.
    fn default() -> Self {
        let by = vec![vec![Dimension::Lang], vec![Dimension::Source], vec![Dimension::Channel]];
        Self { by, resamples: 1000, seed: 1, by_cluster: true }
    }
}

/// What texts are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// [`Example::source`].
    Source,
    /// [`Example::lang`].
    Lang,
    /// [`Example::channel`].
    Channel,
    /// [`Example::subset`].
    Subset,
    /// Length of [`Example::text`] in characters: 0-99, 100-199, 200-399, 400-799 or 800+.
    Length,
}

impl Dimension {
    fn of(self, example: &Example) -> Option<&str> {
        match self {
            Self::Source => example.source.as_deref(),
            Self::Lang => example.lang.as_deref(),
            Self::Channel => example.channel.as_deref(),
            Self::Subset => example.subset.as_deref(),
            Self::Length => Some(match example.text.chars().count() {
                0..100 => "0-99",
                100..200 => "100-199",
                200..400 => "200-399",
                400..800 => "400-799",
                _ => "800+",
            }),
        }
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "source" => Ok(Self::Source),
            "lang" => Ok(Self::Lang),
            "channel" => Ok(Self::Channel),
            "subset" => Ok(Self::Subset),
            "length" => Ok(Self::Length),
            _ => Err(format!("found `{text}`, expected source, lang, channel, subset or length")),
        }
    }
}

/// How good a model is on a data set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Texts that were scored, with labels or without.
    pub texts: usize,
    /// Texts that could not be scored; they are in no measure.
    pub failures: Vec<Failure>,
    /// Resamples of the intervals.
    pub resamples: usize,
    /// Seed of the resampling.
    pub seed: u64,
    /// Sources without a neutral class (50 sentiment labels or more, none neutral). Their texts are asked for the
    /// likelier of negative and positive, and these two probabilities are scaled to a sum of 1.
    pub two_class_sources: BTreeSet<String>,
    /// By head: first all texts, then the slices.
    pub heads: Vec<HeadReport>,
}

/// How good a head is on a slice of the texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadReport {
    /// The head.
    pub head: Head,
    /// What the texts have in common; empty for all texts.
    pub slice: BTreeMap<Dimension, String>,
    /// Texts with a label for the head.
    pub texts: usize,
    /// What was resampled: clusters of related texts, or texts.
    pub clusters: usize,
    /// The measures that are defined on these texts.
    pub measures: BTreeMap<Measure, Estimate>,
    /// By class, in the order of [`Head::labels`].
    pub classes: Vec<ClassReport>,
    /// Counts by gold (outer) and predicted (inner) class.
    pub confusion: Confusion,
    /// The reliability diagram that [`Measure::Ece`] sums up.
    pub reliability: Reliability,
}

/// How well a class is found. A figure is `None` where it is undefined.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassReport {
    /// Name of the class.
    pub label: &'static str,
    /// Texts that have it.
    pub texts: u64,
    /// Share of the texts given it that have it.
    pub precision: Option<Estimate>,
    /// Share of the texts that have it that were given it.
    pub recall: Option<Estimate>,
    /// Harmonic mean of both.
    pub f1: Option<Estimate>,
}

/// A figure and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// On the texts at hand.
    pub value: f64,
    /// See [`bootstrap`]; `None` without resamples, or where it is undefined on most of them.
    pub interval: Option<[f64; 2]>,
}

/// Scores examples and measures the scores.
pub fn evaluate(engine: &Engine, examples: &[Example], options: &Options) -> Report {
    Report::new(score(engine, examples, |_| ()), options)
}

impl Report {
    /// Measures scores.
    pub fn new(scores: Scores<'_>, options: &Options) -> Self {
        let two_class_sources = two_class_sources(&scores.scored);
        let mut heads = Vec::new();
        for head in Head::ALL {
            let points = scores.points(head, &two_class_sources);
            let slices = std::iter::once([].as_slice()).chain(options.by.iter().map(Vec::as_slice));
            for (slice, points) in slices.flat_map(|dimensions| slices_of(&points, dimensions)) {
                heads.push(HeadReport::new(head, slice, points, options));
            }
        }
        let Options { resamples, seed, .. } = *options;
        let two_class_sources = two_class_sources.into_iter().map(str::to_owned).collect();
        let Scores { scored, failures, .. } = scores;
        Self { texts: scored.len(), failures, resamples, seed, two_class_sources, heads }
    }

    /// The report of a head on all texts; `None` if no text has a label for it.
    pub fn overall(&self, head: Head) -> Option<&HeadReport> {
        self.heads.iter().find(|report| report.head == head && report.slice.is_empty())
    }
}

type Slice<'a, 'p> = (BTreeMap<Dimension, String>, Vec<&'p (&'a Example, Point)>);

/// Points that have the same values in all of `dimensions`; those without a value in one are in no slice.
fn slices_of<'a, 'p>(points: &'p [(&'a Example, Point)], dimensions: &[Dimension]) -> Vec<Slice<'a, 'p>> {
    let mut slices: BTreeMap<Vec<&str>, Vec<_>> = BTreeMap::new();
    for point in points {
        let key: Option<Vec<&str>> = dimensions.iter().map(|dimension| dimension.of(point.0)).collect();
        if let Some(key) = key {
            slices.entry(key).or_default().push(point);
        }
    }
    let named = |key: Vec<&str>| dimensions.iter().copied().zip(key.into_iter().map(str::to_owned)).collect();
    slices.into_iter().map(|(key, points)| (named(key), points)).collect()
}

impl<'a> Scores<'a> {
    /// The examples that have a label for the head, none if whoever scored does not have the head.
    pub(super) fn points(&self, head: Head, two_class_sources: &BTreeSet<&str>) -> Vec<(&'a Example, Point)> {
        let scored = self.scored.iter().filter(|_| !self.without.contains(&head));
        let point = |scored: &Scored<'a>| {
            let source = scored.example.source.as_deref();
            let two_class = source.is_some_and(|source| two_class_sources.contains(source));
            Some((scored.example, Point::new(head, scored, two_class)?))
        };
        scored.filter_map(point).collect()
    }
}

pub(super) fn two_class_sources<'a>(scored: &[Scored<'a>]) -> BTreeSet<&'a str> {
    let mut labels: HashMap<&str, (usize, usize)> = HashMap::new();
    for Scored { example, .. } in scored {
        if let (Some(source), Some(label)) = (example.source.as_deref(), example.labels.sentiment) {
            let (all, neutral) = labels.entry(source).or_default();
            *all += 1;
            *neutral += usize::from(label == SentimentLabel::Neutral);
        }
    }
    let two_class = labels.into_iter().filter(|&(_, (all, neutral))| all >= TWO_CLASS_EVIDENCE && neutral == 0);
    two_class.map(|(source, _)| source).collect()
}

impl HeadReport {
    fn new(
        head: Head,
        slice: BTreeMap<Dimension, String>,
        mut points: Vec<&(&Example, Point)>,
        options: &Options,
    ) -> Self {
        // Rankings of resamples are then nearly free: see `bootstrap`.
        points.sort_by(|(_, a), (_, b)| b.forecast.total_cmp(&a.forecast));
        let clusters = number_clusters(points.iter().map(|(example, _)| *example), options.by_cluster);
        let points: Vec<Point> = points.into_iter().map(|(_, point)| *point).collect();

        let values = measure::values(head, &points);
        let mut intervals =
            bootstrap(&points, &clusters, options.resamples, options.seed, |points| measure::values(head, points));
        intervals.resize(values.len(), None);
        let mut estimates =
            values.into_iter().zip(intervals).map(|(value, interval)| Some(Estimate { value: value?, interval }));

        let measures = Measure::of(head).iter().zip(estimates.by_ref());
        let measures = measures.filter_map(|(&measure, estimate)| Some((measure, estimate?))).collect();
        let confusion = measure::confusion(head, &points);
        let mut next = || estimates.next().expect("three values a class");
        let classes = head
            .labels()
            .into_iter()
            .enumerate()
            .map(|(class, label)| {
                let (precision, recall, f1) = (next(), next(), next());
                ClassReport { label, texts: confusion.support(class), precision, recall, f1 }
            })
            .collect();
        Self {
            head,
            slice,
            texts: points.len(),
            clusters: clusters.iter().max().map_or(0, |last| last + 1),
            measures,
            classes,
            confusion,
            reliability: measure::reliability(&points),
        }
    }
}

/// Numbers clusters in the order in which they come up.
pub(super) fn number_clusters<'a>(examples: impl Iterator<Item = &'a Example>, by_cluster: bool) -> Vec<usize> {
    let mut numbers = HashMap::new();
    examples
        .enumerate()
        .map(|(index, example)| {
            if !by_cluster {
                return index;
            }
            let next = numbers.len();
            *numbers.entry((example.source.as_deref(), example.cluster())).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::{Assessment, Coverage, Probability, Sentiment, Urgency, UrgencyLevel};
    use crate::evaluate::dataset::Labels;

    fn p(value: f32) -> Probability {
        Probability::new(value).unwrap()
    }

    fn assessment(complaint: f32, [negative, neutral, positive]: [f32; 3], level: UrgencyLevel) -> Assessment {
        let label = if neutral > 0.5 {
            SentimentLabel::Neutral
        } else if positive > negative {
            SentimentLabel::Positive
        } else {
            SentimentLabel::Negative
        };
        Assessment {
            complaint: p(complaint),
            is_complaint: complaint >= 0.5,
            sentiment: Sentiment { label, negative: p(negative), neutral: p(neutral), positive: p(positive) },
            urgency: Urgency { score: p(level as u8 as f32 / 4.0), level },
            coverage: Coverage { tokens: 1, windows: 1, complete: true },
        }
    }

    fn example(id: usize, source: &str, lang: &str, labels: Labels) -> Example {
        Example {
            id: format!("{id}-{lang}"),
            source: Some(source.into()),
            lang: Some(lang.into()),
            labels,
            ..Example::default()
        }
    }

    fn report(scored: Vec<(&Example, Assessment)>, options: &Options) -> Report {
        let scored = scored.into_iter().map(|(example, assessment)| Scored { example, assessment }).collect();
        Report::new(Scores { scored, ..Scores::default() }, options)
    }

    #[test]
    fn all_texts_then_slices_of_the_texts_that_have_a_label() {
        let complaint = |complaint| Labels { complaint, ..Labels::default() };
        let examples = [
            example(1, "a", "de", complaint(Some(true))),
            example(1, "a", "fr", complaint(Some(true))),
            example(2, "a", "de", complaint(Some(false))),
            example(3, "b", "de", complaint(None)),
            Example { lang: None, ..example(4, "b", "de", complaint(Some(false))) },
        ];
        let scores = [0.9, 0.4, 0.1, 0.9, 0.6];
        let neutral = [0.2, 0.6, 0.2];
        let scored = examples.iter().zip(scores).map(|(e, score)| (e, assessment(score, neutral, UrgencyLevel::Low)));
        let by = vec![vec![Dimension::Lang], vec![Dimension::Source, Dimension::Lang]];
        let report = report(scored.collect(), &Options { by, resamples: 50, ..Options::default() });

        let slices: Vec<_> = report
            .heads
            .iter()
            .map(|head| (head.slice.values().cloned().collect::<Vec<_>>().join(" "), head.texts))
            .collect();
        let expected = [("", 4), ("de", 2), ("fr", 1), ("a de", 2), ("a fr", 1)];
        assert_eq!(slices, expected.map(|(slice, texts)| (slice.to_owned(), texts)));
        assert_eq!(report.overall(Head::Sentiment), None);

        let overall = report.overall(Head::Complaint).unwrap();
        assert_eq!((report.texts, overall.clusters), (5, 3));
        assert_eq!(serde_json::to_string(&overall.confusion).unwrap(), "[[1,1],[1,1]]");
        assert_eq!(overall.measures[&Measure::RocAuc].value, 0.75);
        let [low, high] = overall.measures[&Measure::Brier].interval.unwrap();
        assert!((0.0..high).contains(&low) && high <= 0.36 + 1e-6, "{low} {high}");
        assert_eq!(overall.classes[1].precision.unwrap().value, 0.5);
        // One text, a missed complaint: no AUC, no precision, but a recall of 0.
        let french = &report.heads[2];
        assert!(!french.measures.contains_key(&Measure::RocAuc));
        assert_eq!((french.classes[1].precision, french.classes[1].recall.unwrap().value), (None, 0.0));
    }

    #[test]
    fn urgency_is_measured_by_level_and_score() {
        use UrgencyLevel::{Critical, High, Low, Normal};
        let pairs = [(Low, Low), (Normal, High), (High, High), (Critical, Normal)];
        let examples =
            pairs.map(|(gold, _)| example(0, "a", "de", Labels { urgency: Some(gold), ..Labels::default() }));
        let scored = examples.iter().zip(pairs).map(|(e, (_, level))| (e, assessment(0.5, [0.2, 0.6, 0.2], level)));
        let options = Options { by: Vec::new(), resamples: 0, ..Options::default() };
        let report = report(scored.collect(), &options);
        let measures = &report.overall(Head::Urgency).unwrap().measures;
        let value = |measure| measures[&measure].value;
        assert_eq!((value(Measure::UrgentPrecision), value(Measure::UrgentRecall)), (0.5, 0.5));
        assert_eq!(value(Measure::UrgentRecallAtPrecision), 0.0); // the first step holds one right and one wrong
        assert_eq!(value(Measure::SquaredError), (1.0 + 4.0) / 16.0 / 4.0);
        assert_eq!(measures[&Measure::MacroF1].interval, None);
    }

    #[test]
    fn lengths_are_told_apart_in_ascending_order_and_a_missing_head_is_not_measured() {
        let labels = Labels { complaint: Some(true), urgency: Some(UrgencyLevel::Low), ..Labels::default() };
        let examples =
            [900, 10, 100, 99].map(|length| Example { text: "ä".repeat(length), ..example(1, "a", "de", labels) });
        let scored: Vec<_> = examples
            .iter()
            .map(|e| Scored { example: e, assessment: assessment(0.9, [0.2, 0.6, 0.2], UrgencyLevel::Low) })
            .collect();
        let options = Options { by: vec![vec![Dimension::Length]], resamples: 0, ..Options::default() };
        let report = Report::new(Scores { scored, without: vec![Head::Urgency], ..Scores::default() }, &options);
        let slices: Vec<_> = report.heads.iter().map(|head| head.slice.values().cloned().collect::<String>()).collect();
        assert_eq!(slices, ["", "0-99", "100-199", "800+"]);
        assert_eq!(report.heads[1].texts, 2);
        assert_eq!(report.overall(Head::Urgency), None);
    }

    #[test]
    fn a_source_without_a_neutral_class_is_asked_for_two() {
        let labels = |sentiment| Labels { sentiment: Some(sentiment), ..Labels::default() };
        let mut examples: Vec<Example> =
            (0..TWO_CLASS_EVIDENCE).map(|id| example(id, "two", "pl", labels(SentimentLabel::Negative))).collect();
        examples.push(example(99, "few", "pl", labels(SentimentLabel::Negative)));
        let scored = examples.iter().map(|e| (e, assessment(0.5, [0.3, 0.6, 0.1], UrgencyLevel::Low))).collect();
        let report = report(scored, &Options { resamples: 0, by: vec![vec![Dimension::Source]], ..Options::default() });
        assert_eq!(report.two_class_sources, BTreeSet::from(["two".to_owned()]));
        let (few, two) = (&report.heads[1], &report.heads[2]);
        assert_eq!((few.measures[&Measure::MicroF1].value, two.measures[&Measure::MicroF1].value), (0.0, 1.0));
        assert!((two.measures[&Measure::Brier].value - 2.0 * 0.0625).abs() < 1e-6); // 0.75 and 0.25
        assert_eq!(two.reliability.bins.len(), 1);
    }
}
