//! Encoders: packed tokens in, one vector a window out. Three of them, behind one small trait, chosen at run time.
//!
//! | encoder | what it is |
//! | --- | --- |
//! | [`CpuEncoder`] | ours: packed, multi-threaded; a sequence's vector is bit for bit the same in any batch |
//! | [`ReferenceEncoder`] | slow and obvious; the others are tested against it |
//! | `TorchEncoder` | rust-bert's `BertModel` on libtorch, CUDA if present (feature `torch`) |

mod cpu;
mod reference;
#[cfg(feature = "torch")]
pub(crate) mod torch;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::str::FromStr;

#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub use cpu::steps;
pub use cpu::{CpuEncoder, Kernel};
pub use reference::ReferenceEncoder;
#[cfg(feature = "torch")]
pub use torch::TorchEncoder;

use crate::batch::PackedBatch;
use crate::error::{EncodeError, LoadError};
use crate::model::{BertConfig, BertWeights, Pooling};
use crate::threads::Threads;

/// Turns packed token ids into one vector a sequence.
///
/// A sequence's vector must not depend on the other sequences of the batch.
pub trait Encoder: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// Encodes `batch` into `vectors`, row-major `[batch.len(), hidden_size]`.
    ///
    /// # Errors
    /// [`EncodeError`]; `vectors` then holds nothing of use. The encoder remains usable.
    fn encode(&self, batch: &PackedBatch, vectors: &mut [f32]) -> Result<(), EncodeError>;

    /// One line on what runs and why, for people.
    fn describe(&self) -> String;
}

/// Names of the encoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EncoderKind {
    /// [`CpuEncoder`].
    #[default]
    Cpu,
    /// `TorchEncoder`; needs the feature `torch`.
    Torch,
    /// [`ReferenceEncoder`].
    Reference,
}

/// Precision of the encoder's arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precision {
    /// The fastest that keeps the accuracy: on the CPU encoder int8 for a model whose matrices are stored in int8, f32 for
    /// any other; f32 on the other encoders.
    #[default]
    Auto,
    /// Integers of 8 bits, summed in 32; only on the CPU encoder. Attention, norms and heads are f32.
    Int8,
    /// Brain floating point (8 bits of precision), summed in f32; only on the CPU encoder. Attention, norms and heads are f32.
    Bf16,
    /// IEEE single precision.
    F32,
}

macro_rules! names {
    ($name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl $name {
            /// All variants.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name as the command line takes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|variant| variant.as_str() == text)
                    .ok_or_else(|| format!("found `{text}`, expected one of {}", [$($text),+].join(", ")))
            }
        }
    };
}

names!(EncoderKind { Cpu = "cpu", Torch = "torch", Reference = "reference" });
names!(Precision { Auto = "auto", Int8 = "int8", Bf16 = "bf16", F32 = "f32" });

impl EncoderKind {
    /// Whether the encoder computes in `precision`, in this build and on this machine.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`] says why not.
    pub fn supports(self, precision: Precision) -> Result<(), LoadError> {
        let reason = match (self, precision) {
            (_, Precision::Auto | Precision::F32) | (Self::Cpu, _) => return Ok(()),
            (Self::Torch | Self::Reference, _) => "this encoder computes in f32; use auto or f32",
        };
        Err(LoadError::Unavailable {
            what: format!("precision {precision} on the {self} encoder"),
            reason: reason.into(),
        })
    }
}

/// Builds the encoder that was asked for.
///
/// # Errors
/// [`LoadError::Unavailable`] if this build or machine does not have it.
pub(crate) fn build(
    kind: EncoderKind,
    precision: Precision,
    config: BertConfig,
    pooling: Pooling,
    weights: BertWeights,
    threads: Threads,
) -> Result<Box<dyn Encoder>, LoadError> {
    kind.supports(precision)?;
    match kind {
        EncoderKind::Cpu => Ok(Box::new(CpuEncoder::new(config, pooling, weights, precision, threads)?)),
        EncoderKind::Reference => Ok(Box::new(ReferenceEncoder::new(config, pooling, weights))),
        #[cfg(feature = "torch")]
        EncoderKind::Torch => Ok(Box::new(TorchEncoder::new(config, pooling, weights, threads.count())?)),
        #[cfg(not(feature = "torch"))]
        EncoderKind::Torch => Err(LoadError::Unavailable {
            what: "encoder torch".into(),
            reason: "this build lacks the cargo feature `torch`".into(),
        }),
    }
}

/// What every encoder checks before it computes, so that its inner loops need not.
fn check_batch(config: &BertConfig, batch: &PackedBatch, vectors: &[f32]) -> Result<(), EncodeError> {
    let expected = batch.len() * config.hidden_size;
    if vectors.len() != expected {
        return Err(EncodeError::OutputSize { found: vectors.len(), expected });
    }
    for (index, ids) in batch.sequences().enumerate() {
        if !(1..=config.max_tokens()).contains(&ids.len()) {
            let (tokens, max_tokens) = (ids.len(), config.max_tokens());
            return Err(EncodeError::SequenceLength { sequence: index, tokens, max_tokens });
        }
        if let Some(&id) = ids.iter().find(|&&id| id as usize >= config.vocab_size) {
            return Err(EncodeError::TokenId { sequence: index, id, vocab_size: config.vocab_size });
        }
    }
    Ok(())
}
