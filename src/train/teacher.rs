//! A model whose scores and hidden states another one learns.

use tch::{Kind, Tensor};

use super::collate::Batch;
use super::error::TrainError;
use super::loss::Losses;
use super::network::{Forward, HeadTensors, Logits};
use super::pairs::Pairs;
use super::recipe::TeacherSpec;
use super::target::Target;
use super::watch::to_rows;
use crate::batch::PackedBatch;
use crate::encoder::{CpuEncoder, Precision};
use crate::model::{BaseModel, BertConfig, Pooling};
use crate::threads::Threads;

/// A model that only answers, on plaint's own encoder: as it is shipped, and twice as fast as libtorch.
pub(super) struct Teacher<'a> {
    spec: &'a TeacherSpec,
    encoder: CpuEncoder,
    heads: HeadTensors,
    hidden: usize,
    /// Its layers whose hidden states the student's layers learn, one each; none if they do not.
    layers: Vec<usize>,
}

/// What the teacher makes of a batch. It reads every text as it was written, the student perhaps with its spelling varied.
pub(super) struct Answer {
    /// `[windows, hidden]`.
    pooled: Tensor,
    logits: Logits,
    /// The windows that can be compared.
    windows: Pairs,
    /// If the student learns them.
    states: Option<States>,
}

/// Hidden states of a batch.
struct States {
    /// `[tokens, hidden]` for each layer of the student.
    layers: Vec<Tensor>,
    /// The tokens that can be compared.
    tokens: Pairs,
}

impl<'a> Teacher<'a> {
    /// Opens the teacher of a student of the shape `student`.
    pub(super) fn read(spec: &'a TeacherSpec, student: &BertConfig) -> Result<Self, TrainError> {
        let model_error = |source| TrainError::Model { path: spec.folder.clone(), source };
        let recipe_error = |message| TrainError::Recipe { path: spec.folder.clone(), message };
        let BaseModel { config, weights, heads, .. } = BaseModel::read(&spec.folder).map_err(model_error)?;
        let hidden = config.hidden_size;
        if (config.vocab_size, hidden) != (student.vocab_size, student.hidden_size) {
            return Err(recipe_error(format!(
                "field `teacher.folder`: found a model of {} word pieces and hidden size {hidden}, expected {} and {}, as in the base",
                config.vocab_size, student.vocab_size, student.hidden_size
            )));
        }
        let layers = match spec.states > 0.0 {
            true => taught_layers(config.num_hidden_layers, student.num_hidden_layers).map_err(recipe_error)?,
            false => Vec::new(),
        };
        let threads = Threads::new(tch::get_num_threads().max(1) as usize).map_err(model_error)?;
        let encoder = CpuEncoder::new(config, Pooling::Mean, weights, Precision::Auto, threads).map_err(model_error)?;
        Ok(Self { spec, encoder, heads: HeadTensors::new(&heads), hidden, layers })
    }

    /// What the teacher makes of a batch, without a graph of gradients.
    pub(super) fn answer(&self, batch: &Batch) -> Result<Answer, TrainError> {
        let _no_grad = tch::no_grad_guard();
        let original = batch.original();
        let mut packed = PackedBatch::new();
        original.windows().for_each(|ids| packed.push(ids.iter().copied()));
        let mut vectors = vec![0.0; packed.len() * self.hidden];
        let encoded = self.encoder.encode_with_states(&packed, &mut vectors, &self.layers);
        let states = encoded.map_err(|source| TrainError::Teacher { path: self.spec.folder.clone(), source })?;
        let rows = |values: &[f32]| Tensor::from_slice(values).view([-1, self.hidden as i64]);
        let pooled = rows(&vectors);
        let logits = self.heads.logits(&pooled, &original);
        let layers: Vec<Tensor> = states.iter().map(|states| rows(states)).collect();
        let states = (!layers.is_empty()).then(|| States { layers, tokens: Pairs::of_tokens(batch) });
        Ok(Answer { logits, pooled, windows: Pairs::of_windows(batch), states })
    }

    /// The loss of a batch: labels, the teacher's probabilities, and the distances to its vectors and hidden states.
    pub(super) fn loss(&self, answer: &Answer, student: &Forward, labels: &Losses) -> Tensor {
        let targets: Vec<Target> = probabilities(&answer.logits);
        let taught = Losses::new(&student.logits, &targets).total();
        let share = f64::from(self.spec.share);
        let loss = labels.total() * (1.0 - share)
            + taught * share
            + answer.windows.distance(&student.pooled, &answer.pooled) * f64::from(self.spec.vectors);
        match &answer.states {
            Some(states) => loss + states.distance(student) * f64::from(self.spec.states),
            None => loss,
        }
    }
}

impl States {
    /// Squared distance of a student's hidden states, mean over layers.
    fn distance(&self, student: &Forward) -> Tensor {
        let distance = |(own, taught): (&Tensor, &Tensor)| self.tokens.distance(&own.flatten(0, 1), taught);
        let total: Tensor = student.states.iter().zip(&self.layers).map(distance).sum();
        total / self.layers.len() as f64
    }
}

/// The layers of a teacher of `teacher` layers that the `student` layers of a student learn from: evenly spread, up to the
/// last.
fn taught_layers(teacher: usize, student: usize) -> Result<Vec<usize>, String> {
    let step = teacher / student;
    match teacher % student {
        0 => Ok((1..=student).map(|layer| layer * step - 1).collect()),
        _ => Err(format!(
            "field `teacher.states`: found a teacher of {teacher} layers, expected a multiple of the student's {student}"
        )),
    }
}

/// What the logits say, as targets of full weight.
fn probabilities(logits: &Logits) -> Vec<Target> {
    let texts = logits.complaint.size()[0] as usize;
    let softened = Logits {
        complaint: logits.complaint.sigmoid(),
        sentiment: logits.sentiment.softmax(-1, Kind::Float),
        guide: None,
        urgency: logits.urgency.sigmoid(),
    };
    let rows = to_rows(&softened, &vec![Target::default(); texts]);
    let target = |row: super::watch::Row| Target {
        complaint: row.complaint,
        complaint_weight: 1.0,
        sentiment: row.sentiment,
        sentiment_weight: 1.0,
        has_neutral: true,
        by_guide: false,
        urgency: row.urgency,
        urgency_weight: 1.0,
    };
    rows.into_iter().map(target).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::encoder::torch::tests::{config, weights};
    use crate::model::HeadWeights;
    use crate::train::collate::Sample;
    use crate::train::network::Network;

    #[test]
    fn it_answers_as_its_network_would_of_what_was_written_and_only_the_student_learns() {
        let config = config();
        let heads =
            HeadWeights { complaint_weight: (0..24).map(|i| 0.1 * i as f32 - 1.0).collect(), ..HeadWeights::fresh(24) };
        let spec = TeacherSpec { folder: PathBuf::new(), share: 1.0, vectors: 1.0, states: 1.0 };
        let encoder =
            CpuEncoder::new(config.clone(), Pooling::Mean, weights(&config), Precision::F32, Threads::caller())
                .unwrap();
        let teacher = Teacher {
            spec: &spec,
            encoder,
            heads: HeadTensors::new(&heads),
            hidden: config.hidden_size,
            layers: (0..config.num_hidden_layers).collect(),
        };
        let owned = |windows: &[&[u32]]| windows.iter().map(|ids| ids.to_vec()).collect();
        let sample = |windows: &[&[u32]], original: Option<&[&[u32]]>| Sample {
            windows: owned(windows),
            original: original.map(owned),
            target: Target::default(),
        };
        // The second text was written otherwise than the student reads it.
        let batch = Batch {
            samples: vec![
                sample(&[&[1, 2, 3], &[7, 8]], None),
                sample(&[&[9, 10]], Some(&[&[5, 6, 7], &[2]])),
                sample(&[&[4, 5, 6, 7]], None),
            ],
        };
        let answer = teacher.answer(&batch).unwrap();
        assert!(!answer.pooled.requires_grad() && !answer.logits.complaint.requires_grad());

        let network = Network::new(&config, &weights(&config), &heads, false);
        let largest = |difference: Tensor| difference.abs().max().double_value(&[]);
        let original = network.forward(&batch.original(), true, || false);
        assert!(largest(&original.pooled - &answer.pooled) < 1e-4);
        assert!(largest(&original.logits.complaint - &answer.logits.complaint) < 1e-3);

        let student = network.forward(&batch, true, || false);
        let labels = Losses::new(&student.logits, &[Target::default(); 3]);
        assert!(teacher.loss(&answer, &student, &labels).requires_grad());
        // A distance of 3 everywhere, over the windows of two texts; then in one layer of two, over their tokens.
        let squares = 9.0 * config.hidden_size as f64;
        let windows = answer.windows.distance(&student.pooled, &(&answer.pooled + 3.0)).double_value(&[]);
        assert!((windows - 2.0 * squares).abs() < 0.05, "{windows}");
        let mut states = answer.states.unwrap();
        assert!(states.distance(&student).double_value(&[]) < 1e-4);
        states.layers[0] = &states.layers[0] + 3.0;
        let tokens = states.distance(&student).double_value(&[]);
        assert!((tokens - 2.0 * squares / 2.0).abs() < 0.05, "{tokens}");
    }

    #[test]
    fn each_layer_learns_from_the_teachers_at_its_depth() {
        assert_eq!(taught_layers(12, 6).unwrap(), [1, 3, 5, 7, 9, 11]);
        assert_eq!(taught_layers(2, 2).unwrap(), [0, 1]);
        let error = taught_layers(12, 5).unwrap_err();
        assert_eq!(
            error,
            "field `teacher.states`: found a teacher of 12 layers, expected a multiple of the student's 5"
        );
    }
}
