//! Whether a score means what it says.

use serde::Serialize;

/// Forecasts and outcomes by bins of the forecast: the points of a reliability diagram.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Reliability {
    /// The bins that hold a text, in ascending order.
    pub bins: Vec<Bin>,
}

/// Texts whose forecast lies in `[low, high)`; the last bin holds 1 too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Least forecast of the bin.
    pub low: f64,
    /// Upper end of the bin.
    pub high: f64,
    /// Texts in it, at least 1.
    pub texts: u64,
    /// Their mean forecast.
    pub forecast: f64,
    /// Their mean outcome.
    pub outcome: f64,
}

impl Reliability {
    /// Puts pairs of forecast and outcome, both in `[0, 1]`, into `bins` bins of equal width.
    pub fn new(bins: usize, pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut sums = vec![(0_u64, 0.0, 0.0); bins];
        for (forecast, outcome) in pairs {
            let (texts, forecasts, outcomes) = &mut sums[((forecast * bins as f64) as usize).min(bins - 1)];
            *texts += 1;
            *forecasts += forecast;
            *outcomes += outcome;
        }
        let bins = (0..)
            .zip(sums)
            .filter(|(_, (texts, ..))| *texts > 0)
            .map(|(index, (texts, forecasts, outcomes))| {
                let (count, end) = (texts as f64, |index: u32| f64::from(index) / bins as f64);
                let (forecast, outcome) = (forecasts / count, outcomes / count);
                Bin { low: end(index), high: end(index + 1), texts, forecast, outcome }
            })
            .collect();
        Self { bins }
    }

    /// Expected calibration error: `|mean forecast - mean outcome|` of each bin, weighted by its texts (Naeini et al. 2015,
    /// Guo et al. 2017). `None` without a text.
    ///
    /// A few texts a bin differ from their forecast by chance, so small sets show an error even of a perfect model.
    pub fn ece(&self) -> Option<f64> {
        let texts: u64 = self.bins.iter().map(|bin| bin.texts).sum();
        let gap: f64 = self.bins.iter().map(|bin| bin.texts as f64 * (bin.forecast - bin.outcome).abs()).sum();
        (texts > 0).then(|| gap / texts as f64)
    }
}

/// The mean; `None` of nothing.
///
/// Of squared errors of probabilities it is the Brier score: `(p - y)^2` of a binary forecast, and summed over classes,
/// between 0 and 2, of one over several classes (Brier 1950).
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.into_iter().fold((0_u64, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_worked_by_hand() {
        let reliability = Reliability::new(5, [(0.1, 0.0), (0.1, 1.0), (0.9, 1.0), (1.0, 1.0)]);
        let bins = [
            Bin { low: 0.0, high: 0.2, texts: 2, forecast: 0.1, outcome: 0.5 },
            Bin { low: 0.8, high: 1.0, texts: 2, forecast: 0.95, outcome: 1.0 },
        ];
        assert_eq!(reliability.bins, bins);
        assert!((reliability.ece().unwrap() - (0.4 + 0.05) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn forecasts_that_hold_have_no_error() {
        let pairs = (0..100).map(|text| (0.25, f64::from(u8::from(text % 4 == 0))));
        assert_eq!(Reliability::new(15, pairs).ece(), Some(0.0));
        assert_eq!((Reliability::new(15, []).ece(), mean([])), (None, None));
    }
}
