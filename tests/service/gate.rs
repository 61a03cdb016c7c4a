//! An encoder that waits at a gate, counts what passes, and panics on a poisonous text.

use std::sync::{Arc, Condvar, Mutex};

use plaint::batch::PackedBatch;
use plaint::encoder::Encoder;
use plaint::model::Model;
use plaint::{EncodeError, Engine};

use super::FILES;

/// A text that the encoder panics on.
pub const POISON: &str = "the help is not help";

#[derive(Default)]
struct State {
    closed: bool,
    /// Sequences of each batch that arrived at the gate, and their token ids.
    arrived: Vec<(usize, Vec<u32>)>,
}

/// Opens and closes the way to an engine's encoder.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    /// A gate that stands open, and an engine behind it.
    pub fn new() -> (Self, Engine) {
        let gate = Self::default();
        let tokenizer = Model::load(&FILES).unwrap().tokenizer;
        let poison = tokenizer.frame(&tokenizer.encode(POISON).unwrap()).collect();
        let builder = Engine::builder().threads(1);
        let guarded = gate.clone();
        let wrap = move |inner| -> Box<dyn Encoder> { Box::new(Guarded { inner, gate: guarded, poison }) };
        (gate, builder.from_files_with(&FILES, wrap).unwrap())
    }

    pub fn close(&self) {
        self.0.0.lock().unwrap().closed = true;
    }

    pub fn open(&self) {
        self.0.0.lock().unwrap().closed = false;
        self.0.1.notify_all();
    }

    /// Sequences of each batch that came to the encoder so far.
    pub fn arrived(&self) -> Vec<usize> {
        self.0.0.lock().unwrap().arrived.iter().map(|batch| batch.0).collect()
    }

    /// Token ids of each batch that came to the encoder so far.
    pub fn token_ids(&self) -> Vec<Vec<u32>> {
        self.0.0.lock().unwrap().arrived.iter().map(|batch| batch.1.clone()).collect()
    }
}

struct Guarded {
    inner: Box<dyn Encoder>,
    gate: Gate,
    poison: Vec<u32>,
}

impl Encoder for Guarded {
    fn encode(&self, batch: &PackedBatch, vectors: &mut [f32]) -> Result<(), EncodeError> {
        let (state, changed) = &*self.gate.0;
        let mut state = state.lock().unwrap();
        state.arrived.push((batch.len(), batch.token_ids().to_vec()));
        drop(changed.wait_while(state, |state| state.closed).unwrap());
        assert!(batch.sequences().all(|ids| ids != self.poison), "poison");
        self.inner.encode(batch, vectors)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}
