//! A larger model whose scores a smaller one learns.

use tch::{Kind, Tensor};

use super::collate::Batch;
use super::error::TrainError;
use super::loss::Losses;
use super::network::{Forward, HeadTensors, Logits};
use super::recipe::TeacherSpec;
use super::target::Target;
use super::watch::to_rows;
use crate::batch::PackedBatch;
use crate::encoder::{CpuEncoder, Encoder, Precision};
use crate::model::{BaseModel, BertConfig, Pooling};
use crate::threads::Threads;

/// A model that only answers, on plaint's own encoder: as it is shipped, and twice as fast as libtorch.
pub(super) struct Teacher<'a> {
    spec: &'a TeacherSpec,
    encoder: CpuEncoder,
    heads: HeadTensors,
    hidden: usize,
}

/// What the teacher makes of a batch.
pub(super) struct Answer {
    /// `[windows, hidden]`.
    pooled: Tensor,
    logits: Logits,
}

impl<'a> Teacher<'a> {
    /// Opens the teacher of a student of the shape `student`.
    pub(super) fn read(spec: &'a TeacherSpec, student: &BertConfig) -> Result<Self, TrainError> {
        let model_error = |source| TrainError::Model { path: spec.folder.clone(), source };
        let BaseModel { config, weights, heads, .. } = BaseModel::read(&spec.folder).map_err(model_error)?;
        let hidden = config.hidden_size;
        if (config.vocab_size, hidden) != (student.vocab_size, student.hidden_size) {
            let message = format!(
                "field `teacher.folder`: found a model of {} word pieces and hidden size {hidden}, expected {} and {}, as in the base",
                config.vocab_size, student.vocab_size, student.hidden_size
            );
            return Err(TrainError::Recipe { path: spec.folder.clone(), message });
        }
        let threads = Threads::new(tch::get_num_threads().max(1) as usize).map_err(model_error)?;
        let encoder = CpuEncoder::new(config, Pooling::Mean, weights, Precision::Auto, threads).map_err(model_error)?;
        Ok(Self { spec, encoder, heads: HeadTensors::new(&heads), hidden })
    }

    /// What the teacher makes of a batch, without a graph of gradients.
    pub(super) fn answer(&self, batch: &Batch) -> Result<Answer, TrainError> {
        let _no_grad = tch::no_grad_guard();
        let mut windows = PackedBatch::new();
        batch.windows().for_each(|ids| windows.push(ids.iter().copied()));
        let mut vectors = vec![0.0; windows.len() * self.hidden];
        let encoded = self.encoder.encode(&windows, &mut vectors);
        encoded.map_err(|source| TrainError::Teacher { path: self.spec.folder.clone(), source })?;
        let pooled = Tensor::from_slice(&vectors).view([-1, self.hidden as i64]);
        Ok(Answer { logits: self.heads.logits(&pooled, batch), pooled })
    }

    /// The loss of a batch: labels, the teacher's probabilities, and the distance to its vectors.
    pub(super) fn loss(&self, answer: &Answer, student: &Forward, labels: &Losses) -> Tensor {
        let targets: Vec<Target> = probabilities(&answer.logits);
        let taught = Losses::new(&student.logits, &targets).total();
        let distance = (&student.pooled - &answer.pooled).square().sum(Kind::Float);
        let share = f64::from(self.spec.share);
        labels.total() * (1.0 - share) + taught * share + distance * f64::from(self.spec.vectors)
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
    fn it_answers_as_its_network_would_and_only_the_student_learns() {
        let config = config();
        let heads =
            HeadWeights { complaint_weight: (0..24).map(|i| 0.1 * i as f32 - 1.0).collect(), ..HeadWeights::fresh(24) };
        let spec = TeacherSpec { folder: PathBuf::new(), share: 1.0, vectors: 1.0 };
        let encoder =
            CpuEncoder::new(config.clone(), Pooling::Mean, weights(&config), Precision::F32, Threads::caller())
                .unwrap();
        let teacher = Teacher { spec: &spec, encoder, heads: HeadTensors::new(&heads), hidden: config.hidden_size };
        let sample = |windows: &[&[u32]]| Sample {
            windows: windows.iter().map(|ids| ids.to_vec()).collect(),
            target: Target::default(),
        };
        let batch = Batch { samples: vec![sample(&[&[1, 2, 3], &[7, 8]]), sample(&[&[4, 5, 6, 7]])] };
        let answer = teacher.answer(&batch).unwrap();
        assert!(!answer.pooled.requires_grad() && !answer.logits.complaint.requires_grad());

        let student = Network::new(&config, &weights(&config), &heads, false).forward(&batch, true, || false);
        let largest = |difference: Tensor| difference.abs().max().double_value(&[]);
        assert!(largest(&student.pooled - &answer.pooled) < 1e-4);
        assert!(largest(&student.logits.complaint - &answer.logits.complaint) < 1e-3);
        let labels = Losses::new(&student.logits, &[Target::default(); 2]);
        assert!(teacher.loss(&answer, &student, &labels).requires_grad());
    }
}
