//! Text that comes from elsewhere, made harmless.

/// For HTML, within elements and within quoted attributes.
pub fn html(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// For Markdown, within a line or a cell of a table. HTML in it is made harmless too, since Markdown lets it through.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::new();
    for character in visible(text).chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '@' | '!' => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// For a code span or block of Markdown, which has no escapes: back-ticks become quotes.
pub fn code(text: &str) -> String {
    visible(text).replace('`', "'")
}

/// Control characters and marks that turn the direction of writing are shown, not obeyed.
fn visible(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::new();
    for character in text.chars() {
        if character.is_control() || turns(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_html_or_markdown_obeys() {
        let evil = "<script>alert('x')</script>|`a`\n\u{202e}![x](y) *b* & \"c\"";
        let html = html(evil);
        assert!(!html.contains(['<', '>', '\'', '"', '\n', '\u{202e}']), "{html}");
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)") && html.contains("&amp; &quot;c&quot;"), "{html}");
        let markdown = markdown(evil);
        assert!(
            !markdown.contains(['<', '>', '\n'])
                && markdown.contains(r"\|\`a\`")
                && markdown.contains(r"\!\[x\](y) \*b\*")
        );
        assert_eq!(code("a`b\nc"), r"a'b\nc");
    }
}
