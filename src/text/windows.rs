//! Windows over a long text: all of equal length, evenly spread, overlapping.

use std::ops::Range;

/// Cuts `tokens` into windows of at most `size`, neighbours sharing at least `overlap` tokens.
///
/// A text that fits takes one window. Otherwise every window is exactly `size` long and the starts are spread evenly
/// from the first token to `tokens - size`, so that the last lines of a text are read with as much context as the first.
///
/// # Panics
/// If `overlap >= size`. The manifest's loader rules that out.
///
/// ```
/// use plaint::text::windows;
/// assert_eq!(windows(7, 10, 2), [0..7]);
/// assert_eq!(windows(21, 10, 2), [0..10, 5..15, 11..21]);
/// ```
pub fn windows(tokens: usize, size: usize, overlap: usize) -> Vec<Range<usize>> {
    assert!(overlap < size, "windows of {size} tokens cannot overlap by {overlap}");
    if tokens <= size {
        return std::iter::once(0..tokens).collect();
    }
    let count = (tokens - overlap).div_ceil(size - overlap);
    let last_start = tokens - size;
    (0..count)
        .map(|i| {
            let start = i * last_start / (count - 1);
            start..start + size
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_cover_every_token_and_overlap_enough(
            tokens in 1usize..5_000,
            size in 1usize..600,
            overlap_share in 0usize..100,
        ) {
            let overlap = size * overlap_share / 100;
            let cut = windows(tokens, size, overlap);
            prop_assert_eq!(cut[0].start, 0);
            prop_assert_eq!(cut[cut.len() - 1].end, tokens);
            for window in &cut {
                prop_assert_eq!(window.len(), size.min(tokens));
            }
            for pair in cut.windows(2) {
                prop_assert!(pair[0].start < pair[1].start);
                prop_assert!(pair[1].start + overlap <= pair[0].end);
            }
        }
    }

    #[test]
    fn no_window_more_than_needed() {
        assert_eq!(windows(10, 10, 2).len(), 1);
        assert_eq!(windows(11, 10, 2).len(), 2);
        assert_eq!(windows(18, 10, 2).len(), 2);
        assert_eq!(windows(19, 10, 2).len(), 3);
    }
}
