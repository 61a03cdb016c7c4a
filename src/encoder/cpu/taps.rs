//! Hidden states between layers, copied out for a student that learns from them.

/// Where the states after some layers go; without any, it costs nothing.
#[derive(Default)]
pub struct Taps<'a>(Vec<Tap<'a>>);

struct Tap<'a> {
    /// Counted from 0.
    layer: usize,
    /// `[tokens, hidden]`.
    states: &'a mut [f32],
}

impl<'a> Taps<'a> {
    /// Taps `layers`, each into its own buffer.
    #[cfg(feature = "train")]
    pub fn new(layers: &[usize], buffers: &'a mut [Vec<f32>]) -> Self {
        let taps = layers.iter().zip(buffers).map(|(&layer, states)| Tap { layer, states });
        Self(taps.collect())
    }

    /// The taps of the next `values` values; `self` keeps those of the rest.
    pub fn split_front(&mut self, values: usize) -> Self {
        let front = self.0.iter_mut().map(|tap| {
            let (front, rest) = std::mem::take(&mut tap.states).split_at_mut(values);
            tap.states = rest;
            Tap { layer: tap.layer, states: front }
        });
        Self(front.collect())
    }

    /// Copies `states`, which `layer` has just computed, if it is tapped.
    pub fn take(&mut self, layer: usize, states: &[f32]) {
        for tap in self.0.iter_mut().filter(|tap| tap.layer == layer) {
            tap.states.copy_from_slice(states);
        }
    }
}

#[cfg(all(test, feature = "train"))]
mod tests {
    use super::*;

    #[test]
    fn every_shard_fills_its_part_of_the_tapped_layers() {
        let mut buffers = vec![vec![0.0; 6]; 2];
        let mut taps = Taps::new(&[0, 2], &mut buffers);
        let mut first = taps.split_front(4);
        let mut second = taps.split_front(2);
        for (layer, value) in [(0, 1.0), (1, 2.0), (2, 3.0)] {
            first.take(layer, &[value; 4]);
            second.take(layer, &[-value; 2]);
        }
        assert_eq!(buffers, [[1.0, 1.0, 1.0, 1.0, -1.0, -1.0], [3.0, 3.0, 3.0, 3.0, -3.0, -3.0]]);
    }
}
