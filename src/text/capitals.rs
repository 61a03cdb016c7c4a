//! What is written in capitals throughout.
//!
//! People shout when they are angry, and word pieces of capitals are rare and short: a model reads them badly.

/// Words in a row that make capitals a way of writing, and not a name or a stressed word.
const WORDS: usize = 3;
/// Letters without which such a word does not count.
const LETTERS: usize = 2;
/// Letters of a word without which a text that is all capitals may be an abbreviation.
const LONG: usize = 4;

/// How a word is written.
#[derive(PartialEq)]
enum Case {
    /// No lower-case letter, and this many others.
    Capitals(usize),
    /// Nothing that has a case, or a placeholder of the cleaning.
    Neither,
    Ordinary,
}

impl Case {
    fn of(word: &str) -> Self {
        if word.starts_with(['@', '<']) || word.starts_with("http") {
            return Self::Neither;
        }
        let mut capitals = 0;
        for letter in word.chars() {
            // Most keyboards have no capital ß.
            if letter.is_lowercase() && letter != 'ß' {
                return Self::Ordinary;
            }
            capitals += usize::from(letter.is_uppercase());
        }
        if capitals == 0 { Self::Neither } else { Self::Capitals(capitals) }
    }
}

/// Puts three or more words in capitals that follow each other into lower case, and a text of nothing else. Words are parted
/// by blanks.
pub(super) fn lower_capitals(text: String) -> String {
    let mut lowered = String::new();
    // Up to where `lowered` has the text.
    let mut done = 0;
    for run in runs(&text) {
        if run.is_shouted {
            lowered += &text[done..run.start];
            lowered += &text[run.start..run.end].to_lowercase();
            done = run.end;
        }
    }
    if done == 0 {
        return text;
    }
    lowered += &text[done..];
    lowered
}

/// Words between two that are written ordinarily.
struct Run {
    start: usize,
    end: usize,
    is_shouted: bool,
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut start, mut words, mut longest) = (0, 0, 0);
    let mut place = 0;
    for word in text.split(' ') {
        let case = Case::of(word);
        if let Case::Capitals(letters) = case {
            words += usize::from(letters >= LETTERS);
            longest = longest.max(letters);
        }
        if case == Case::Ordinary {
            runs.push(Run { start, end: place, is_shouted: words >= WORDS });
            (start, words, longest) = (place + word.len(), 0, 0);
        }
        place += word.len() + 1;
    }
    let is_all = start == 0;
    runs.push(Run { start, end: text.len(), is_shouted: words >= WORDS || is_all && longest >= LONG });
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_example() {
        for (text, expected) in [
            ("", ""),
            ("BETRUG!!! 😡", "betrug!!! 😡"),
            ("WO BLEIBT MEIN PAKET?", "wo bleibt mein paket?"),
            ("STRAßE GESPERRT", "straße gesperrt"),
            ("ГДЕ МОЯ ПОСЫЛКА @user ЖДУ http", "где моя посылка @user жду http"),
            ("Hallo, ICH WARTE SEIT 3 WOCHEN auf Antwort", "Hallo, ich warte seit 3 wochen auf Antwort"),
            ("Finger weg! NIE WIEDER DIESE BANK", "Finger weg! nie wieder diese bank"),
            // A name, an abbreviation, a stressed word.
            ("DHL?", "DHL?"),
            ("Das ist NICHT in Ordnung, @user", "Das ist NICHT in Ordnung, @user"),
            ("Der ADAC und die HUK COBURG", "Der ADAC und die HUK COBURG"),
            ("Gleis 4 A B C bitte", "Gleis 4 A B C bitte"),
            ("😡😡 123", "😡😡 123"),
        ] {
            let lowered = lower_capitals(text.to_owned());
            assert_eq!(lowered, expected);
            assert_eq!(lower_capitals(lowered), expected, "a second time");
        }
    }
}
