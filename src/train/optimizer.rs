//! AdamW (Loshchilov & Hutter, *Decoupled weight decay regularization*, ICLR 2019) over plain slices, in one pass.

use rayon::prelude::*;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.98;
const EPSILON: f32 = 1e-6;
/// Values that a thread updates at a time.
const CHUNK: usize = 1 << 16;

/// One parameter with its running moments, all of one length.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    pub weights: Vec<f32>,
    pub first: Vec<f32>,
    pub second: Vec<f32>,
}

/// What one step does to every value of a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Steps done, this one included.
    pub number: usize,
    pub learning_rate: f32,
    pub weight_decay: f32,
    /// Factor on the gradient.
    pub scale: f32,
}

impl Parameter {
    pub(super) fn new(weights: Vec<f32>) -> Self {
        // Zeroed pages take no memory until they are written: a network that only answers never writes them.
        let (first, second) = (vec![0.0; weights.len()], vec![0.0; weights.len()]);
        Self { weights, first, second }
    }

    /// One step along `gradient`.
    pub(super) fn step(&mut self, gradient: &[f32], step: Step) {
        assert_eq!(gradient.len(), self.weights.len());
        let moments = self.first.par_chunks_mut(CHUNK).zip(self.second.par_chunks_mut(CHUNK));
        let values = self.weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
        values.zip(moments).for_each(|((weights, gradient), (first, second))| {
            update(weights, gradient, first, second, step);
        });
    }

    /// One step for some rows of a table only; the moments of the others rest, and so does their decay. `gradient`
    /// holds one row of `columns` values for each of `rows`, which are distinct.
    pub(super) fn step_rows(&mut self, rows: &[usize], columns: usize, gradient: &[f32], step: Step) {
        assert_eq!(gradient.len(), rows.len() * columns);
        for (&row, gradient) in rows.iter().zip(gradient.chunks_exact(columns)) {
            let range = row * columns..(row + 1) * columns;
            let (first, second) = (&mut self.first[range.clone()], &mut self.second[range.clone()]);
            update(&mut self.weights[range], gradient, first, second, step);
        }
    }
}

fn update(weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: Step) {
    let number = step.number.min(100_000) as i32;
    let rate = step.learning_rate / (1.0 - BETA1.powi(number));
    let correction = 1.0 / (1.0 - BETA2.powi(number)).sqrt();
    let keep = 1.0 - step.learning_rate * step.weight_decay;
    for (((weight, &gradient), first), second) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
        let gradient = gradient * step.scale;
        *first = BETA1 * *first + (1.0 - BETA1) * gradient;
        *second = BETA2 * *second + (1.0 - BETA2) * gradient * gradient;
        *weight = keep * *weight - rate * *first / (second.sqrt() * correction + EPSILON);
    }
}

/// Linear warm-up to 1 over the first `warmup` share of the run, then linear decay to 0. `progress` is in `[0, 1]`.
pub(super) fn schedule(progress: f32, warmup: f32) -> f32 {
    if progress < warmup {
        progress / warmup
    } else {
        ((1.0 - progress) / (1.0 - warmup).max(f32::EPSILON)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: usize) -> Step {
        Step { number, learning_rate: 0.1, weight_decay: 0.01, scale: 1.0 }
    }

    #[test]
    fn the_first_step_by_hand() {
        let mut parameter = Parameter::new(vec![1.0, -2.0]);
        parameter.step(&[0.5, -4.0], step(1));
        // Corrected moments are g and g²: the step is the rate times the sign, after the decay.
        for (found, expected) in parameter.weights.iter().zip([0.999 - 0.1, -1.998 + 0.1]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn rows_move_as_they_would_alone_and_the_others_rest() {
        let mut table = Parameter::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mut row = Parameter::new(vec![5.0, 6.0]);
        for number in 1..4 {
            table.step_rows(&[2], 2, &[0.3, -0.1], step(number));
            row.step(&[0.3, -0.1], step(number));
        }
        assert_eq!(table.weights[..4], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(table.weights[4..], row.weights);
    }

    #[test]
    fn it_finds_the_bottom_of_a_bowl() {
        let mut parameter = Parameter::new(vec![3.0; 5]);
        for number in 1..500 {
            let gradient: Vec<f32> = parameter.weights.iter().map(|x| 2.0 * (x - 1.0)).collect();
            parameter.step(&gradient, Step { weight_decay: 0.0, learning_rate: 0.02, ..step(number) });
        }
        assert!(parameter.weights.iter().all(|x| (x - 1.0).abs() < 1e-2), "{:?}", parameter.weights);
    }

    #[test]
    fn the_rate_rises_and_falls() {
        assert_eq!(schedule(0.0, 0.1), 0.0);
        assert!((schedule(0.05, 0.1) - 0.5).abs() < 1e-6);
        assert!((schedule(0.55, 0.1) - 0.5).abs() < 1e-6);
        assert_eq!(schedule(1.0, 0.1), 0.0);
        assert_eq!(schedule(0.0, 0.0), 1.0);
    }
}
