//! rust-bert's `BertModel` on libtorch (feature `torch`): a GPU if there is one, and a second opinion on our own encoder.
//!
//! libtorch keeps per-thread state (its thread pool, the no-grad flag) and its tensors are not `Sync`, so one worker
//! thread owns the model and answers one batch at a time.

mod weights;

use std::panic::AssertUnwindSafe;
use std::sync::mpsc;
use std::thread;

use rust_bert::bert::{self, BertEmbeddings, BertModel};
use tch::{Device, Kind, TchError, Tensor, nn};

use super::{Encoder, check_batch};
use crate::batch::{PackedBatch, padded_groups};
use crate::error::{EncodeError, LoadError};
use crate::guard::guard;
use crate::model::{Activation, BertConfig, BertWeights, Pooling};

/// rust-bert hard-codes it in every layer norm and does not read the configuration.
const LAYER_NORM_EPS: f32 = 1e-12;

/// The BERT of rust-bert on libtorch.
///
/// Runs on the first CUDA device if libtorch finds one, else on the CPU. A sequence's vector agrees within `1e-4` with
/// what the sequence gets alone: padding is masked, but libtorch sums in another order for another shape.
#[derive(Debug)]
pub struct TorchEncoder {
    config: BertConfig,
    description: String,
    requests: mpsc::Sender<Request>, // before `_worker`: dropping it tells the worker to end
    _worker: Worker,
}

struct Request {
    batch: PackedBatch,
    reply: mpsc::SyncSender<Result<Vec<f32>, EncodeError>>,
}

impl TorchEncoder {
    /// An encoder over `weights`, which are copied into libtorch's memory.
    ///
    /// `threads` is libtorch's own setting, and in part process-wide: encoders and other users of libtorch in one
    /// process should ask for the same number. With more than one thread beside other busy processes, start the process
    /// with `OMP_WAIT_POLICY=PASSIVE`, or waiting threads take the processor from working ones.
    ///
    /// # Errors
    /// [`LoadError::Tensor`] if a weight is missing, left over or of the wrong shape; [`LoadError::Unavailable`] if
    /// rust-bert cannot compute what `config` asks for, or libtorch fails.
    pub fn new(config: BertConfig, pooling: Pooling, weights: BertWeights, threads: usize) -> Result<Self, LoadError> {
        let threads = threads.max(1);
        let (requests, inbox) = mpsc::channel();
        let (report, loaded) = mpsc::sync_channel(1);
        let worker = thread::Builder::new().name("plaint-torch".into()).spawn({
            let config = config.clone();
            move || work(&config, pooling, weights, threads, &report, &inbox)
        });
        let worker = worker.map_err(|error| unavailable(format!("cannot start its thread: {error}")))?;
        let worker = Worker(Some(AssertUnwindSafe(worker)));
        let device = loaded.recv().map_err(|_| unavailable("its thread has ended".into()))??;
        let description = match device {
            Device::Cpu => format!("torch: rust-bert on libtorch, f32, {threads} thread(s)"),
            other => format!("torch: rust-bert on libtorch, f32, {other:?}"),
        };
        Ok(Self { config, description, requests, _worker: worker })
    }

    fn request(&self, batch: PackedBatch) -> Result<Vec<f32>, EncodeError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let ended = || backend("its thread has ended".into());
        self.requests.send(Request { batch, reply }).map_err(|_| ended())?;
        answer.recv().map_err(|_| ended())?
    }
}

impl Encoder for TorchEncoder {
    fn encode(&self, batch: &PackedBatch, vectors: &mut [f32]) -> Result<(), EncodeError> {
        check_batch(&self.config, batch, vectors)?;
        vectors.copy_from_slice(&self.request(batch.clone())?);
        Ok(())
    }

    fn describe(&self) -> String {
        self.description.clone()
    }
}

/// Joins the thread: libtorch must not be freeing a model while the process tears libtorch down.
#[derive(Debug)]
struct Worker(Option<AssertUnwindSafe<thread::JoinHandle<()>>>); // asserted because nothing touches it before the drop

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.take().map(|worker| worker.0.join());
    }
}

/// The worker's life: loads the model, reports, and answers requests until the encoder is dropped.
fn work(
    config: &BertConfig,
    pooling: Pooling,
    weights: BertWeights,
    threads: usize,
    report: &mpsc::SyncSender<Result<Device, LoadError>>,
    inbox: &mpsc::Receiver<Request>,
) {
    let loaded = guard(|| {
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
        Model::load(config, pooling, &weights, Device::cuda_if_available())
    });
    drop(weights);
    let model = match loaded.unwrap_or_else(|panic| Err(unavailable(first_line(&panic)))) {
        Ok(model) => model,
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    let _ = report.send(Ok(model.device));

    let _no_grad = tch::no_grad_guard(); // not `tch::no_grad`, which a panic leaves half-way
    for Request { batch, reply } in inbox {
        let vectors = match guard(|| model.encode(&batch)) {
            Ok(result) => result.map_err(|error| backend(first_line(&error.to_string()))),
            Err(panic) => Err(backend(first_line(&panic))),
        };
        let _ = reply.send(vectors); // the caller may be gone
    }
}

struct Model {
    bert: BertModel<BertEmbeddings>,
    pooling: Pooling,
    hidden_size: usize,
    position_offset: i64,
    device: Device,
}

impl Model {
    fn load(config: &BertConfig, pooling: Pooling, weights: &BertWeights, device: Device) -> Result<Self, LoadError> {
        let mut store = nn::VarStore::new(device);
        let bert = BertModel::new_with_optional_pooler(store.root(), &rust_bert_config(config)?, false);
        store.freeze(); // also what allows writing to the variables
        weights::copy(weights, &store)?;
        let (hidden_size, position_offset) = (config.hidden_size, config.position_offset as i64);
        Ok(Self { bert, pooling, hidden_size, position_offset, device })
    }

    /// One vector a sequence, row-major.
    fn encode(&self, batch: &PackedBatch) -> Result<Vec<f32>, TchError> {
        let mut vectors = vec![0.0; batch.len() * self.hidden_size];
        let lengths: Vec<usize> = batch.sequences().map(<[u32]>::len).collect();
        for group in padded_groups(&lengths) {
            let sequences: Vec<&[u32]> = group.iter().map(|&index| batch.sequence(index)).collect();
            let pooled = self.pooled(&sequences)?;
            for (&index, vector) in group.iter().zip(pooled.chunks_exact(self.hidden_size)) {
                vectors[index * self.hidden_size..][..self.hidden_size].copy_from_slice(vector);
            }
        }
        Ok(vectors)
    }

    fn pooled(&self, sequences: &[&[u32]]) -> Result<Vec<f32>, TchError> {
        let lengths: Vec<i64> = sequences.iter().map(|ids| ids.len() as i64).collect();
        let (rows, width) = (lengths.len() as i64, lengths.iter().copied().max().unwrap_or(0));
        let mut ids = vec![0; (rows * width) as usize];
        for (row, sequence) in ids.chunks_exact_mut(width as usize).zip(sequences) {
            row.iter_mut().zip(*sequence).for_each(|(to, &id)| *to = i64::from(id));
        }
        let lengths = Tensor::f_from_slice(&lengths)?.f_to_device(self.device)?.f_unsqueeze(1)?;
        let ids = Tensor::f_from_slice(&ids)?.f_view([rows, width])?.f_to_device(self.device)?;
        let columns = Tensor::f_arange(width, (Kind::Int64, self.device))?.f_unsqueeze(0)?;
        let mask = columns.f_lt_tensor(&lengths)?;
        let hidden = self.hidden_states(&ids, &mask)?;
        let pooled = match self.pooling {
            Pooling::Cls => hidden.f_select(1, 0)?,
            Pooling::Mean => {
                let kept = hidden.f_mul(&mask.f_unsqueeze(-1)?)?;
                kept.f_sum_dim_intlist(1, false, Kind::Float)?.f_div(&lengths)?
            }
        };
        Vec::try_from(pooled.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?)
    }

    /// `[rows, width, hidden]` from `ids` and `mask`, both `[rows, width]`.
    fn hidden_states(&self, ids: &Tensor, mask: &Tensor) -> Result<Tensor, TchError> {
        let (_, width) = ids.size2()?;
        let positions = Tensor::f_arange(width, (Kind::Int64, self.device))?
            .f_add_scalar(self.position_offset)?
            .f_unsqueeze(0)?
            .f_expand_as(ids)?;
        let token_types = ids.f_zeros_like()?;
        self.bert
            .forward_t(Some(ids), Some(mask), Some(&token_types), Some(&positions), None, None, None, false)
            .map(|output| output.hidden_state)
            .map_err(|error| TchError::Torch(error.to_string()))
    }
}

fn rust_bert_config(config: &BertConfig) -> Result<bert::BertConfig, LoadError> {
    if config.layer_norm_eps != LAYER_NORM_EPS {
        let found = config.layer_norm_eps;
        return Err(unavailable(format!(
            "the model's layer_norm_eps is {found:e}, rust-bert's always {LAYER_NORM_EPS:e}"
        )));
    }
    Ok(bert::BertConfig {
        hidden_act: match config.activation {
            Activation::Gelu => rust_bert::Activation::gelu,
            Activation::GeluTanh => rust_bert::Activation::gelu_new,
            Activation::Relu => rust_bert::Activation::relu,
        },
        hidden_size: config.hidden_size as i64,
        intermediate_size: config.intermediate_size as i64,
        max_position_embeddings: config.max_position_embeddings as i64,
        num_attention_heads: config.num_attention_heads as i64,
        num_hidden_layers: config.num_hidden_layers as i64,
        type_vocab_size: config.type_vocab_size as i64,
        vocab_size: config.vocab_size as i64,
        ..bert::BertConfig::default()
    })
}

fn backend(message: String) -> EncodeError {
    EncodeError::Backend { encoder: "torch", message }
}

fn unavailable(reason: String) -> LoadError {
    LoadError::Unavailable { what: "encoder torch".into(), reason }
}

/// What libtorch says before its backtrace. In the message of an `unwrap`, line breaks are escaped.
fn first_line(message: &str) -> String {
    let message = message.split_once("Torch(\"").map_or(message, |(_, inner)| inner);
    message.split(['\n', '\r']).next().unwrap_or_default().split("\\n").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
pub(crate) mod tests;
