//! Batches for encoders that must pad.

use std::cmp::Reverse;

/// Most tokens, padding included, of a group. Attention takes `heads × width` floats a token: 100 MB for the longest
/// sequences of a 12-headed BERT.
const GROUP_TOKENS: usize = 4096;

/// Cuts sequences of `lengths` into groups that are padded to their longest one: indices, longest first. A row is at most a
/// quarter padding, or 8 tokens, where a call of its own would cost more.
///
/// ```
/// use plaint::batch::padded_groups;
/// assert_eq!(padded_groups(&[40, 3, 32, 9]), [vec![0, 2], vec![3, 1]]);
/// ```
pub fn padded_groups(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| Reverse(lengths[index]));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for index in order {
        let fits = |group: &&mut Vec<usize>| {
            let width = lengths[group[0]];
            width - lengths[index] <= (width / 4).max(8) && (group.len() + 1) * width <= GROUP_TOKENS
        };
        match groups.last_mut().filter(fits) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_every_sequence_once_and_little_padding() {
        let lengths: Vec<usize> = [500, 3, 512, 40, 31, 30, 9].into_iter().chain([510; 9]).collect();
        let groups = padded_groups(&lengths);
        assert_eq!(groups, [vec![2, 7, 8, 9, 10, 11, 12, 13], vec![14, 15, 0], vec![3, 4, 5], vec![6, 1]]);
    }
}
