//! Figures as people read them, and which of them stand out.

use super::document::Cell;
use crate::compare::record::{Contestant, Record};
use crate::compare::speed::Spread;
use crate::evaluate::{Difference, Estimate, Head, HeadReport, Measure};

/// Differences with a greater p are not told from chance.
pub const SIGNIFICANT: f64 = 0.05;

/// Three digits, without the zero before the point.
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = if text == "-0.000" { "0.000".to_owned() } else { text };
    text.replacen("0.", ".", 1)
}

/// With its sign.
pub fn signed(value: f64) -> String {
    let text = number(value);
    if text.starts_with('-') { text.replacen('-', "−", 1) } else { format!("+{text}") }
}

pub fn estimate(estimate: Option<&Estimate>) -> Cell {
    match estimate {
        None => Cell::new("–"),
        Some(Estimate { value, interval: None }) => Cell::new(number(*value)),
        Some(Estimate { value, interval: Some([low, high]) }) => {
            Cell::with_note(number(*value), format!("({} to {})", number(*low), number(*high)))
        }
    }
}

pub fn difference(difference: &Difference) -> Cell {
    let interval = difference.interval.map(|[low, high]| format!("({} to {})", signed(low), signed(high)));
    Cell::with_note(signed(difference.value), interval.unwrap_or_default())
}

pub fn p(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(p) if p < 0.001 => "< .001".to_owned(),
        Some(p) => number(p),
    }
}

/// The median, and the range of the runs; all in units of `unit`.
pub fn spread(spread: Option<&Spread>, unit: f64) -> Cell {
    let Some(Spread { median, least, greatest, runs }) = spread else { return Cell::new("–") };
    let digits = |value: f64| significant(value / unit);
    let range = if *runs > 1 { format!("{}–{}", digits(*least), digits(*greatest)) } else { String::new() };
    Cell::with_note(digits(*median), range)
}

/// About three digits.
pub fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub fn megabytes(bytes: Option<u64>) -> Cell {
    bytes.map_or(Cell::new("–"), |bytes| Cell::new(significant(bytes as f64 / 1e6)))
}

pub fn overall(contestant: &Contestant, head: Head) -> Option<&HeadReport> {
    contestant.quality.as_ref()?.report.overall(head)
}

/// The figure that a head is chosen by.
pub fn main(contestant: &Contestant, head: Head) -> Option<&Estimate> {
    overall(contestant, head)?.measures.get(&Measure::main(head))
}

/// Who is best at a head, and who cannot be told from the best: one flag a contestant.
pub fn best_at(record: &Record, head: Head) -> Vec<bool> {
    let values: Vec<Option<f64>> =
        record.contestants.iter().map(|contestant| main(contestant, head).map(|figure| figure.value)).collect();
    let best = (0..values.len())
        .filter(|&index| values[index].is_some())
        .max_by(|&a, &b| values[a].unwrap_or(f64::MIN).total_cmp(&values[b].unwrap_or(f64::MIN)));
    let Some(best) = best else { return vec![false; values.len()] };
    let name = |index: usize| record.contestants[index].name.as_str();
    let like_best = |index: usize| {
        let names = [name(best), name(index)];
        let pair =
            record.comparisons.iter().find(|pair| names.contains(&pair.a.as_str()) && names.contains(&pair.b.as_str()));
        let heads = pair.map_or(&[][..], |pair| &pair.heads);
        let difference =
            heads.iter().find(|found| found.head == head).and_then(|h| h.measures.get(&Measure::main(head)));
        difference.and_then(|difference| difference.p).is_some_and(|p| p >= SIGNIFICANT)
    };
    (0..values.len()).map(|index| index == best || (values[index].is_some() && like_best(index))).collect()
}

/// Who is best by a figure of speed, and whose runs are not apart from the best's.
pub fn fastest(spreads: &[Option<Spread>], more_is_better: bool) -> Vec<bool> {
    let sign = if more_is_better { 1.0 } else { -1.0 };
    let best = spreads.iter().flatten().max_by(|a, b| (sign * a.median).total_cmp(&(sign * b.median)));
    spreads
        .iter()
        .map(|spread| spread.zip(best).is_some_and(|(s, best)| s == *best || !s.is_apart_from(best)))
        .collect()
}

/// Which points no other point beats in one coordinate without losing in the other; more is better in both.
pub fn pareto(points: &[(f64, f64)]) -> Vec<bool> {
    let beats = |a: (f64, f64), b: (f64, f64)| a.0 >= b.0 && a.1 >= b.1 && a != b;
    points.iter().map(|&point| !points.iter().any(|&other| beats(other, point))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!((number(0.8534), number(-0.05), number(1.0)), (".853".into(), "-.050".into(), "1.000".into()));
        assert_eq!((signed(0.01), signed(-0.0123), signed(-0.0001)), ("+.010".into(), "−.012".into(), "+.000".into()));
        assert_eq!((p(None), p(Some(0.0002)), p(Some(0.04))), ("–".into(), "< .001".into(), ".040".into()));
        assert_eq!([123.4, 12.34, 1.234, 0.01].map(significant), ["123", "12.3", "1.23", "0.01"]);
        let cell = spread(Spread::of([0.010, 0.012, 0.020]).as_ref(), 1e-3);
        assert_eq!((cell.text.as_str(), cell.note.as_str()), ("12.0", "10.0–20.0"));
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let points = [(1.0, 0.9), (2.0, 0.8), (1.5, 0.7), (2.0, 0.8), (3.0, 0.1)];
        assert_eq!(pareto(&points), [true, true, false, true, true]);
    }

    #[test]
    fn who_overlaps_with_the_best_is_not_called_slower() {
        let spreads = [&[1.0, 1.2][..], &[1.1, 1.4], &[2.0, 2.1]].map(|runs| Spread::of(runs.iter().copied()));
        assert_eq!(fastest(&spreads, false), [true, true, false]);
        // Of one run each, nobody knows.
        assert_eq!(fastest(&[Spread::of([1.0]), Spread::of([9.0])], false), [true, true]);
        assert_eq!(fastest(&[None, spreads[0]], true), [false, true]);
    }
}
