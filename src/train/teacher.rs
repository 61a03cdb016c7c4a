//! A larger model whose scores a smaller one learns.

use tch::{Kind, Tensor};

use super::collate::Batch;
use super::error::TrainError;
use super::loss::Losses;
use super::network::{Forward, Logits, Network};
use super::recipe::TeacherSpec;
use super::target::Target;
use super::watch::to_rows;
use crate::model::{BaseModel, BertConfig};

/// A network that only answers.
pub(super) struct Teacher<'a> {
    spec: &'a TeacherSpec,
    network: Network,
}

impl<'a> Teacher<'a> {
    /// Opens the teacher of a student of the shape `student`.
    pub(super) fn read(spec: &'a TeacherSpec, student: &BertConfig, bf16: bool) -> Result<Self, TrainError> {
        let BaseModel { config, weights, heads, .. } =
            BaseModel::read(&spec.folder).map_err(|source| TrainError::Model { path: spec.folder.clone(), source })?;
        if (config.vocab_size, config.hidden_size) != (student.vocab_size, student.hidden_size) {
            let message = format!(
                "field `teacher.folder`: found a model of {} word pieces and hidden size {}, expected {} and {}, as in the base",
                config.vocab_size, config.hidden_size, student.vocab_size, student.hidden_size
            );
            return Err(TrainError::Recipe { path: spec.folder.clone(), message });
        }
        Ok(Self { spec, network: Network::new(&config, &weights, &heads, bf16) })
    }

    /// What the teacher makes of a batch, without a graph of gradients.
    pub(super) fn answer(&self, batch: &Batch) -> Forward {
        let _no_grad = tch::no_grad_guard();
        self.network.forward(batch, false, || false)
    }

    /// The loss of a batch: labels, the teacher's probabilities, and the distance to its vectors.
    pub(super) fn loss(&self, answer: &Forward, student: &Forward, labels: &Losses) -> Tensor {
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
        urgency: logits.urgency.sigmoid(),
    };
    let rows = to_rows(&softened, &vec![Target::default(); texts]);
    let target = |row: super::watch::Row| Target {
        complaint: row.complaint,
        complaint_weight: 1.0,
        sentiment: row.sentiment,
        sentiment_weight: 1.0,
        has_neutral: true,
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

    #[test]
    fn it_answers_in_its_own_precision_and_only_the_student_learns() {
        let config = config();
        let heads = HeadWeights::fresh(config.hidden_size);
        let network = |bf16| Network::new(&config, &weights(&config), &heads, bf16);
        let spec = TeacherSpec { folder: PathBuf::new(), share: 1.0, vectors: 1.0 };
        let teacher = Teacher { spec: &spec, network: network(true) };
        let batch = Batch { samples: vec![Sample { windows: vec![vec![1, 2, 3]], target: Target::default() }] };
        let answer = teacher.answer(&batch);
        assert!(!answer.pooled.requires_grad() && !answer.logits.complaint.requires_grad());

        let student = network(false).forward(&batch, true, || false);
        let labels = Losses::new(&student.logits, &[Target::default()]);
        let loss = teacher.loss(&answer, &student, &labels);
        assert!(loss.requires_grad());
        // The same weights in bfloat16 and in f32: near, but not the same.
        let distance = (&student.pooled - &answer.pooled).abs().max().double_value(&[]);
        assert!(distance > 0.0 && distance < 0.1, "{distance}");
    }
}
