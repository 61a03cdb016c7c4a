//! Commands that reproduce figures, for people to paste into a shell.

use super::suite::{ModelSpec, Suite};
use crate::{EncoderKind, Precision};

/// Arguments of `plaint score` and `plaint evaluate` that say which model runs how.
pub(super) fn model_arguments(model: &ModelSpec) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    if let Some(folder) = &model.folder {
        option("--model", folder.to_string_lossy().into_owned());
    }
    if model.encoder != EncoderKind::default() {
        option("--encoder", model.encoder.to_string());
    }
    if model.precision != Precision::default() {
        option("--precision", model.precision.to_string());
    }
    if let Some(threads) = model.threads {
        option("--threads", threads.to_string());
    }
    arguments
}

/// The `plaint evaluate` that gives the figures of a model.
pub(super) fn evaluate(suite: &Suite, model: &ModelSpec) -> String {
    let mut words = vec!["plaint".to_owned(), "evaluate".to_owned()];
    let mut files = String::new();
    for pattern in &suite.data.files {
        files.push(' ');
        files += &quote_pattern(pattern);
    }
    if !suite.data.splits.is_empty() {
        words.extend(["--split".to_owned(), suite.data.splits.join(",")]);
    }
    words.extend(["--by", "lang,source,channel,length"].map(str::to_owned));
    words.extend(["--seed".to_owned(), suite.seed.to_string(), "--resamples".to_owned(), suite.resamples.to_string()]);
    if let Some(sentences) = &suite.sentences {
        words.extend(["--suite".to_owned(), sentences.to_string_lossy().into_owned()]);
    }
    words.extend(model_arguments(model));
    // Files last, after `--`: their patterns are for the shell.
    format!("{} --{files}", join(&words))
}

/// Words as a shell takes them.
pub(super) fn join(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A pattern whose `*` and `?` the shell is to expand.
fn quote_pattern(pattern: &str) -> String {
    if pattern.replace(['*', '?'], "").is_empty() {
        return pattern.to_owned();
    }
    let parts = pattern.split_inclusive(['*', '?']).map(|part| match part.strip_suffix(['*', '?']) {
        Some("") => part.to_owned(),
        Some(text) => format!("{}{}", quote(text), &part[text.len()..]),
        None => quote(part),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_that_were_meant() {
        let words = ["a", "b c", "it's", ""].map(str::to_owned);
        assert_eq!(join(&words), r"a 'b c' 'it'\''s' ''");
        assert_eq!(quote_pattern("data/my set*.x?"), "'data/my set'*.x?");
        assert_eq!(quote_pattern("a.jsonl"), "a.jsonl");
    }
}
