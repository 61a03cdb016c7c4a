//! The recipe: everything that a run depends on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use crate::evaluate::Head;
use crate::model::WindowSpec;
use crate::text::CleaningRecipe;

/// What to train, from what, on what. Paths are relative to the current folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the manifest says of the model.
    pub model: ModelSpec,
    /// Where the weights come from.
    pub base: BaseSpec,
    /// The model folder to write.
    pub output: PathBuf,
    /// Where checkpoints are kept while training, and found when it resumes.
    pub work: PathBuf,
    /// Of every random choice.
    pub seed: u64,
    /// How texts are cleaned.
    pub cleaning: CleaningRecipe,
    /// How long texts are cut, in training as in use.
    pub windows: WindowSpec,
    /// Batches and steps.
    pub optimizer: OptimizerSpec,
    /// How texts are varied.
    #[serde(default)]
    pub augmentation: AugmentationSpec,
    /// A model to learn from beside the labels.
    pub teacher: Option<TeacherSpec>,
    /// Texts to train on.
    pub train: Vec<DataSpec>,
    /// Texts to watch, to calibrate on and to choose thresholds on.
    pub dev: Vec<DataSpec>,
    /// Texts that the card reports on.
    #[serde(default)]
    pub test: Vec<DataSpec>,
    /// A suite of sentences that the card reports on.
    pub suite: Option<PathBuf>,
    /// What the card says beside figures, in Markdown.
    #[serde(default)]
    pub notes: String,
}

/// What the manifest says of the model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// One line on what it is.
    pub description: String,
    /// ISO 639-1 codes of the languages that it was made for.
    pub languages: Vec<String>,
    /// Licence of the weights.
    pub licence: String,
    /// When it was made.
    pub date: String,
}

/// Where the weights come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseSpec {
    /// Folder with `config.json`, `tokenizer.json` and `model.safetensors`: a checkpoint in Hugging Face's format or a
    /// model of plaint. Heads are taken over if it has them.
    pub folder: PathBuf,
    /// One line for the manifest.
    pub description: String,
    /// The layers that are kept, counted from 0; all of them unless given.
    pub layers: Option<Vec<usize>>,
}

/// Batches and steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerSpec {
    /// Highest learning rate of the top layer.
    pub learning_rate: f32,
    /// The same for the three heads, which start from nothing.
    pub head_learning_rate: f32,
    /// Each layer learns this much slower than the one above it; the embeddings slowest.
    pub layer_decay: f32,
    /// Share of the run in which the rate rises from 0; afterwards it falls to 0, both linearly.
    pub warmup: f32,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f32,
    /// Gradients are scaled down to this norm.
    pub clip_norm: f32,
    /// Padded tokens of a batch, at most.
    pub batch_tokens: usize,
    /// Takes this much of a label's probability and spreads it over all labels.
    pub label_smoothing: f32,
    /// Share of tokens whose embedding is replaced by zeros. It stands in for dropout inside the network, which takes
    /// libtorch nearly half of a step on a CPU.
    pub token_dropout: f32,
    /// Whether the network computes in bfloat16; master weights and optimizer state are f32 in any case.
    pub bf16: bool,
    /// Texts drawn between two looks at the development data.
    pub evaluate_every: usize,
    /// Looks without improvement after which training stops.
    pub patience: usize,
}

/// How texts are varied: probabilities for each drawn text.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentationSpec {
    /// To lower case.
    pub lower_case: f32,
    /// To capitals.
    pub upper_case: f32,
    /// Diacritics dropped, or spelled out in German.
    pub fold_diacritics: f32,
    /// One to three slips of the keyboard.
    pub typos: f32,
    /// A text of a data set with `compose` is put among others that are no complaint, to make a long post.
    pub compose: f32,
    /// Words of a composed post, at most.
    pub compose_words: usize,
}

/// A model to learn from beside the labels (Hinton, Vinyals & Dean, *Distilling the knowledge in a neural network*, 2015).
/// With a teacher, texts without labels are of use, too.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherSpec {
    /// Its folder: a model of plaint with the same tokenizer and hidden size.
    pub folder: PathBuf,
    /// Share of the teacher's probabilities in what the heads learn; the rest are the labels.
    pub share: f32,
    /// Factor on the mean squared distance of the pooled vectors.
    pub vectors: f32,
}

/// Some files of labelled texts, and what they are used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// Paths, with `*` and `?` as in a shell.
    pub files: Vec<String>,
    /// Only rows of this split.
    pub split: Option<String>,
    /// Rows of these folds are left out.
    #[serde(default)]
    pub exclude_folds: Vec<u8>,
    /// How often each row is drawn in the run, on average.
    #[serde(default = "one")]
    pub passes: f32,
    /// Factor on the losses.
    #[serde(default = "one")]
    pub weight: f32,
    /// Rows used at most, chosen at random.
    pub limit: Option<usize>,
    /// The heads that learn from it; all that its rows have labels for, unless given.
    #[serde(default = "all_heads")]
    pub heads: Vec<Head>,
    /// How its sentiment labels are to be read.
    #[serde(default)]
    pub sentiment: SentimentLabels,
    /// Whether its texts may be put into composed posts.
    #[serde(default)]
    pub compose: bool,
}

/// How sentiment labels are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentimentLabels {
    /// `sentiment`, one of three.
    #[default]
    ThreeClass,
    /// `sentiment`, but the set has no neutral class: only negative against positive is learned.
    TwoClass,
    /// `sentiment_public`.
    Public,
}

fn one() -> f32 {
    1.0
}

fn all_heads() -> Vec<Head> {
    Head::ALL.to_vec()
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Recipe`].
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(|source| TrainError::Io { path: path.into(), source })?;
        let recipe = parse(&text).and_then(Self::checked);
        recipe.map_err(|message| TrainError::Recipe { path: path.into(), message })
    }

    /// Identifies what a checkpoint depends on: all that has to do with training.
    pub(super) fn fingerprint(&self) -> String {
        let parts =
            (&self.base, &self.teacher, self.seed, self.cleaning, self.windows, &self.optimizer, &self.augmentation);
        let json = serde_json::to_vec(&(parts, &self.train, &self.dev)).expect("plain data");
        crate::model::sha256_hex(&json)[..16].to_owned()
    }

    fn checked(self) -> Result<Self, String> {
        let in_range = |field: &str, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(format!("field `{field}`: found {value}, expected {low} to {high}"))
            }
        };
        let optimizer = &self.optimizer;
        in_range("optimizer.learning_rate", optimizer.learning_rate, 0.0, 1.0)?;
        in_range("optimizer.head_learning_rate", optimizer.head_learning_rate, 0.0, 1.0)?;
        in_range("optimizer.layer_decay", optimizer.layer_decay, 0.01, 1.0)?;
        in_range("optimizer.warmup", optimizer.warmup, 0.0, 1.0)?;
        in_range("optimizer.weight_decay", optimizer.weight_decay, 0.0, 1.0)?;
        in_range("optimizer.clip_norm", optimizer.clip_norm, 1e-6, f32::MAX)?;
        in_range("optimizer.label_smoothing", optimizer.label_smoothing, 0.0, 0.5)?;
        in_range("optimizer.token_dropout", optimizer.token_dropout, 0.0, 0.9)?;
        for (field, value) in [
            ("lower_case", self.augmentation.lower_case),
            ("upper_case", self.augmentation.upper_case),
            ("fold_diacritics", self.augmentation.fold_diacritics),
            ("typos", self.augmentation.typos),
            ("compose", self.augmentation.compose),
        ] {
            in_range(&format!("augmentation.{field}"), value, 0.0, 1.0)?;
        }
        if let Some(teacher) = &self.teacher {
            in_range("teacher.share", teacher.share, 0.0, 1.0)?;
            in_range("teacher.vectors", teacher.vectors, 0.0, 1e6)?;
        }
        for (list, specs) in [("train", &self.train), ("dev", &self.dev), ("test", &self.test)] {
            for (index, spec) in specs.iter().enumerate() {
                in_range(&format!("{list}[{index}].passes"), spec.passes, 0.0, 1000.0)?;
                in_range(&format!("{list}[{index}].weight"), spec.weight, 0.0, 1000.0)?;
            }
        }
        if optimizer.batch_tokens < self.windows.tokens {
            return Err(format!(
                "field `optimizer.batch_tokens`: found {}, expected at least a window's {} tokens",
                optimizer.batch_tokens, self.windows.tokens
            ));
        }
        Ok(self)
    }
}

/// Parses TOML; an error is one line that names the field (TOML's own message draws the place over several lines).
fn parse(text: &str) -> Result<Recipe, String> {
    let in_line = |error: &toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        format!("{} (line {line})", error.message().replace('\n', ", "))
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| in_line(&error))?;
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| format!("field `{}`: {}", error.path(), in_line(error.inner())))
}
