//! Whether one model is better than another on the same texts.

use std::collections::{BTreeMap, HashMap};
use std::ptr;

use serde::Serialize;

use super::bootstrap::{interval, resample};
use super::dataset::Example;
use super::head::Head;
use super::measure::{self, Measure};
use super::point::Point;
use super::report::{Options, number_clusters, two_class_sources};
use super::score::Scores;

/// How much better a head of one model is than that of another, on the texts that both have scored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadComparison {
    /// The head.
    pub head: Head,
    /// Texts with a label for the head.
    pub texts: usize,
    /// What was resampled: clusters of related texts, or texts.
    pub clusters: usize,
    /// The measures of decisions and of squared errors that are defined for both. Those of rankings and calibration are
    /// left out: the former cost a sort a resample, the latter are biased by resampling.
    pub measures: BTreeMap<Measure, Difference>,
}

/// A difference of two figures: the first model's less the second's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// On the texts at hand.
    pub value: f64,
    /// Its 95 % interval; `None` without resamples, or where it is undefined on most of them.
    pub interval: Option<[f64; 2]>,
    /// How probable a difference of this size, whatever its sign, would be between models that are equally good: twice the
    /// share of resamples on which the better one is not better, with one added to each count (Davison & Hinkley,
    /// *Bootstrap methods and their application*, 1997, chapter 4). `None` where `interval` is.
    pub p: Option<f64>,
}

/// Compares two models by a paired bootstrap: a resample draws the same texts for both, so that what is hard for both
/// cancels out. `a` and `b` are scores of the same examples; of `options` the slices are not used.
///
/// A head that one of them lacks is left out.
///
/// ```
/// # #[cfg(feature = "embedded-model")] {
/// use plaint::evaluate::{self, Example, Labels};
/// let labels = Labels { complaint: Some(true), ..Labels::default() };
/// let examples = [Example { text: "Kein Netz, seit Wochen!".into(), labels, ..Example::default() }];
/// let scores = evaluate::score(&plaint::Engine::embedded()?, &examples, |_| ());
/// let comparison = evaluate::compare(&scores, &scores, &Default::default());
/// assert!(comparison[0].measures.values().all(|difference| difference.value == 0.0));
/// # } Ok::<(), plaint::LoadError>(())
/// ```
pub fn compare(a: &Scores<'_>, b: &Scores<'_>, options: &Options) -> Vec<HeadComparison> {
    Head::ALL.into_iter().filter_map(|head| HeadComparison::new(head, a, b, options)).collect()
}

impl HeadComparison {
    fn new(head: Head, a: &Scores<'_>, b: &Scores<'_>, options: &Options) -> Option<Self> {
        let pairs = pairs(head, a, b);
        if pairs.is_empty() {
            return None;
        }
        let clusters = number_clusters(pairs.iter().map(|(example, _)| *example), options.by_cluster);
        let points: Vec<(Point, Point)> = pairs.into_iter().map(|(_, points)| points).collect();

        let measures = compared(head);
        let differences = |points: &[(Point, Point)]| differences(head, &measures, points);
        let values = differences(&points);
        let mut drawn = resample(&points, &clusters, options.resamples, options.seed, differences);
        drawn.resize(values.len(), Vec::new());
        let differences = values.into_iter().zip(drawn).map(|(value, drawn)| {
            let p = p_value(&drawn);
            let interval = (!drawn.is_empty()).then(|| interval(drawn, options.resamples)).flatten();
            Some(Difference { value: value?, interval, p: p.filter(|_| interval.is_some()) })
        });
        Some(Self {
            head,
            texts: points.len(),
            clusters: clusters.iter().max().map_or(0, |last| last + 1),
            measures: measures.iter().copied().zip(differences).filter_map(|(m, d)| Some((m, d?))).collect(),
        })
    }
}

/// The measures that are compared.
fn compared(head: Head) -> Vec<Measure> {
    let left_out = [Measure::RocAuc, Measure::AveragePrecision, Measure::UrgentRecallAtPrecision, Measure::Ece];
    Measure::of(head).iter().copied().filter(|measure| !left_out.contains(measure)).collect()
}

/// Points of the examples that both have scored, in the order of `a`.
fn pairs<'a>(head: Head, a: &Scores<'a>, b: &Scores<'_>) -> Vec<(&'a Example, (Point, Point))> {
    let two_class = two_class_sources(&a.scored);
    let of_b: HashMap<*const Example, Point> =
        b.points(head, &two_class).into_iter().map(|(example, point)| (ptr::from_ref(example), point)).collect();
    let both = |(example, point)| Some((example, (point, *of_b.get(&ptr::from_ref(example))?)));
    a.points(head, &two_class).into_iter().filter_map(both).collect()
}

fn differences(head: Head, measures: &[Measure], points: &[(Point, Point)]) -> Vec<Option<f64>> {
    let figures = |points: Vec<Point>| measure::figures(head, measures, &points, &measure::confusion(head, &points));
    let a = figures(points.iter().map(|pair| pair.0).collect());
    let b = figures(points.iter().map(|pair| pair.1).collect());
    a.into_iter().zip(b).map(|(a, b)| Some(a? - b?)).collect()
}

/// Two-sided, of the resampled differences; `None` without any.
fn p_value(drawn: &[f64]) -> Option<f64> {
    let count = |holds: fn(&f64) -> bool| drawn.iter().filter(|value| holds(value)).count();
    let rarer = count(|value| *value <= 0.0).min(count(|value| *value >= 0.0));
    (!drawn.is_empty()).then(|| (2.0 * (rarer + 1) as f64 / (drawn.len() + 1) as f64).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::{Assessment, Coverage, Probability, Sentiment, SentimentLabel, Urgency, UrgencyLevel};
    use crate::evaluate::dataset::Labels;
    use crate::evaluate::score::Scored;

    /// Complaint only, sure of itself.
    fn assessment(is_complaint: bool) -> Assessment {
        let p = |value| Probability::new(value).unwrap();
        Assessment {
            complaint: p(f32::from(u8::from(is_complaint))),
            is_complaint,
            sentiment: Sentiment {
                label: SentimentLabel::Neutral,
                negative: p(0.0),
                neutral: p(1.0),
                positive: p(0.0),
            },
            urgency: Urgency { score: p(0.0), level: UrgencyLevel::None },
            coverage: Coverage { tokens: 1, windows: 1, complete: true },
        }
    }

    fn examples(count: usize) -> Vec<Example> {
        let labels = |index| Labels { complaint: Some(index % 2 == 0), ..Labels::default() };
        (0..count).map(|id| Example { id: id.to_string(), labels: labels(id), ..Example::default() }).collect()
    }

    /// Judges wrongly where `errs` says so.
    fn scores<'a>(examples: &'a [Example], errs: impl Fn(usize) -> bool) -> Scores<'a> {
        let scored = examples.iter().enumerate().map(|(index, example)| {
            let assessment = assessment((index % 2 == 0) != errs(index));
            Scored { example, assessment }
        });
        Scores { scored: scored.collect(), ..Scores::default() }
    }

    fn accuracy(a: &Scores<'_>, b: &Scores<'_>) -> Difference {
        compare(a, b, &Options::default())[0].measures[&Measure::MicroF1]
    }

    #[test]
    fn a_small_difference_that_is_never_reversed_is_real() {
        // Both err on the same 120 of 400 texts, and b on 12 more: unpaired, two intervals of +-4.5 points overlap.
        let examples = examples(400);
        let (a, b) = (scores(&examples, |i| i < 120), scores(&examples, |i| i < 132));
        let difference = accuracy(&a, &b);
        assert!((difference.value - 0.03).abs() < 1e-12);
        let [low, high] = difference.interval.unwrap();
        assert!(0.0 < low && low < 0.02 && 0.04 < high && high < 0.06, "{low} {high}");
        assert!(difference.p.unwrap() < 0.01);
        let reversed = accuracy(&b, &a);
        assert_eq!((reversed.value, reversed.p), (-difference.value, difference.p));
    }

    #[test]
    fn equal_error_rates_on_other_texts_are_no_difference() {
        let examples = examples(400);
        let (a, b) = (scores(&examples, |i| i % 10 == 0), scores(&examples, |i| i % 10 == 5));
        let difference = accuracy(&a, &b);
        assert!(difference.value.abs() < 1e-12 && difference.p.unwrap() > 0.8, "{difference:?}");
        assert_eq!(accuracy(&a, &a), Difference { value: 0.0, interval: Some([0.0, 0.0]), p: Some(1.0) });
    }

    #[test]
    fn only_texts_and_heads_of_both_are_compared() {
        let examples = examples(10);
        let (a, mut b) = (scores(&examples, |_| false), scores(&examples, |_| false));
        b.scored.drain(..4);
        assert_eq!(compare(&a, &b, &Options::default())[0].texts, 6);
        let none = compare(&a, &b, &Options { resamples: 0, ..Options::default() });
        assert_eq!(none[0].measures[&Measure::MacroF1], Difference { value: 0.0, interval: None, p: None });
        b.without = vec![Head::Complaint];
        assert_eq!(compare(&a, &b, &Options::default()), []);
    }
}
