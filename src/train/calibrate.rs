//! Calibration and thresholds from the logits of the development data.

use super::target::{CUTS, SENTIMENTS};
use super::watch::Row;
use crate::evaluate::metrics::Confusion;
use crate::model::Calibration;

/// What the manifest says of the heads beside their labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decisions {
    pub complaint: Calibration,
    pub complaint_threshold: f32,
    pub sentiment: Calibration,
    pub urgency: Calibration,
    pub urgency_thresholds: [f32; CUTS],
}

/// Thresholds are chosen among hundredths.
const GRID: i32 = 100;
/// A model that is worse than chance keeps its order: the manifest demands a positive scale.
const MIN_SCALE: f64 = 1e-3;
/// Added to the curvature of a logistic regression, it bounds the steps where rows are separable.
const RIDGE: f64 = 1e-3;
/// Rounds over the unknowns of a temperature with offsets.
const ROUNDS: usize = 12;
/// The largest offset of a class.
const MAX_OFFSET: f64 = 3.0;
/// Thresholds this close to the best macro-F1 are as good: the middle of them is taken.
const PLATEAU: f64 = 0.003;

impl Decisions {
    pub(super) fn fit(rows: &[Row]) -> Self {
        let complaints: Vec<&Row> = rows.iter().filter(|row| row.target.complaint_weight > 0.0).collect();
        let sentiments: Vec<&Row> =
            rows.iter().filter(|row| row.target.sentiment_weight > 0.0 && row.target.has_neutral).collect();
        let urgencies: Vec<&Row> = rows.iter().filter(|row| row.target.urgency_weight > 0.0).collect();

        let complaint = platt(1, complaints.iter().map(|row| (row.complaint, row.target.complaint)));
        let urgency = platt(CUTS, urgencies.iter().flat_map(|row| row.urgency.into_iter().zip(row.target.urgency)));
        let probability = |row: &Row| sigmoid(complaint.apply(0, row.complaint).into());
        let urgency_score = |row: &Row| {
            row.urgency.iter().map(|&logit| sigmoid(urgency.apply(0, logit).into())).sum::<f64>() / CUTS as f64
        };
        let level = |row: &Row| row.target.urgency.iter().filter(|&&above| above > 0.5).count();
        Self {
            complaint_threshold: complaint_threshold(
                &complaints.iter().map(|row| (probability(row), row.target.complaint > 0.5)).collect::<Vec<_>>(),
            ),
            sentiment: temperature(&sentiments),
            urgency_thresholds: urgency_thresholds(
                &urgencies.iter().map(|row| (urgency_score(row), level(row))).collect::<Vec<_>>(),
            ),
            complaint,
            urgency,
        }
    }
}

/// Scale and offset of least cross-entropy (Platt 1999), and a cubic term if it pays. None without a row of either kind.
/// `outputs` pairs of logit and target follow each other for each text.
fn platt(outputs: usize, pairs: impl Iterator<Item = (f32, f32)>) -> Calibration {
    let pairs: Vec<(f64, f64)> = pairs.map(|(logit, target)| (logit.into(), target.into())).collect();
    let positives = pairs.iter().filter(|pair| pair.1 > 0.5).count();
    if positives == 0 || positives == pairs.len() {
        return Calibration::None;
    }
    let (line, line_loss) = logistic(&pairs, |x| [1.0, x]);
    let (curve, curve_loss) = logistic(&pairs, |x| [1.0, x, x.powi(3)]);
    // Bayesian information criterion (Schwarz 1978): a further number must gain more than it would by chance. The outputs
    // of a text go together and count as one.
    let texts = (pairs.len() / outputs) as f64;
    let pays = (line_loss - curve_loss) / outputs as f64 > texts.ln() / 2.0;
    let [offset, scale, cubic] = match pays && curve[1] >= MIN_SCALE && curve[2] > 0.0 {
        true => curve,
        false => [line[0], line[1].max(MIN_SCALE), 0.0],
    };
    Calibration::Platt { scale: scale as f32, offset: offset as f32, cubic: cubic as f32 }
}

/// Weights of the terms of a logistic regression, and their cross-entropy in nats; by Newton's method, as it is convex.
fn logistic<const N: usize>(pairs: &[(f64, f64)], terms: impl Fn(f64) -> [f64; N]) -> ([f64; N], f64) {
    let dot = |a: &[f64; N], b: &[f64; N]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let loss = |weights: &[f64; N]| -> f64 {
        pairs.iter().map(|&(x, y)| (dot(weights, &terms(x)), y)).map(|(z, y)| softplus(z) - y * z).sum()
    };
    let mut weights = [0.0; N];
    for _ in 0..50 {
        let mut hessian: [[f64; N]; N] =
            std::array::from_fn(|row| std::array::from_fn(|column| if row == column { RIDGE } else { 0.0 }));
        let mut gradient = [0.0; N];
        for &(x, y) in pairs {
            let terms = terms(x);
            let p = sigmoid(dot(&weights, &terms));
            for (row, term) in terms.iter().enumerate() {
                gradient[row] += (p - y) * term;
                for (cell, other) in hessian[row].iter_mut().zip(terms) {
                    *cell += p * (1.0 - p) * term * other;
                }
            }
        }
        let step = solve(hessian, gradient);
        let moved = |share: f64| std::array::from_fn(|index| weights[index] - share * step[index]);
        let (before, mut share) = (loss(&weights), 1.0);
        while share > 1e-6 && loss(&moved(share)) > before {
            share /= 2.0;
        }
        weights = moved(share);
        if step.iter().all(|step| (share * step).abs() < 1e-9) {
            break;
        }
    }
    (weights, loss(&weights))
}

/// Solves `matrix * x = right` for a symmetric positive definite matrix, by Gaussian elimination.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for pivot in 0..N {
        for row in pivot + 1..N {
            let factor = matrix[row][pivot] / matrix[pivot][pivot];
            let above = matrix[pivot];
            matrix[row].iter_mut().zip(above).skip(pivot).for_each(|(cell, above)| *cell -= factor * above);
            right[row] -= factor * right[pivot];
        }
    }
    let mut solution = [0.0; N];
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|column| matrix[row][column] * solution[column]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    solution
}

/// Temperature and offsets of least cross-entropy (Alexandari et al. 2020). The loss is convex, so that one unknown after the
/// other finds its minimum.
fn temperature(rows: &[&Row]) -> Calibration {
    if rows.is_empty() {
        return Calibration::None;
    }
    let loss = |inverse: f64, offsets: [f64; SENTIMENTS]| -> f64 {
        let of_row = |row: &&Row| {
            let scaled: [f64; SENTIMENTS] =
                std::array::from_fn(|class| f64::from(row.sentiment[class]) * inverse + offsets[class]);
            let max = scaled.iter().copied().fold(f64::MIN, f64::max);
            let log_sum = max + scaled.iter().map(|value| (value - max).exp()).sum::<f64>().ln();
            let shares = row.target.sentiment.iter().zip(scaled);
            log_sum - shares.map(|(&share, value)| f64::from(share) * value).sum::<f64>()
        };
        rows.iter().map(of_row).sum()
    };
    let (mut inverse, mut offsets) = (1.0, [0.0; SENTIMENTS]);
    for _ in 0..ROUNDS {
        inverse = minimum(1.0 / 20.0, 20.0, |inverse| loss(inverse, offsets));
        // The middle class stays: only differences count.
        for class in [0, SENTIMENTS - 1] {
            offsets[class] = minimum(-MAX_OFFSET, MAX_OFFSET, |offset| {
                let mut moved = offsets;
                moved[class] = offset;
                loss(inverse, moved)
            });
        }
    }
    Calibration::Temperature { temperature: (1.0 / inverse) as f32, offsets: offsets.map(|offset| offset as f32) }
}

/// Where a function with one minimum has it, by golden section.
fn minimum(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    while high - low > 1e-4 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if f(a) < f(b) { high = b } else { low = a }
    }
    (low + high) / 2.0
}

/// The middle of the thresholds whose macro-F1 is as good as the best.
fn complaint_threshold(scored: &[(f64, bool)]) -> f32 {
    let f1 = |threshold: i32| {
        let cut = f64::from(threshold) / f64::from(GRID);
        let pairs = scored.iter().map(|&(score, gold)| (usize::from(gold), usize::from(score >= cut)));
        Confusion::new(2, pairs).macro_f1().unwrap_or(0.0)
    };
    let all: Vec<(i32, f64)> = (1..GRID).map(|threshold| (threshold, f1(threshold))).collect();
    let best = all.iter().map(|&(_, value)| value).fold(0.0, f64::max);
    let good: Vec<i32> =
        all.into_iter().filter(|&(_, value)| value >= best - PLATEAU).map(|(threshold, _)| threshold).collect();
    good.get(good.len() / 2).map_or(0.5, |&threshold| threshold as f32 / GRID as f32)
}

/// Ascending thresholds of the best quadratic kappa, one at a time until none can be bettered.
fn urgency_thresholds(scored: &[(f64, usize)]) -> [f32; CUTS] {
    let kappa = |cuts: &[i32; CUTS]| {
        let level = |score: f64| cuts.iter().filter(|&&cut| score >= f64::from(cut) / f64::from(GRID)).count();
        let pairs = scored.iter().map(|&(score, gold)| (gold, level(score)));
        Confusion::new(CUTS + 1, pairs).quadratic_kappa().unwrap_or(0.0)
    };
    let mut cuts: [i32; CUTS] = std::array::from_fn(|cut| GRID * (2 * cut as i32 + 1) / (2 * CUTS as i32));
    let mut best = kappa(&cuts);
    loop {
        let before = best;
        for index in 0..CUTS {
            let low = index.checked_sub(1).map_or(1, |below| cuts[below] + 1);
            let high = cuts.get(index + 1).copied().unwrap_or(GRID);
            for candidate in low..high {
                let mut moved = cuts;
                moved[index] = candidate;
                let value = kappa(&moved);
                if value > best {
                    (best, cuts) = (value, moved);
                }
            }
        }
        if best <= before {
            return cuts.map(|cut| cut as f32 / GRID as f32);
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::train::target::Target;

    /// Logits up to 4, with labels by the probability that `truth` makes of them.
    fn labelled(truth: impl Fn(f32) -> f32) -> impl Iterator<Item = (f32, f32)> {
        let mut rng = Rng::with_seed(4);
        let pair = move || {
            let logit = rng.f32() * 8.0 - 4.0;
            (logit, f32::from(u8::from(rng.f64() < sigmoid(truth(logit).into()))))
        };
        std::iter::repeat_with(pair).take(20_000)
    }

    #[test]
    fn platt_finds_the_scale_and_offset_that_made_the_labels() {
        let Calibration::Platt { scale, offset, cubic } = platt(1, labelled(|logit| 0.5 * logit - 1.0)) else {
            panic!()
        };
        assert!((scale - 0.5).abs() < 0.02 && (offset + 1.0).abs() < 0.06, "{scale} {offset}");
        assert_eq!(cubic, 0.0);
    }

    #[test]
    fn platt_finds_a_cubic_term_where_there_is_one() {
        let fitted = platt(1, labelled(|logit| 0.6 * logit + 0.05 * logit.powi(3) + 0.2));
        let Calibration::Platt { scale, offset, cubic } = fitted else { panic!() };
        assert!((scale - 0.6).abs() < 0.05 && (offset - 0.2).abs() < 0.06, "{scale} {offset}");
        assert!((cubic - 0.05).abs() < 0.01, "{cubic}");
        // Were the ends pressed together by nature, an order would be lost: the line it is.
        let Calibration::Platt { cubic, .. } = platt(1, labelled(|logit| logit - 0.05 * logit.powi(3))) else {
            panic!()
        };
        assert_eq!(cubic, 0.0);
    }

    #[test]
    fn a_system_of_equations_by_hand() {
        let solution = solve([[4.0, 2.0, 0.0], [2.0, 3.0, 1.0], [0.0, 1.0, 2.0]], [8.0, 11.0, 8.0]);
        for (found, expected) in solution.into_iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{solution:?}");
        }
    }

    #[test]
    fn platt_of_one_kind_of_row_leaves_logits_alone() {
        assert_eq!(platt(1, [(1.0, 1.0), (2.0, 1.0)].into_iter()), Calibration::None);
        assert!(
            matches!(platt(1, [(-1.0, 0.0), (1.0, 1.0)].into_iter()), Calibration::Platt { scale, .. } if scale.is_finite())
        );
    }

    #[test]
    fn a_model_that_is_twice_too_sure_and_shy_of_a_class_gets_temperature_and_offset() {
        let mut rng = Rng::with_seed(9);
        // Labels by the softmax of `logits`; the model says twice as much, and 1.0 too little of the first class.
        let mut row = || {
            let logits: [f32; 3] = std::array::from_fn(|_| rng.f32() * 3.0);
            let weights = logits.map(|logit| f64::from(logit).exp());
            let mut pick = rng.f64() * weights.iter().sum::<f64>();
            let label = weights.iter().position(|weight| {
                pick -= weight;
                pick < 0.0
            });
            let mut sentiment = [0.0; 3];
            sentiment[label.unwrap_or(2)] = 1.0;
            let target = Target { sentiment, sentiment_weight: 1.0, has_neutral: true, ..Target::default() };
            let said = [2.0 * logits[0] - 1.0, 2.0 * logits[1], 2.0 * logits[2]];
            Row { complaint: 0.0, sentiment: said, urgency: [0.0; 4], target }
        };
        let rows: Vec<Row> = std::iter::repeat_with(&mut row).take(20_000).collect();
        let Calibration::Temperature { temperature, offsets } = temperature(&rows.iter().collect::<Vec<_>>()) else {
            panic!()
        };
        assert!((temperature - 2.0).abs() < 0.1, "{temperature}");
        assert!((offsets[0] - 0.5).abs() < 0.06 && offsets[1] == 0.0 && offsets[2].abs() < 0.06, "{offsets:?}");
    }

    #[test]
    fn thresholds_part_what_can_be_parted() {
        let scored: Vec<(f64, bool)> = (0..100).map(|i| (f64::from(i) / 100.0, i >= 30)).collect();
        assert!((complaint_threshold(&scored) - 0.3).abs() < 0.011);
        let levels: Vec<(f64, usize)> = (0..100).map(|i| (f64::from(i) / 100.0, i as usize / 20)).collect();
        for (found, expected) in urgency_thresholds(&levels).into_iter().zip([0.2, 0.4, 0.6, 0.8]) {
            assert!((found - expected).abs() < 0.011, "{found} {expected}");
        }
    }
}
