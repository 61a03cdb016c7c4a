//! The recipe: everything that a run depends on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checkpoint::Files;
use super::error::TrainError;
use crate::evaluate::Head;
use crate::model::{MANIFEST_FILE, WEIGHTS_FILE, WindowSpec};
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
    /// Seeds of further runs whose weights are averaged with those of `seed`: a uniform soup (Wortsman et al., *Model
    /// soups*, 2022). The model is as fast as one, and the runs' chance errors cancel out in part.
    #[serde(default)]
    pub soup: Vec<u64>,
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
    /// Train once a fold, each time tested on texts that were left out, in place of making one model.
    pub cross_validation: Option<CrossValidationSpec>,
    /// Share of the head that learned [`SentimentLabels::Guide`] in the model's sentiment, from 0 to 1: the logits of both
    /// heads are averaged with it.
    #[serde(default = "half")]
    pub guide_share: f32,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// In place of a folder the recipe of an earlier stage: its output is the base, its weights before they were rounded.
    #[serde(skip_serializing)]
    pub recipe: Option<PathBuf>,
    /// The earlier stage, read.
    #[serde(skip)]
    pub stage: Option<Box<Recipe>>,
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
/// With a teacher, texts without labels are of use, too. It reads a text as it was written, the student as [`AugmentationSpec`]
/// varies its spelling; vectors and hidden states are compared where both read the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherSpec {
    /// Its folder: a model of plaint with the same tokenizer and hidden size.
    pub folder: PathBuf,
    /// Share of the teacher's probabilities in what the heads learn; the rest are the labels.
    pub share: f32,
    /// Factor on the squared distance of the pooled vectors, mean over windows.
    pub vectors: f32,
    /// Factor on the squared distance of the hidden states, mean over tokens and layers: each layer of the student learns
    /// what the teacher makes of a token at that share of its depth (Jiao et al., *TinyBERT*, 2020). The teacher's layers
    /// must be a multiple of the student's. At 0, as unless given, they are not compared.
    #[serde(default, skip_serializing_if = "crate::model::is_zero")]
    pub states: f32,
}

/// How a recipe's rows are parted by their `fold`.
///
/// The model of fold `k` trains on rows of `train` of all folds but `k` and `k + 1` and on those without a fold, is
/// calibrated on rows of `dev` of fold `k + 1`, and is tested on rows of `test` of fold `k`; after the last fold comes 0. It
/// draws all its texts without stopping early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossValidationSpec {
    /// Number of folds, at least 3; rows are of folds 0 to one less.
    pub folds: u8,
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
    /// Only rows of these folds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<Vec<u8>>,
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
    /// `sentiment`, one of three, by another guide than the public sets', with which they share the three words but not
    /// their meaning. A head of its own learns it, and [`Recipe::guide_share`] says how much of that head the model gets.
    Guide,
}

fn one() -> f32 {
    1.0
}

fn half() -> f32 {
    0.5
}

fn all_heads() -> Vec<Head> {
    Head::ALL.to_vec()
}

impl BaseSpec {
    /// The folder that the run starts from: the one named, or the output of the stage before.
    pub fn folder(&self) -> &Path {
        let made = self.stage.as_ref().map(|stage| stage.output.as_path());
        made.or(self.folder.as_deref()).unwrap_or(Path::new(""))
    }

    /// The file of weights that the run starts from. Those of an earlier stage are taken as they were before they were
    /// rounded to int8, from its `work` folder, unless they are there no more.
    pub fn weights(&self) -> PathBuf {
        let unrounded = self.stage.as_ref().map(|stage| Files::of(&stage.work).best).filter(|path| path.is_file());
        unrounded.unwrap_or_else(|| self.folder().join(WEIGHTS_FILE))
    }
}

impl Recipe {
    /// Reads and checks a recipe, and the recipes of the stages before it.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Recipe`], also if a stage starts from itself.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        Self::read_after(path, &mut Vec::new())
    }

    /// `later` are the stages that start from this one.
    fn read_after(path: &Path, later: &mut Vec<PathBuf>) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(TrainError::io(path))?;
        let wrong = |message| TrainError::Recipe { path: path.into(), message };
        let mut recipe = parse(&text).and_then(Self::checked).map_err(wrong)?;
        later.push(path.canonicalize().map_err(TrainError::io(path))?);
        if let Some(earlier) = &recipe.base.recipe {
            if earlier.canonicalize().is_ok_and(|earlier| later.contains(&earlier)) {
                return Err(wrong(format!(
                    "field `base.recipe`: found {}, which starts from this one, expected an earlier stage",
                    earlier.display()
                )));
            }
            recipe.base.stage = Some(Box::new(Self::read_after(earlier, later)?));
        }
        Ok(recipe)
    }

    /// Whether its model has been written.
    pub fn is_finished(&self) -> bool {
        self.output.join(MANIFEST_FILE).is_file()
    }

    /// The seeds of all its runs.
    pub(super) fn seeds(&self) -> Vec<u64> {
        std::iter::once(self.seed).chain(self.soup.iter().copied()).collect()
    }

    /// Whether a head of its own learns the sentiment of some sets.
    pub(super) fn has_guide(&self) -> bool {
        self.train.iter().any(|spec| spec.sentiment == SentimentLabels::Guide)
    }

    /// Identifies what a checkpoint depends on: all that has to do with training, in this stage and those before it.
    pub(super) fn fingerprint(&self) -> String {
        let parts =
            (&self.base, &self.teacher, self.seed, self.cleaning, self.windows, &self.optimizer, &self.augmentation);
        let mut bytes = serde_json::to_vec(&(parts, &self.train, &self.dev)).expect("plain data");
        bytes.extend(self.soup.iter().flat_map(|seed| seed.to_le_bytes()));
        if let Some(stage) = &self.base.stage {
            bytes.extend(stage.fingerprint().bytes());
        }
        crate::model::sha256_hex(&bytes)[..16].to_owned()
    }

    fn checked(self) -> Result<Self, String> {
        let in_range = |field: &str, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(format!("field `{field}`: found {value}, expected {low} to {high}"))
            }
        };
        if let Some(CrossValidationSpec { folds }) = self.cross_validation {
            in_range("cross_validation.folds", folds.into(), 3.0, 255.0)?;
            if self.test.is_empty() {
                return Err("field `test`: found nothing, expected the texts of the cross-validation".to_owned());
            }
        }
        let base = &self.base;
        if base.layers.as_ref().is_some_and(Vec::is_empty) {
            return Err("field `base.layers`: found none, expected a layer at least".to_owned());
        }
        if base.folder.is_some() == base.recipe.is_some() {
            let found = if base.folder.is_some() { "`folder` and `recipe`" } else { "neither `folder` nor `recipe`" };
            return Err(format!("field `base`: found {found}, expected one of them"));
        }
        let optimizer = &self.optimizer;
        in_range("optimizer.learning_rate", optimizer.learning_rate, 0.0, 1.0)?;
        in_range("optimizer.head_learning_rate", optimizer.head_learning_rate, 0.0, 1.0)?;
        in_range("optimizer.layer_decay", optimizer.layer_decay, 0.01, 1.0)?;
        in_range("optimizer.warmup", optimizer.warmup, 0.0, 1.0)?;
        in_range("optimizer.weight_decay", optimizer.weight_decay, 0.0, 1.0)?;
        in_range("optimizer.clip_norm", optimizer.clip_norm, 1e-6, f32::MAX)?;
        in_range("optimizer.label_smoothing", optimizer.label_smoothing, 0.0, 0.5)?;
        in_range("optimizer.token_dropout", optimizer.token_dropout, 0.0, 0.9)?;
        in_range("guide_share", self.guide_share, 0.0, 1.0)?;
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
            in_range("teacher.states", teacher.states, 0.0, 1e6)?;
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

fn parse(text: &str) -> Result<Recipe, String> {
    crate::toml_text::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = r#"
        output = "out"
        work = "work"
        seed = 7
        cleaning = "social-v1"
        model = { name = "m", version = "1", description = "d", languages = ["de"], licence = "l", date = "2026-11-22" }
        windows = { tokens = 256, overlap = 32, max_bytes = 131072 }
        [base]
        folder = "base"
        description = "b"
        [optimizer]
        learning_rate = 1e-4
        head_learning_rate = 1e-3
        layer_decay = 0.9
        warmup = 0.1
        weight_decay = 0.01
        clip_norm = 1.0
        batch_tokens = 3072
        label_smoothing = 0.05
        token_dropout = 0.1
        bf16 = true
        evaluate_every = 100
        patience = 3
        [[train]]
        files = ["a.jsonl"]
        [[dev]]
        files = ["b.jsonl"]
    "#;

    /// Checkpoints of runs that were cut off must stay valid: a field that a recipe does not use is not in its fingerprint.
    #[test]
    fn new_fields_do_not_change_the_fingerprint_of_recipes_without_them() {
        let recipe = parse(RECIPE).unwrap().checked().unwrap();
        assert_eq!(recipe.fingerprint(), "a0e4073936b3bd02");
    }

    #[test]
    fn a_stage_depends_on_the_recipe_of_the_stage_before_it_but_not_on_its_place() {
        let earlier = parse(RECIPE).unwrap();
        let after = |earlier: &Recipe, path: &str| {
            let text = RECIPE.replace("folder = \"base\"", &format!("recipe = \"{path}\""));
            let mut recipe = parse(&text).unwrap().checked().unwrap();
            recipe.base.stage = Some(Box::new(earlier.clone()));
            recipe.fingerprint()
        };
        let reseeded = Recipe { seed: 8, ..earlier.clone() };
        assert_eq!(after(&earlier, "a.toml"), after(&earlier, "b.toml"));
        assert_ne!(after(&earlier, "a.toml"), after(&reseeded, "a.toml"));
        assert_ne!(after(&earlier, "a.toml"), earlier.fingerprint());
    }

    #[test]
    fn a_base_is_a_folder_or_a_recipe() {
        let error = |line: &str| parse(&RECIPE.replace("folder = \"base\"", line)).unwrap().checked().unwrap_err();
        assert_eq!(error(""), "field `base`: found neither `folder` nor `recipe`, expected one of them");
        assert!(error("folder = \"a\"\nrecipe = \"b\"").contains("found `folder` and `recipe`"));
        assert!(error("folder = \"a\"\nlayers = []").contains("`base.layers`: found none"));
    }
}
