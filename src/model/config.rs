//! `config.json` in Hugging Face's terms, for BERT and its kin.

use serde::Deserialize;

use super::files::CONFIG_FILE;
use super::json::{self, field_error};
use crate::error::LoadError;

/// Shape of a BERT-like encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct BertConfig {
    /// Width of a token vector.
    pub hidden_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads a layer; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Activation of the feed-forward layer.
    pub activation: Activation,
    /// Added to the variance in every layer norm.
    pub layer_norm_eps: f32,
    /// Rows of the position embeddings.
    pub max_position_embeddings: usize,
    /// Position of the first token: 0 for BERT, `pad_token_id + 1` for RoBERTa and XLM-R.
    pub position_offset: usize,
    /// Rows of the token type embeddings. plaint only uses row 0.
    pub type_vocab_size: usize,
    /// Rows of the word embeddings.
    pub vocab_size: usize,
}

/// Activation of the feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x/2 (1 + erf(x/√2))` (Hendrycks & Gimpel, *Gaussian error linear units*, 2016).
    Gelu,
    /// The same paper's approximation by tanh; `gelu_new` and `gelu_pytorch_tanh` in Hugging Face's terms.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

/// The fields that plaint reads. Others are allowed: configurations carry much that inference does not need.
#[derive(Deserialize)]
struct HfConfig {
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: String,
    layer_norm_eps: f32,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    vocab_size: usize,
    pad_token_id: Option<usize>,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

/// No encoder is larger; keeps products of sizes far from overflow.
const MAX_SIZE: usize = 1 << 24;

impl BertConfig {
    /// Parses and checks a `config.json`.
    ///
    /// # Errors
    /// [`LoadError::Format`] or [`LoadError::Field`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        let hf: HfConfig = json::parse(CONFIG_FILE, bytes)?;
        let position_offset = match hf.model_type.as_str() {
            "bert" => 0,
            "roberta" | "xlm-roberta" | "camembert" => match hf.pad_token_id {
                Some(pad) if pad < MAX_SIZE => pad + 1,
                other => {
                    let expected = "the id of the padding token: positions start after it";
                    return Err(field_error(CONFIG_FILE, "pad_token_id", format!("{other:?}"), expected));
                }
            },
            other => {
                let expected = "bert, roberta, xlm-roberta or camembert";
                return Err(field_error(CONFIG_FILE, "model_type", other, expected));
            }
        };
        let activation = match hf.hidden_act.as_str() {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            other => {
                let expected = "gelu, gelu_new, gelu_pytorch_tanh or relu";
                return Err(field_error(CONFIG_FILE, "hidden_act", other, expected));
            }
        };
        if let Some(kind) = hf.position_embedding_type.filter(|kind| kind != "absolute") {
            return Err(field_error(CONFIG_FILE, "position_embedding_type", kind, "absolute"));
        }
        if hf.is_decoder {
            return Err(field_error(CONFIG_FILE, "is_decoder", true, "an encoder"));
        }
        for (field, size) in [
            ("hidden_size", hf.hidden_size),
            ("num_hidden_layers", hf.num_hidden_layers),
            ("num_attention_heads", hf.num_attention_heads),
            ("intermediate_size", hf.intermediate_size),
            ("max_position_embeddings", hf.max_position_embeddings),
            ("type_vocab_size", hf.type_vocab_size),
            ("vocab_size", hf.vocab_size),
        ] {
            if !(1..=MAX_SIZE).contains(&size) {
                return Err(field_error(CONFIG_FILE, field, size, format!("1 to {MAX_SIZE}")));
            }
        }
        if !hf.hidden_size.is_multiple_of(hf.num_attention_heads) {
            let expected = format!("a divisor of hidden_size, {}", hf.hidden_size);
            return Err(field_error(CONFIG_FILE, "num_attention_heads", hf.num_attention_heads, expected));
        }
        if !(hf.layer_norm_eps > 0.0 && hf.layer_norm_eps < 1.0) {
            return Err(field_error(CONFIG_FILE, "layer_norm_eps", hf.layer_norm_eps, "a small positive number"));
        }
        if hf.max_position_embeddings <= position_offset {
            let expected = format!("more than the position of the first token, {position_offset}");
            return Err(field_error(CONFIG_FILE, "max_position_embeddings", hf.max_position_embeddings, expected));
        }
        Ok(Self {
            hidden_size: hf.hidden_size,
            num_hidden_layers: hf.num_hidden_layers,
            num_attention_heads: hf.num_attention_heads,
            intermediate_size: hf.intermediate_size,
            activation,
            layer_norm_eps: hf.layer_norm_eps,
            max_position_embeddings: hf.max_position_embeddings,
            position_offset,
            type_vocab_size: hf.type_vocab_size,
            vocab_size: hf.vocab_size,
        })
    }

    /// Longest sequence that the encoder has positions for, special tokens included.
    pub fn max_tokens(&self) -> usize {
        self.max_position_embeddings - self.position_offset
    }

    /// Width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}
