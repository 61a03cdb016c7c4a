//! candle's BERT behind the protocol of `benches/peers`, with plaint's weights.
//!
//! Its threads are rayon's global pool: the driver sets `RAYON_NUM_THREADS`.

// The same command line as plaint's runner, though an encoder, a precision and a kernel cannot be chosen here.
#[allow(dead_code)]
#[path = "../../../../examples/peer_runner/options.rs"]
mod options;
#[path = "../../../../examples/peer_runner/serve.rs"]
mod serve;
mod weights;

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;

use candle_core::{DType, Device, Tensor};
use candle_transformers::models::bert::{BertModel, Config};
use options::Options;
use plaint::EncodeError;
use plaint::batch::PackedBatch;
use plaint::encoder::Encoder;
use plaint::model::{Model, ModelFiles, Pooling};
use serve::{Peer, Scenarios};

/// Tokens of a batch that are tried.
const BATCH_TOKENS: [usize; 5] = [256, 512, 1024, 2048, 4096];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("candle-peer: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let scenarios = Scenarios::read(Path::new(&options.sequences))?;
    let files = ModelFiles::read(Path::new(&options.model))?;
    let model = Model::load(&files)?;
    if model.manifest.pooling != Pooling::Mean {
        return Err("manifest.json: pooling: found cls, expected mean: this runner has no other".into());
    }
    let config: Config = serde_json::from_slice(&files.config)?;
    let bert = BertModel::load(weights::of(&model.weights)?, &config)?;
    let hidden_size = model.config.hidden_size;
    let encoder = CandleEncoder { bert: AssertUnwindSafe(bert), hidden_size };
    let version = "0.11.1".to_owned(); // as Cargo.toml pins it
    serve::serve(&Peer { encoder: &encoder, version, hidden_size, budgets: &BATCH_TOKENS }, &scenarios)
}

struct CandleEncoder {
    /// Asserted because nothing in it changes.
    bert: AssertUnwindSafe<BertModel>,
    hidden_size: usize,
}

impl Encoder for CandleEncoder {
    fn encode(&self, batch: &PackedBatch, vectors: &mut [f32]) -> Result<(), EncodeError> {
        let failed = |error: candle_core::Error| EncodeError::Backend { encoder: "candle", message: error.to_string() };
        vectors.copy_from_slice(&self.pooled(batch).map_err(failed)?);
        Ok(())
    }

    fn describe(&self) -> String {
        "f32, gemm".to_owned()
    }
}

impl CandleEncoder {
    /// Mean vectors, `[sequences, hidden_size]`, of sequences that are padded to the longest.
    fn pooled(&self, batch: &PackedBatch) -> candle_core::Result<Vec<f32>> {
        let width = batch.sequences().map(<[u32]>::len).max().unwrap_or(0);
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for sequence in batch.sequences() {
            let padding = width - sequence.len();
            ids.extend(sequence.iter().copied().chain(std::iter::repeat_n(0, padding)));
            mask.extend(std::iter::repeat_n(1u32, sequence.len()).chain(std::iter::repeat_n(0, padding)));
        }
        let shape = (batch.len(), width);
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let tokens = self.bert.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let weights = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
        let sums = tokens.broadcast_mul(&weights)?.sum(1)?;
        let means = sums.broadcast_div(&weights.sum(1)?)?;
        debug_assert_eq!(means.dims(), [batch.len(), self.hidden_size]);
        means.flatten_all()?.to_vec1()
    }
}
