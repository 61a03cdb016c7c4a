//! How far a figure would move on other texts of the same kind.

use rayon::prelude::*;

/// 95 % percentile bootstrap intervals (Efron 1979) of the values that `statistic` makes of points.
///
/// Clusters are drawn with replacement, as many as there are; a cluster brings all its points. `clusters[i]` is the number
/// of the cluster of `points[i]`; with `0..points.len()` every point is its own. Points keep their order, so that
/// sorting a resample of sorted points is cheap. Ends are interpolated linearly between resamples. The same arguments
/// give the same intervals, on any number of threads.
///
/// An interval is `None` if the value is `None` in more than half of the resamples; otherwise it is taken over the others.
///
/// A resample repeats texts and so looks less calibrated than its set: intervals of calibration errors of small sets lie
/// somewhat too high.
///
/// ```
/// use plaint::evaluate::{bootstrap, metrics::mean};
/// let points: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
/// let clusters: Vec<usize> = (0..400).collect();
/// let [low, high] = bootstrap(&points, &clusters, 1000, 7, |points| vec![mean(points.iter().copied())])[0].unwrap();
/// assert!((low - 0.45).abs() < 0.01 && (high - 0.55).abs() < 0.01); // 0.5 +- 1.96 * 0.5 / sqrt(400)
/// ```
///
/// # Panics
/// If `points` and `clusters` differ in length.
pub fn bootstrap<P: Copy + Send + Sync>(
    points: &[P],
    clusters: &[usize],
    resamples: usize,
    seed: u64,
    statistic: impl Fn(&[P]) -> Vec<Option<f64>> + Sync,
) -> Vec<Option<[f64; 2]>> {
    let distributions = resample(points, clusters, resamples, seed, statistic);
    distributions.into_iter().map(|values| interval(values, resamples)).collect()
}

/// What `statistic` makes of each resample, value by value; where it is undefined it is left out. See [`bootstrap`].
pub(super) fn resample<P: Copy + Send + Sync>(
    points: &[P],
    clusters: &[usize],
    resamples: usize,
    seed: u64,
    statistic: impl Fn(&[P]) -> Vec<Option<f64>> + Sync,
) -> Vec<Vec<f64>> {
    assert_eq!(points.len(), clusters.len(), "one cluster a point");
    let number_of_clusters = clusters.iter().max().map_or(0, |last| last + 1);
    let buffers = || (vec![0_usize; number_of_clusters], Vec::with_capacity(2 * points.len()));
    let drawn: Vec<Vec<Option<f64>>> = (0..resamples as u64)
        .into_par_iter()
        .map_init(buffers, |(times, resample), number| {
            let mut random = SplitMix64::stream(seed, number);
            times.fill(0);
            for _ in 0..number_of_clusters {
                times[random.below(number_of_clusters)] += 1;
            }
            resample.clear();
            for (&point, &cluster) in points.iter().zip(clusters) {
                resample.extend(std::iter::repeat_n(point, times[cluster]));
            }
            statistic(resample)
        })
        .collect();
    let values = drawn.first().map_or(0, Vec::len);
    (0..values).map(|value| drawn.iter().filter_map(|drawn| drawn[value]).collect()).collect()
}

/// The 95 % percentile interval; `None` if fewer than half of the resamples have a value.
pub(super) fn interval(mut values: Vec<f64>, resamples: usize) -> Option<[f64; 2]> {
    if 2 * values.len() < resamples {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some([quantile(&values, 0.025), quantile(&values, 0.975)])
}

/// Of sorted values, at least one.
fn quantile(values: &[f64], share: f64) -> f64 {
    let place = share * (values.len() - 1) as f64;
    let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// The generator of Steele, Lea & Flood 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    /// A generator of its own for each number, so that resamples may be drawn in any order.
    fn stream(seed: u64, number: u64) -> Self {
        let mut seeds = Self(seed.wrapping_add(number.wrapping_mul(Self::STEP)));
        Self(seeds.next() ^ number)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, by Lemire's multiplication; its bias is below `end / 2^64`.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::mean;
    use super::*;

    fn mean_of(points: &[f64]) -> Vec<Option<f64>> {
        vec![mean(points.iter().copied())]
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // The first numbers of the reference implementation for seed 1234567.
        let mut random = SplitMix64(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn the_seed_decides_and_the_threads_do_not() {
        let points: Vec<f64> = (0..50).map(|i| f64::from(i).sin()).collect();
        let clusters: Vec<usize> = (0..50).collect();
        let run = |seed| bootstrap(&points, &clusters, 200, seed, mean_of);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(run(1), one_thread.install(|| run(1)));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn clusters_are_drawn_whole() {
        // Ten texts of one kind in each of 30 clusters tell no more than one of them would.
        let points: Vec<f64> = (0..300).map(|i| f64::from(i / 10 % 2)).collect();
        let width = |clusters: Vec<usize>| {
            let [low, high] = bootstrap(&points, &clusters, 1000, 3, mean_of)[0].unwrap();
            high - low
        };
        let ratio = width((0..300).map(|i| i / 10).collect()) / width((0..300).collect());
        assert!((ratio - 10_f64.sqrt()).abs() < 0.4, "{ratio}");
    }

    #[test]
    fn a_value_that_is_mostly_undefined_has_no_interval() {
        let rare = |points: &[usize]| vec![points.contains(&0).then_some(1.0), (points[0] == 0).then_some(1.0)];
        let points: Vec<usize> = (0..20).map(|i| i % 10).collect();
        let clusters: Vec<usize> = (0..20).map(|i| i % 10).collect();
        assert_eq!(bootstrap(&points, &clusters, 500, 1, rare)[0], Some([1.0, 1.0]));
        let never = bootstrap(&points, &clusters, 500, 1, |_| vec![None]);
        assert_eq!(never, [None]);
        assert_eq!(bootstrap(&points, &clusters, 0, 1, rare), []);
    }
}
