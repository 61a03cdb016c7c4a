//! What can be compared of a batch that a student and its teacher have read: the teacher reads every text as it was written,
//! the student perhaps with its spelling varied.

use tch::{Kind, Tensor};

use super::collate::{Batch, Sample};

/// Places of rows that belong together.
#[derive(Default)]
pub(super) struct Pairs {
    /// In what the student computes.
    student: Vec<i64>,
    /// In what the teacher computes.
    teacher: Vec<i64>,
    /// Texts that they are of.
    texts: usize,
}

impl Pairs {
    /// Windows that hold the same passage: those of texts that both read alike, and of texts of one window.
    pub(super) fn of_windows(batch: &Batch) -> Self {
        let (mut pairs, mut student, mut teacher) = (Self::default(), 0, 0);
        for Sample { windows, original, .. } in &batch.samples {
            let own = windows.len() as i64;
            let taught = original.as_ref().map_or(own, |original| original.len() as i64);
            if original.is_none() || (own, taught) == (1, 1) {
                pairs.student.extend(student..student + own);
                pairs.teacher.extend(teacher..teacher + taught);
                pairs.texts += 1;
            }
            student += own;
            teacher += taught;
        }
        pairs
    }

    /// Tokens of the texts that both read alike: the student's padded, the teacher's packed end to end.
    pub(super) fn of_tokens(batch: &Batch) -> Self {
        let width = batch.width() as i64;
        let (mut pairs, mut row, mut teacher) = (Self::default(), 0, 0);
        for Sample { windows, original, .. } in &batch.samples {
            match original {
                Some(original) => teacher += original.iter().map(Vec::len).sum::<usize>() as i64,
                None => {
                    for (window, ids) in (row..).zip(windows) {
                        let tokens = ids.len() as i64;
                        pairs.student.extend(window * width..window * width + tokens);
                        pairs.teacher.extend(teacher..teacher + tokens);
                        teacher += tokens;
                    }
                    pairs.texts += 1;
                }
            }
            row += windows.len() as i64;
        }
        pairs
    }

    /// Squared distance of the paired rows, mean over pairs, times their texts: the other losses are sums over texts.
    pub(super) fn distance(&self, student: &Tensor, teacher: &Tensor) -> Tensor {
        let student = student.index_select(0, &Tensor::from_slice(&self.student)).to_kind(Kind::Float);
        let teacher = teacher.index_select(0, &Tensor::from_slice(&self.teacher));
        (student - teacher).square().sum(Kind::Float) * (self.texts as f64 / self.student.len().max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::target::Target;

    #[test]
    fn the_teacher_reads_what_was_written_and_only_what_can_be_compared_is() {
        let sample = |windows: &[&[u32]], original: Option<&[&[u32]]>| {
            let owned = |windows: &[&[u32]]| windows.iter().map(|ids| ids.to_vec()).collect();
            Sample { windows: owned(windows), original: original.map(owned), target: Target::default() }
        };
        let batch = Batch {
            samples: vec![
                sample(&[&[1, 2, 3]], Some(&[&[1, 2]])),
                sample(&[&[4], &[5, 6]], None),
                sample(&[&[7]], Some(&[&[8], &[9]])),
                // The second windows begin at different places of the text.
                sample(&[&[1], &[2]], Some(&[&[3], &[4]])),
                sample(&[&[5, 6, 7]], None),
            ],
        };
        let read: Vec<Vec<u32>> = batch.original().windows().map(<[u32]>::to_vec).collect();
        let expected: [&[u32]; 8] = [&[1, 2], &[4], &[5, 6], &[8], &[9], &[3], &[4], &[5, 6, 7]];
        assert_eq!(read, expected);
        let windows = Pairs::of_windows(&batch);
        assert_eq!((windows.student, windows.teacher, windows.texts), (vec![0, 1, 2, 6], vec![0, 1, 2, 7], 3));
        let tokens = Pairs::of_tokens(&batch);
        assert_eq!(tokens.student, [3, 6, 7, 18, 19, 20]);
        assert_eq!((tokens.teacher, tokens.texts), (vec![2, 3, 4, 9, 10, 11], 2));
    }
}
