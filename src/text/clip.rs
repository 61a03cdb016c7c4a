//! Clipping bounds the work that one text can cause, before any of it is tokenized.

/// The first `max_bytes` of `text` without its outer white space, cut at a character boundary, and whether that is all.
///
/// ```
/// use plaint::text::clip;
/// assert_eq!(clip("  Grüße  ", 100), ("Grüße", true));
/// assert_eq!(clip("Grüße", 3), ("Gr", false)); // `ü` takes bytes 2 and 3
/// ```
pub fn clip(text: &str, max_bytes: usize) -> (&str, bool) {
    let text = text.trim();
    if text.len() <= max_bytes { (text, true) } else { (&text[..text.floor_char_boundary(max_bytes)], false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_between_characters_at_every_limit() {
        let text = "aü€😀z";
        for limit in 0..=text.len() {
            let (clipped, whole) = clip(text, limit);
            assert!(clipped.len() <= limit && text.starts_with(clipped), "limit {limit}");
            assert!(limit - clipped.len() < 4, "limit {limit}: more was cut than one character");
            assert_eq!(whole, limit == text.len(), "limit {limit}");
        }
    }

    #[test]
    fn white_space_around_a_text_is_not_a_part_of_it() {
        let padded = format!("{}ok{}", "\n".repeat(1000), " ".repeat(1000));
        assert_eq!(clip(&padded, 2), ("ok", true));
    }
}
