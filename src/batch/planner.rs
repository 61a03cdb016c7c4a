//! Which sequences share a batch.

/// Groups sequences into batches of at most `token_budget` tokens, longest first.
///
/// Returns indices into `lengths`, each exactly once. Sorting by length puts like beside like, so that an encoder which
/// must pad wastes little, and long sequences start early, so that threads finish together. A sequence over the budget
/// gets a batch of its own. Equal lengths keep their order: the plan depends on nothing but `lengths`.
///
/// ```
/// use plaint::batch::plan;
/// assert_eq!(plan(&[3, 9, 4, 4], 10), [vec![1], vec![2, 3], vec![0]]);
/// ```
pub fn plan(lengths: &[usize], token_budget: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(lengths[index]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for index in order {
        match batches.last_mut() {
            Some(batch) if lengths[index] <= room => batch.push(index),
            _ => {
                batches.push(vec![index]);
                room = token_budget;
            }
        }
        room = room.saturating_sub(lengths[index]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_sequence_once_and_no_batch_over_budget(
            lengths in prop::collection::vec(1usize..600, 0..200),
            budget in 1usize..4_000,
        ) {
            let batches = plan(&lengths, budget);
            let mut seen: Vec<usize> = batches.iter().flatten().copied().collect();
            let by_length: Vec<usize> = seen.iter().map(|&index| lengths[index]).collect();
            prop_assert!(by_length.is_sorted_by(|a, b| a >= b));
            for batch in &batches {
                let tokens: usize = batch.iter().map(|&index| lengths[index]).sum();
                prop_assert!(!batch.is_empty() && (tokens <= budget || batch.len() == 1));
            }
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..lengths.len()));
        }
    }
}
