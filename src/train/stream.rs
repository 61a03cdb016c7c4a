//! Which text is drawn when: a fixed order from the seed.

use fastrand::Rng;

/// One drawing of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Draw {
    /// Index of the text.
    pub item: usize,
    /// Seed of its variation.
    pub seed: u64,
}

/// Draws text `i` `passes[i]` times, on average: a fraction is a chance of one more.
///
/// The drawings of one text are spread evenly over the run, each somewhere in its own share of it, so that the mix of
/// sources is the same from start to end.
pub(super) fn draws(passes: &[f32], seed: u64) -> Vec<Draw> {
    let mut rng = Rng::with_seed(seed);
    let mut timed = Vec::new();
    for (item, &passes) in passes.iter().enumerate() {
        let count = passes as usize + usize::from(rng.f32() < passes.fract());
        for pass in 0..count {
            let time = (pass as f64 + rng.f64()) / count as f64;
            timed.push((time, Draw { item, seed: rng.u64(..) }));
        }
    }
    timed.sort_by(|a, b| a.0.total_cmp(&b.0));
    timed.into_iter().map(|(_, draw)| draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_as_often_as_asked_and_the_order_is_of_the_seed() {
        let passes = [2.0, 0.0, 0.5, 3.0];
        let order = draws(&passes, 1);
        let count = |item| order.iter().filter(|draw| draw.item == item).count();
        assert_eq!((count(0), count(1), count(3)), (2, 0, 3));
        assert_eq!(order, draws(&passes, 1));
        assert_ne!(order, draws(&passes, 2));
        let halves: usize = (0..1000).map(|seed| draws(&[0.5], seed).len()).sum();
        assert!((400..600).contains(&halves), "{halves}");
    }

    #[test]
    fn passes_are_spread_over_the_run() {
        let order = draws(&[2.0; 100], 7);
        let first_half = order[..100].iter().map(|draw| draw.item).collect::<std::collections::HashSet<_>>();
        assert!(first_half.len() > 90, "{}", first_half.len());
    }
}
