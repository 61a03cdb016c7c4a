//! Cleaning recipes. The manifest names the recipe that a model was trained with; callers never clean.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};

use super::capitals::lower_capitals;

/// How a text is normalised before it is tokenized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CleaningRecipe {
    /// The text as it is.
    #[serde(rename = "none")]
    None,
    /// For posts and messages: HTML entities decoded, e-mail addresses to `<email>`, URLs to `http`, handles to `@user`,
    /// digit runs of nine or more (phone and account numbers) to zeros, white space collapsed to single blanks.
    /// Case, punctuation, other digits and emoji stay: they carry urgency.
    #[serde(rename = "social-v1")]
    SocialV1,
    /// The same, and what is in capitals throughout in lower case: a text, or three words and more in a row.
    #[serde(rename = "social-v2")]
    SocialV2,
}

// One alternation, so that a URL with an `@` or a long number inside stays one URL.
static SOCIAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        (?P<url> (?i:https?://|www\.) [^\s<>"]* [^\s<>".,;:!?)\]}…'’”»] )
        | (?P<email> [\w.%+-]+ @ [A-Za-z0-9-]+ (?: \.[A-Za-z0-9-]+ )+ )
        | (?P<handle> @\w+ )
        | (?P<number> \d{9,} )"#,
    )
    .expect("a constant pattern; a unit test compiles it")
});

impl CleaningRecipe {
    /// Applies the recipe.
    ///
    /// ```
    /// use plaint::text::CleaningRecipe;
    /// let clean = CleaningRecipe::SocialV1.apply("@Bahn_Info  Zug 4711 &amp; RE7 weg!!! 😡\nhttps://t.co/x1?y=2.");
    /// assert_eq!(clean, "@user Zug 4711 & RE7 weg!!! 😡 http.");
    /// ```
    pub fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::None => Cow::Borrowed(text),
            Self::SocialV1 => Cow::Owned(replace_particulars(text)),
            Self::SocialV2 => Cow::Owned(lower_capitals(replace_particulars(text))),
        }
    }
}

/// `social-v1`.
fn replace_particulars(text: &str) -> String {
    let decoded = html_escape::decode_html_entities(text);
    let replaced = SOCIAL.replace_all(&decoded, |found: &Captures<'_>| {
        if found.name("url").is_some() {
            "http".to_owned()
        } else if found.name("email").is_some() {
            "<email>".to_owned()
        } else if found.name("handle").is_some() {
            "@user".to_owned()
        } else {
            "0".repeat(found[0].chars().count())
        }
    });
    collapse_white_space(&replaced)
}

fn collapse_white_space(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn social_v1_by_example() {
        for (raw, clean) in [
            ("", ""),
            ("   \t\n ", ""),
            ("Kein Netz!!! Seit 3 Wochen?!", "Kein Netz!!! Seit 3 Wochen?!"),
            ("a\u{a0}b\r\n\r\nc", "a b c"),
            ("@Telekom_hilft: warum?", "@user: warum?"),
            ("(@a_b)", "(@user)"),
            ("schreibt an max.muster+x@post.example.de bitte", "schreibt an <email> bitte"),
            ("siehe http://example.org/a?b=@c, danke", "siehe http, danke"),
            ("WWW.Example.org/123456789012", "http"),
            ("https:// ist leer", "https:// ist leer"),
            ("Kundennummer 123456789, PLZ 12345678", "Kundennummer 000000000, PLZ 12345678"),
            ("Привет @банк_онлайн 😡😡", "Привет @user 😡😡"),
            ("Tom &amp; Jerry &lt;3 &#128545;", "Tom & Jerry <3 😡"),
            ("&unknown; &#xD800; & &amp", "&unknown; &#xD800; & &amp"),
        ] {
            assert_eq!(CleaningRecipe::SocialV1.apply(raw), clean, "{raw:?}");
        }
    }

    #[test]
    fn social_v2_reads_capitals_as_lower_case() {
        let clean = |text| CleaningRecipe::SocialV2.apply(text).into_owned();
        assert_eq!(clean("@BAHN  ZUG 4711 F&Auml;LLT AUS!!! HTTPS://T.CO/X"), "@user zug 4711 fällt aus!!! http");
        assert_eq!(clean("Der ICE 4711 fällt aus"), "Der ICE 4711 fällt aus");
    }

    #[test]
    fn cleaning_twice_changes_nothing_more() {
        for text in ["@a b http://x.de/y 0123456789 c@d.de", "…www.x.de…", "<email> http @user 000000000"] {
            let once = CleaningRecipe::SocialV1.apply(text).into_owned();
            assert_eq!(CleaningRecipe::SocialV1.apply(&once), once);
        }
    }
}
