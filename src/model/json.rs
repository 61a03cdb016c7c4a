//! JSON files of the model folder, with errors that name the field.

use serde::de::DeserializeOwned;

use crate::error::LoadError;

pub(super) fn parse<T: DeserializeOwned>(file: &'static str, bytes: &[u8]) -> Result<T, LoadError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = error.path().to_string();
        let inner = error.into_inner();
        let message = inner.to_string();
        match inner.classify() {
            serde_json::error::Category::Data => {
                let expected = "a field as DESIGN.md's model format describes it";
                match message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
                    Some(name) if place == "." => field_error(file, name, "nothing", expected),
                    Some(name) => field_error(file, format!("{place}.{name}"), "nothing", expected),
                    None => field_error(file, place, message, expected),
                }
            }
            _ => LoadError::Format { file, format: "JSON file", message },
        }
    })?;
    deserializer.end().map_err(|error| LoadError::Format { file, format: "JSON file", message: error.to_string() })?;
    Ok(value)
}

/// Shorthand for "this field holds that, it should hold this".
pub(super) fn field_error(
    file: &'static str,
    field: impl Into<String>,
    found: impl ToString,
    expected: impl ToString,
) -> LoadError {
    LoadError::Field { file, field: field.into(), found: found.to_string(), expected: expected.to_string() }
}
