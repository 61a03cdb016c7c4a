//! The network in training: BERT with three heads, in bfloat16 or f32, over f32 master weights.
//!
//! Two things make a step affordable on a CPU beside fused operations. The table of word embeddings, half of all parameters,
//! stays outside of libtorch: a batch takes the rows that it needs, and only they get a gradient and a step. And the network
//! may compute in bfloat16 while its weights, their moments and the heads stay in f32.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::bert::{Bert, leaf};
use super::collate::Batch;
use super::optimizer::{Parameter, Step};
use super::recipe::Recipe;
use super::target::{CUTS, SENTIMENTS, Target};
use crate::model::{BaseModel, BertConfig, BertWeights, HeadWeights};

/// Name of the table of word embeddings.
const WORDS: &str = "embeddings.word_embeddings.weight";

/// Uncalibrated logits of some texts, in f32.
pub(super) struct Logits {
    /// `[texts]`.
    pub complaint: Tensor,
    /// `[texts, 3]`; for a text of several windows the logarithms of its mean distribution.
    pub sentiment: Tensor,
    /// The same of the head that learns by another guide, if there is one.
    pub guide: Option<Tensor>,
    /// `[texts, 4]`: above each cut.
    pub urgency: Tensor,
}

impl Logits {
    /// Sentiment of each text by the head that learns from its target.
    pub(super) fn sentiment_of(&self, targets: &[Target]) -> Tensor {
        let Some(guide) = &self.guide else { return self.sentiment.shallow_clone() };
        let by_guide: Vec<bool> = targets.iter().map(|target| target.by_guide).collect();
        guide.where_self(&Tensor::from_slice(&by_guide).unsqueeze(-1), &self.sentiment)
    }
}

/// Weights, gradients and moments.
pub(super) struct Network {
    bert: Bert,
    heads: HeadTensors,
    /// Of the variables of `bert` and `heads`, by name.
    variables: Vec<Variable>,
    words: Parameter,
    layers: usize,
    hidden: usize,
    kind: Kind,
}

/// A trained tensor and what the optimizer knows of it.
struct Variable {
    name: String,
    tensor: Tensor,
    parameter: Parameter,
    /// Layers between it and the heads; none for the heads themselves.
    depth: Option<i32>,
    decays: bool,
    gradient: Vec<f32>,
}

/// The heads as tensors that can be trained.
pub(super) struct HeadTensors {
    complaint_weight: Tensor,
    complaint_bias: Tensor,
    sentiment_weight: Tensor,
    sentiment_bias: Tensor,
    /// Weight and bias of the sentiment by another guide.
    guide: Option<[Tensor; 2]>,
    urgency_weight: Tensor,
    /// The first bias, then the logarithms of how much each of the others falls below the one before.
    urgency_bias: Tensor,
}

/// Learning rates of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub step: usize,
    pub encoder: f32,
    pub heads: f32,
    pub layer_decay: f32,
    pub weight_decay: f32,
    pub clip_norm: f32,
}

/// Rows of the word table that a batch used, with their leaf tensor.
struct UsedWords {
    rows: Vec<usize>,
    leaf: Tensor,
}

/// What a forward pass yields.
pub(super) struct Forward {
    /// `[windows, hidden]`: the mean over each window's tokens, in f32.
    pub pooled: Tensor,
    pub logits: Logits,
    /// Hidden states after each layer, `[windows, width, hidden]`.
    pub states: Vec<Tensor>,
    words: UsedWords,
}

impl Network {
    /// Builds the network from the weights of a checkpoint.
    pub(super) fn new(config: &BertConfig, weights: &BertWeights, heads: &HeadWeights, bf16: bool) -> Self {
        let kind = if bf16 { Kind::BFloat16 } else { Kind::Float };
        let bert = Bert::new(config, weights, kind);
        let heads = HeadTensors::new(heads);
        let layers = config.num_hidden_layers;
        // Master weights are those of the checkpoint, not what is left of them in bfloat16.
        let exact = Bert::new(config, weights, Kind::Float);
        let masters = exact.named().into_iter().chain(heads.named()).map(|(_, tensor)| to_vec(tensor));
        let named = bert.named().into_iter().chain(heads.named());
        let variable = |((name, tensor), master): ((String, &Tensor), Vec<f32>)| {
            Variable::new(name, tensor.shallow_clone(), master, layers)
        };
        let variables = named.zip(masters).map(variable).collect();
        let words = Parameter::new(weights.embeddings.word.to_f32());
        Self { bert, heads, variables, words, layers, hidden: config.hidden_size, kind }
    }

    /// Forward pass. `dropped` tells of each token in turn whether its embedding is replaced by zeros.
    pub(super) fn forward(&self, batch: &Batch, train: bool, mut dropped: impl FnMut() -> bool) -> Forward {
        let windows: Vec<&[u32]> = batch.windows().collect();
        let rows = windows.len();
        let width = batch.width();
        // Place of every distinct id among the batch's rows; row 0 is zeros, for padding and dropped tokens.
        let mut places: HashMap<u32, i64> = HashMap::new();
        let mut used = Vec::new();
        let mut index = vec![0i64; rows * width];
        for (row, ids) in index.chunks_exact_mut(width).zip(&windows) {
            for (place, &id) in row.iter_mut().zip(*ids) {
                if !dropped() {
                    *place = *places.entry(id).or_insert_with(|| {
                        used.push(id as usize);
                        used.len() as i64
                    });
                }
            }
        }
        let mut values = vec![0.0; (used.len() + 1) * self.hidden];
        for (&id, row) in used.iter().zip(values.chunks_exact_mut(self.hidden).skip(1)) {
            row.copy_from_slice(&self.words.weights[id * self.hidden..][..self.hidden]);
        }
        let (rows, width, hidden) = (rows as i64, width as i64, self.hidden as i64);
        let leaf = Tensor::from_slice(&values).view([-1, hidden]).to_kind(self.kind).set_requires_grad(train);
        let embeddings = leaf.index_select(0, &Tensor::from_slice(&index)).view([rows, width, hidden]);
        let lengths: Vec<i64> = windows.iter().map(|ids| ids.len() as i64).collect();
        let lengths = Tensor::from_slice(&lengths).unsqueeze(1);
        let mask = Tensor::arange(width, (Kind::Int64, Device::Cpu)).unsqueeze(0).lt_tensor(&lengths);
        let states = self.bert.forward(&embeddings, &mask);
        let kept = states.last().expect("a layer at least") * mask.unsqueeze(-1);
        let pooled = kept.to_kind(Kind::Float).sum_dim_intlist(1, false, Kind::Float) / &lengths;
        let logits = self.heads.logits(&pooled, batch);
        Forward { pooled, logits, states, words: UsedWords { rows: used, leaf } }
    }

    /// One optimizer step along the gradients that `backward` left. Returns their norm before clipping.
    pub(super) fn step(&mut self, forward: Forward, rates: Rates) -> f32 {
        let _no_grad = tch::no_grad_guard();
        for variable in &mut self.variables {
            read_gradient(&mut variable.tensor, &mut variable.gradient);
        }
        let UsedWords { rows, mut leaf } = forward.words;
        let mut word_gradient = vec![0.0; (rows.len() + 1) * self.hidden];
        read_gradient(&mut leaf, &mut word_gradient);
        let word_gradient = &word_gradient[self.hidden..];

        let square = |gradient: &[f32]| gradient.iter().map(|value| f64::from(value * value)).sum::<f64>();
        let squares: f64 = self.variables.iter().map(|variable| square(&variable.gradient)).sum();
        let norm = (squares + square(word_gradient)).sqrt() as f32;
        let scale = (rates.clip_norm / norm.max(f32::MIN_POSITIVE)).min(1.0);
        let step = Step { number: rates.step, learning_rate: 0.0, weight_decay: 0.0, scale };
        if !norm.is_finite() {
            return norm;
        }
        for variable in &mut self.variables {
            let rate = match variable.depth {
                Some(depth) => rates.encoder * rates.layer_decay.powi(depth),
                None => rates.heads,
            };
            let weight_decay = if variable.decays { rates.weight_decay } else { 0.0 };
            variable.parameter.step(&variable.gradient, Step { learning_rate: rate, weight_decay, ..step });
            variable.write();
        }
        let learning_rate = rates.encoder * rates.layer_decay.powi(self.layers as i32);
        self.words.step_rows(&rows, self.hidden, word_gradient, Step { learning_rate, ..step });
        norm
    }
}

impl Network {
    /// The network that `recipe` trains, from `base`; with a head for sentiment by another guide if it has such labels.
    pub(super) fn of_recipe(recipe: &Recipe, base: &BaseModel, bf16: bool) -> Self {
        let mut network = Self::new(&base.config, &base.weights, &base.heads, bf16);
        if recipe.has_guide() {
            network.add_guide();
        }
        network
    }

    /// Gives sentiment by another guide a head of its own, which begins as a copy.
    fn add_guide(&mut self) {
        let copies = GUIDE_HEAD.map(|(name, original)| {
            let Variable { tensor, parameter, .. } = &self.variables[self.index(original)];
            let values = parameter.weights.clone();
            let tensor = leaf(&values, &tensor.size(), Kind::Float);
            self.variables.push(Variable::new(name.to_owned(), tensor.shallow_clone(), values, self.layers));
            tensor
        });
        self.heads.guide = Some(copies);
    }

    /// Makes one of the two sentiment heads, `share` of it the one that learned by another guide: as the heads are linear,
    /// its logits are the average of theirs. Tells whether there were two.
    pub(super) fn merge_guide(&mut self, share: f32) -> bool {
        if self.heads.guide.take().is_none() {
            return false;
        }
        for (name, original) in GUIDE_HEAD {
            let guide = self.variables.remove(self.index(name)).parameter.weights;
            let index = self.index(original);
            let variable = &mut self.variables[index];
            mix(&mut variable.parameter.weights, &guide, share);
            variable.write();
        }
        true
    }

    /// Moves all weights towards those of `other`, a network of the same shape, by `share` of the way.
    pub(super) fn mix(&mut self, other: &Self, share: f32) {
        mix(&mut self.words.weights, &other.words.weights, share);
        for (own, other) in self.variables.iter_mut().zip(&other.variables) {
            mix(&mut own.parameter.weights, &other.parameter.weights, share);
            own.write();
        }
    }

    /// Place of a variable that is there.
    fn index(&self, name: &str) -> usize {
        self.variables.iter().position(|variable| variable.name == name).expect("a head of the network")
    }

    /// All weights as they would be exported: the encoder's under the names of a checkpoint, the heads' under `heads.`.
    pub(super) fn weights(&self) -> Vec<(String, Vec<i64>, Vec<f32>)> {
        let words = (
            WORDS.to_owned(),
            vec![(self.words.weights.len() / self.hidden) as i64, self.hidden as i64],
            self.words.weights.clone(),
        );
        let others = self.variables.iter().map(|variable| {
            let weights = &variable.parameter.weights;
            let weights = if variable.name == URGENCY_BIAS { falling(weights) } else { weights.clone() };
            (variable.name.clone(), variable.tensor.size(), weights)
        });
        std::iter::once(words).chain(others).collect()
    }

    /// Every parameter with its moments, by name, for checkpoints.
    pub(super) fn state(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        let others = self.variables.iter().map(|variable| (variable.name.as_str(), &variable.parameter));
        std::iter::once((WORDS, &self.words)).chain(others)
    }

    /// Puts a state back; `read` gives the parameter of a name, of the length that it is told.
    pub(super) fn restore<E>(&mut self, mut read: impl FnMut(&str, usize) -> Result<Parameter, E>) -> Result<(), E> {
        self.words = read(WORDS, self.words.weights.len())?;
        for variable in &mut self.variables {
            variable.parameter = read(&variable.name, variable.parameter.weights.len())?;
            variable.write();
        }
        Ok(())
    }
}

impl Variable {
    fn new(name: String, tensor: Tensor, values: Vec<f32>, layers: usize) -> Self {
        let layer = name.strip_prefix("encoder.layer.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        let depth = match layer {
            Some(layer) => Some((layers - 1 - layer) as i32),
            None if name.starts_with("embeddings.") => Some(layers as i32),
            None => None,
        };
        let decays = name.ends_with("weight") && !name.contains("LayerNorm");
        Self { depth, decays, gradient: vec![0.0; values.len()], parameter: Parameter::new(values), name, tensor }
    }

    /// Copies the master weights to where the network computes with them.
    fn write(&mut self) {
        let _no_grad = tch::no_grad_guard();
        let values = Tensor::from_slice(&self.parameter.weights).view_as(&self.tensor);
        self.tensor.copy_(&values);
    }
}

impl HeadTensors {
    pub(super) fn new(heads: &HeadWeights) -> Self {
        let leaf = |values: &[f32], shape: &[i64]| leaf(values, shape, Kind::Float);
        let hidden = heads.complaint_weight.len() as i64;
        Self {
            complaint_weight: leaf(&heads.complaint_weight, &[1, hidden]),
            complaint_bias: leaf(&heads.complaint_bias, &[1]),
            sentiment_weight: leaf(&heads.sentiment_weight, &[SENTIMENTS as i64, hidden]),
            sentiment_bias: leaf(&heads.sentiment_bias, &[SENTIMENTS as i64]),
            guide: None,
            urgency_weight: leaf(&heads.urgency_weight, &[1, hidden]),
            urgency_bias: leaf(&free(&heads.urgency_bias), &[CUTS as i64]),
        }
    }

    fn named(&self) -> [(String, &Tensor); 6] {
        [
            ("heads.complaint.weight", &self.complaint_weight),
            ("heads.complaint.bias", &self.complaint_bias),
            (SENTIMENT_WEIGHT, &self.sentiment_weight),
            (SENTIMENT_BIAS, &self.sentiment_bias),
            ("heads.urgency.weight", &self.urgency_weight),
            (URGENCY_BIAS, &self.urgency_bias),
        ]
        .map(|(name, tensor)| (name.to_owned(), tensor))
    }

    /// Logits of the batch's texts from the vectors of their windows, pooled as the engine pools: the highest complaint
    /// and urgency of any window, the mean sentiment weighted by tokens.
    pub(super) fn logits(&self, pooled: &Tensor, batch: &Batch) -> Logits {
        let linear = |weight: &Tensor, bias: &Tensor| pooled.linear(weight, Some(bias));
        let complaint = linear(&self.complaint_weight, &self.complaint_bias);
        let sentiment = linear(&self.sentiment_weight, &self.sentiment_bias);
        let guide = self.guide.as_ref().map(|[weight, bias]| linear(weight, bias));
        let severity = pooled.linear::<&Tensor>(&self.urgency_weight, None);
        let falls = self.urgency_bias.narrow(0, 1, CUTS as i64 - 1).exp().cumsum(0, Kind::Float);
        let first = self.urgency_bias.narrow(0, 0, 1);
        let biases = Tensor::cat(&[first.shallow_clone(), first - falls], 0);

        let texts = batch.samples.len() as i64;
        let single = batch.samples.iter().all(|sample| sample.windows.len() == 1);
        if single {
            return Logits { complaint: complaint.squeeze_dim(-1), sentiment, guide, urgency: severity + biases };
        }
        // Row by row the windows of a text, the last one repeated to a common number.
        let most = batch.samples.iter().map(|sample| sample.windows.len()).max().unwrap_or(0);
        let (mut owners, mut shares, mut table) = (Vec::new(), Vec::new(), Vec::new());
        for (text, sample) in batch.samples.iter().enumerate() {
            let first = owners.len();
            let total: usize = sample.windows.iter().map(Vec::len).sum();
            owners.extend(sample.windows.iter().map(|_| text as i64));
            shares.extend(sample.windows.iter().map(|ids| ids.len() as f32 / total as f32));
            table.extend((0..most).map(|window| (first + window.min(sample.windows.len() - 1)) as i64));
        }
        let (owners, table) = (Tensor::from_slice(&owners), Tensor::from_slice(&table));
        let highest = |values: Tensor| values.squeeze_dim(-1).index_select(0, &table).view([texts, -1]).amax(1, false);
        let shares = Tensor::from_slice(&shares).unsqueeze(-1);
        let mean = |logits: Tensor| {
            let weighted = logits.softmax(-1, Kind::Float) * &shares;
            let none = Tensor::zeros([texts, SENTIMENTS as i64], (Kind::Float, Device::Cpu));
            none.index_add(0, &owners, &weighted).clamp_min(1e-9).log()
        };
        Logits {
            complaint: highest(complaint),
            sentiment: mean(sentiment),
            guide: guide.map(mean),
            urgency: highest(severity).unsqueeze(-1) + biases,
        }
    }
}

const SENTIMENT_WEIGHT: &str = "heads.sentiment.weight";
const SENTIMENT_BIAS: &str = "heads.sentiment.bias";
const URGENCY_BIAS: &str = "heads.urgency.bias";
/// The head of sentiment by another guide: names of its tensors, and of those that they begin as.
const GUIDE_HEAD: [(&str, &str); 2] = [("heads.guide.weight", SENTIMENT_WEIGHT), ("heads.guide.bias", SENTIMENT_BIAS)];

/// Moves weights towards others by `share` of the way.
fn mix(weights: &mut [f32], others: &[f32], share: f32) {
    for (weight, other) in weights.iter_mut().zip(others) {
        *weight += share * (other - *weight);
    }
}

/// Strictly falling biases as they are trained: the first, then the logarithms of the falls.
fn free(biases: &[f32]) -> Vec<f32> {
    let falls = biases.windows(2).map(|pair| (pair[0] - pair[1]).max(1e-3).ln());
    biases.iter().copied().take(1).chain(falls).collect()
}

/// The reverse of [`free`].
fn falling(free: &[f32]) -> Vec<f32> {
    let mut bias = free[0];
    let rest = free[1..].iter().map(|fall| {
        bias -= fall.exp();
        bias
    });
    std::iter::once(free[0]).chain(rest).collect()
}

/// Copies a tensor's gradient to `out`, zeros if it has none, and clears it.
fn read_gradient(tensor: &mut Tensor, out: &mut [f32]) {
    let gradient = tensor.grad();
    if gradient.defined() {
        let flat = gradient.to_kind(Kind::Float).contiguous();
        flat.copy_data(out, out.len());
        tensor.zero_grad();
    } else {
        out.fill(0.0);
    }
}

pub(super) fn to_vec(tensor: &Tensor) -> Vec<f32> {
    let flat = tensor.detach().to_kind(Kind::Float).contiguous();
    let mut values = vec![0.0; flat.numel()];
    flat.copy_data(&mut values, flat.numel());
    values
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::batch::PackedBatch;
    use crate::encoder::{Encoder, TorchEncoder, torch};
    use crate::model::Pooling;
    use crate::train::collate::Sample;
    use crate::train::target::Target;

    fn as_training_batch(batch: &PackedBatch) -> Batch {
        let sample =
            |index| Sample { windows: vec![batch.sequence(index).to_vec()], original: None, target: Target::default() };
        Batch { samples: (0..batch.len()).map(sample).collect() }
    }

    fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn it_computes_what_rust_bert_computes() {
        let config = torch::tests::config();
        let packed = torch::tests::batch(&config);
        let mut expected = vec![0.0; packed.len() * config.hidden_size];
        let encoder = TorchEncoder::new(config.clone(), Pooling::Mean, torch::tests::weights(&config), 1).unwrap();
        encoder.encode(&packed, &mut expected).unwrap();
        let heads = HeadWeights::fresh(config.hidden_size);
        for (bf16, tolerance) in [(false, 1e-4), (true, 0.1)] {
            let network = Network::new(&config, &torch::tests::weights(&config), &heads, bf16);
            let pooled = network.forward(&as_training_batch(&packed), false, || false).pooled;
            let difference = largest_difference(&to_vec(&pooled), &expected);
            assert!(difference < tolerance, "bf16 {bf16}: {difference}");
        }
    }

    #[test]
    fn what_computes_in_bfloat16_keeps_its_weights_in_f32() {
        let config = torch::tests::config();
        let heads = HeadWeights::fresh(config.hidden_size);
        let weights = |bf16| Network::new(&config, &torch::tests::weights(&config), &heads, bf16).weights();
        assert!(weights(true) == weights(false));
    }

    #[test]
    fn windows_pool_to_texts_as_in_the_engine() {
        let config = torch::tests::config();
        let heads =
            HeadWeights { complaint_weight: (0..24).map(|i| 0.1 * i as f32 - 1.0).collect(), ..HeadWeights::fresh(24) };
        let network = Network::new(&config, &torch::tests::weights(&config), &heads, false);
        let [a, b, c] = [vec![1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]];
        let batch = |samples: &[&[Vec<u32>]]| Batch {
            samples: samples
                .iter()
                .map(|w| Sample { windows: w.to_vec(), original: None, target: Target::default() })
                .collect(),
        };
        let complaint = |batch: &Batch| to_vec(&network.forward(batch, false, || false).logits.complaint);
        let alone = complaint(&batch(&[from_ref(&a), from_ref(&b), from_ref(&c)]));
        let pooled = complaint(&batch(&[&[a, b], &[c]]));
        assert!(largest_difference(&pooled, &[alone[0].max(alone[1]), alone[2]]) < 1e-5, "{pooled:?} {alone:?}");
    }

    #[test]
    fn a_second_sentiment_head_begins_as_the_first_and_ends_in_their_average() {
        let config = torch::tests::config();
        let heads = HeadWeights { sentiment_bias: [0.0, 1.0, 2.0], ..HeadWeights::fresh(24) };
        let mut network = Network::new(&config, &torch::tests::weights(&config), &heads, false);
        let batch = as_training_batch(&torch::tests::batch(&config));
        let before = network.weights();
        network.add_guide();
        let logits = network.forward(&batch, false, || false).logits;
        assert_eq!(to_vec(&logits.guide.unwrap()), to_vec(&logits.sentiment));

        let index = network.index("heads.guide.bias");
        network.variables[index].parameter.weights = vec![1.0, 1.0, 0.0];
        network.variables[index].write();
        let logits = network.forward(&batch, false, || false).logits;
        assert_eq!(to_vec(&logits.guide.unwrap())[..3], [1.0, 1.0, 0.0]);
        assert!(network.merge_guide(0.25) && !network.merge_guide(0.25));
        let logits = network.forward(&batch, false, || false).logits;
        assert_eq!(to_vec(&logits.sentiment)[..3], [0.25, 1.0, 1.5]);
        assert!(logits.guide.is_none());
        let names = |weights: &[(String, Vec<i64>, Vec<f32>)]| weights.iter().map(|w| w.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&network.weights()), names(&before));
    }

    #[test]
    fn falling_biases_survive_the_way_there_and_back() {
        let biases = [1.5, 0.5, -0.25, -3.0];
        for (found, expected) in falling(&free(&biases)).into_iter().zip(biases) {
            assert!((found - expected).abs() < 1e-6);
        }
    }
}
