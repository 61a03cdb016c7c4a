//! TOML that people write.

use serde::de::DeserializeOwned;

/// Parses TOML; an error is one line that names the field (TOML's own message draws the place over several lines).
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let in_line = |error: &toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        format!("{} (line {line})", error.message().replace('\n', ", "))
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| in_line(&error))?;
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| format!("field `{}`: {}", error.path(), in_line(error.inner())))
}
