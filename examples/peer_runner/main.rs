//! plaint's side of `benches/peers`: one encoder behind the protocol that all peers speak (`benches/peers/README.md`).
//!
//! ```sh
//! cargo run --release --example peer_runner -- --model models/plaint-base --sequences FILE --threads 2 \
//!     [--encoder cpu|torch] [--precision auto|int8|bf16|f32] [--kernel auto|NAME]
//! ```

mod options;
mod serve;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use options::Options;
use plaint::batch::PackedBatch;
use plaint::encoder::{CpuEncoder, Encoder, Kernel};
use plaint::model::{Model, ModelFiles};
use plaint::{EncoderKind, Threads};
use serve::{Peer, Scenarios};

/// What `Engine` uses unless told otherwise: plaint is measured as it is shipped.
const DEFAULT_BATCH_TOKENS: usize = 8192;
/// libtorch pads, so the best size of a batch has to be found.
const TORCH_BATCH_TOKENS: [usize; 5] = [256, 512, 1024, 2048, 4096];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer_runner: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let scenarios = Scenarios::read(Path::new(&options.sequences))?;
    let model = Model::load(&ModelFiles::read(Path::new(&options.model))?)?;
    let hidden_size = model.config.hidden_size;
    let encoder = encoder(&options, model)?;
    // A first call tells whether it works before anybody waits for a measurement.
    let mut smallest = PackedBatch::new();
    smallest.push([0, 2]);
    encoder.encode(&smallest, &mut vec![0.0; hidden_size])?;

    let budgets = if options.encoder == EncoderKind::Torch { &TORCH_BATCH_TOKENS[..] } else { &[DEFAULT_BATCH_TOKENS] };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    serve::serve(&Peer { encoder: encoder.as_ref(), version, hidden_size, budgets }, &scenarios)
}

fn encoder(options: &Options, model: Model) -> Result<Box<dyn Encoder>, Box<dyn Error>> {
    let threads = Threads::new(options.threads)?;
    options.encoder.supports(options.precision)?;
    match options.encoder {
        EncoderKind::Cpu => Ok(Box::new(cpu(options, model, threads)?)),
        EncoderKind::Torch => torch(model, threads),
        other => Err(format!("--encoder: found `{other}`, expected cpu or torch").into()),
    }
}

fn cpu(options: &Options, model: Model, threads: Threads) -> Result<CpuEncoder, Box<dyn Error>> {
    let Model { manifest, config, weights, .. } = model;
    let kernel = match options.kernel.as_str() {
        "auto" => return Ok(CpuEncoder::new(config, manifest.pooling, weights, options.precision, threads)?),
        name => Kernel::available().find(|kernel| kernel.to_string() == name).ok_or_else(|| {
            let names: Vec<_> = Kernel::available().map(|kernel| kernel.to_string()).collect();
            format!("--kernel: found `{name}`, expected auto or a kernel of this CPU: {}", names.join(", "))
        })?,
    };
    Ok(CpuEncoder::with_kernel(config, manifest.pooling, weights, options.precision, threads, kernel)?)
}

#[cfg(feature = "torch")]
fn torch(model: Model, threads: Threads) -> Result<Box<dyn Encoder>, Box<dyn Error>> {
    use plaint::encoder::TorchEncoder;
    let Model { manifest, config, weights, .. } = model;
    Ok(Box::new(TorchEncoder::new(config, manifest.pooling, weights, threads.count())?))
}

#[cfg(not(feature = "torch"))]
fn torch(_: Model, _: Threads) -> Result<Box<dyn Encoder>, Box<dyn Error>> {
    Err("--encoder: torch needs a build with `--features torch`".into())
}
