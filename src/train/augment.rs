//! Variations of a text that leave its labels as they are: what people do to spelling, and posts longer than one message.

use fastrand::Rng;

use super::corpus::Item;
use super::recipe::AugmentationSpec;
use super::target::Target;
use crate::assessment::UrgencyLevel;

/// Finds company for texts that become long posts.
#[derive(Debug)]
pub(super) struct Composer<'a> {
    /// By language: texts that neither complain nor ask for anything.
    quiet: Vec<(&'a str, Vec<&'a Item>)>,
    max_words: usize,
}

impl<'a> Composer<'a> {
    pub(super) fn new(items: &'a [Item], max_words: usize) -> Self {
        let mut quiet: Vec<(&str, Vec<&Item>)> = Vec::new();
        for item in items.iter().filter(|item| item.compose && is_quiet(item)) {
            let Some(language) = item.example.lang.as_deref() else { continue };
            match quiet.iter_mut().find(|(name, _)| *name == language) {
                Some((_, list)) => list.push(item),
                None => quiet.push((language, vec![item])),
            }
        }
        Self { quiet, max_words }
    }

    /// A post of some length with `item` somewhere in it, half of the time at its end.
    fn compose(&self, item: &Item, rng: &mut Rng) -> Option<(String, Target)> {
        let language = item.example.lang.as_deref()?;
        let (_, quiet) = self.quiet.iter().find(|(name, _)| *name == language)?;
        let words = |text: &str| text.split_whitespace().count();
        let goal = 40.min(self.max_words) + rng.usize(..=self.max_words.saturating_sub(40));
        let (mut parts, mut count, mut target) = (Vec::new(), words(&item.example.text), item.target);
        while count < goal {
            let other = rng.choice(quiet)?;
            count += words(&other.example.text).max(1);
            target = target.joined(&other.target);
            parts.push(other.example.text.as_str());
        }
        let place = if rng.bool() { parts.len() } else { rng.usize(..=parts.len()) };
        parts.insert(place, &item.example.text);
        Some((parts.join(" "), target))
    }
}

fn is_quiet(item: &Item) -> bool {
    let labels = item.example.labels;
    labels.complaint == Some(false) && labels.urgency.is_some_and(|level| level <= UrgencyLevel::Low)
}

/// A text that is drawn, as it is trained on.
#[derive(Debug, PartialEq)]
pub(super) struct Varied {
    pub text: String,
    /// As it was before its spelling was varied, if it was: what a teacher reads.
    pub original: Option<String>,
    /// What the heads should say of it.
    pub target: Target,
}

/// The text of `item`, varied.
pub(super) fn vary(item: &Item, composer: &Composer<'_>, spec: &AugmentationSpec, rng: &mut Rng) -> Varied {
    let mut chance = |probability: f32| rng.f32() < probability;
    let composed = item.compose && chance(spec.compose);
    let [lower, upper, fold, typos] =
        [spec.lower_case, spec.upper_case, spec.fold_diacritics, spec.typos].map(&mut chance);
    let whole = if composed { composer.compose(item, rng) } else { None };
    let (original, target) = whole.unwrap_or_else(|| (item.example.text.clone(), item.target));
    let mut text = original.clone();
    if lower {
        text = text.to_lowercase();
    } else if upper {
        text = text.to_uppercase();
    }
    if fold {
        text = fold_diacritics(&text, item.example.lang.as_deref() == Some("de"));
    }
    if typos {
        for _ in 0..rng.usize(1..=3) {
            text = typo(&text, rng);
        }
    }
    let original = (text != original).then_some(original);
    Varied { text, original, target }
}

/// Letters without their marks; in German umlauts and ß spelled out. Cyrillic keeps all but ё.
fn fold_diacritics(text: &str, german: bool) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        let plain = match character {
            'ä' if german => "ae",
            'ö' if german => "oe",
            'ü' if german => "ue",
            'Ä' if german => "Ae",
            'Ö' if german => "Oe",
            'Ü' if german => "Ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ä' | 'ą' => "a",
            'À' | 'Á' | 'Â' | 'Ä' | 'Ą' => "A",
            'ç' | 'ć' => "c",
            'Ç' | 'Ć' => "C",
            'è' | 'é' | 'ê' | 'ë' | 'ę' => "e",
            'È' | 'É' | 'Ê' | 'Ë' | 'Ę' => "E",
            'î' | 'ï' => "i",
            'ł' => "l",
            'Ł' => "L",
            'ń' => "n",
            'ó' | 'ô' | 'ö' => "o",
            'Ó' | 'Ô' | 'Ö' => "O",
            'œ' => "oe",
            'ś' => "s",
            'Ś' => "S",
            'ù' | 'û' | 'ü' => "u",
            'ź' | 'ż' => "z",
            'Ź' | 'Ż' => "Z",
            'ё' => "е",
            'Ё' => "Е",
            other => {
                folded.push(other);
                continue;
            }
        };
        folded.push_str(plain);
    }
    folded
}

/// One slip: a letter is lost, doubled, or changes places with the next.
fn typo(text: &str, rng: &mut Rng) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let letters: Vec<usize> = (1..characters.len().saturating_sub(1))
        .filter(|&index| characters[index].is_alphabetic() && characters[index + 1].is_alphabetic())
        .collect();
    let Some(&index) = rng.choice(&letters) else { return text.to_owned() };
    match rng.u8(..3) {
        0 => drop(characters.remove(index)),
        1 => characters.insert(index, characters[index]),
        _ => characters.swap(index, index + 1),
    }
    characters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::SentimentLabel;
    use crate::evaluate::{Example, Labels};
    use crate::train::recipe::SentimentLabels;

    fn item(text: &str, complaint: bool) -> Item {
        let labels = Labels {
            complaint: Some(complaint),
            sentiment: Some(SentimentLabel::Neutral),
            urgency: Some(if complaint { UrgencyLevel::High } else { UrgencyLevel::None }),
        };
        Item {
            example: Example { text: text.into(), lang: Some("de".into()), labels, ..Example::default() },
            target: Target::from_labels(labels, SentimentLabels::ThreeClass, 1.0),
            passes: 1.0,
            compose: true,
        }
    }

    #[test]
    fn nothing_changes_without_chances() {
        let (text, mut rng) = (item("Größe, ÄRGER!", true), Rng::with_seed(1));
        let varied = vary(&text, &Composer::new(&[], 0), &AugmentationSpec::default(), &mut rng);
        assert_eq!(varied, Varied { text: "Größe, ÄRGER!".to_owned(), original: None, target: text.target });
    }

    #[test]
    fn what_was_written_is_kept_beside_its_variation() {
        let spec = AugmentationSpec { fold_diacritics: 1.0, ..AugmentationSpec::default() };
        let varied = |text| vary(&item(text, true), &Composer::new(&[], 0), &spec, &mut Rng::with_seed(1));
        let Varied { text, original, .. } = varied("Größe");
        assert_eq!((text.as_str(), original.as_deref()), ("Groesse", Some("Größe")));
        assert_eq!(varied("Rechnung").original, None);
    }

    #[test]
    fn marks_are_dropped_or_spelled_out() {
        assert_eq!(fold_diacritics("Größe Übel", true), "Groesse Uebel");
        assert_eq!(fold_diacritics("zażółć gęślą, déçu, ёлка, naïve", false), "zazolc gesla, decu, елка, naive");
    }

    #[test]
    fn a_typo_changes_a_letter_and_no_more() {
        for seed in 0..50 {
            let (before, after) = ("Rechnung", typo("Rechnung", &mut Rng::with_seed(seed)));
            assert!(after.len().abs_diff(before.len()) <= 1, "{after}");
        }
        assert_eq!(typo("?!", &mut Rng::with_seed(0)), "?!");
    }

    #[test]
    fn a_composed_post_holds_the_complaint_and_complains() {
        let items = [item("Kein Netz seit Montag!", true), item("Heute scheint die Sonne über dem See.", false)];
        let composer = Composer::new(&items, 60);
        let spec = AugmentationSpec { compose: 1.0, compose_words: 60, ..AugmentationSpec::default() };
        for seed in 0..20 {
            let Varied { text, target, .. } = vary(&items[0], &composer, &spec, &mut Rng::with_seed(seed));
            assert!(text.contains("Kein Netz seit Montag!") && text.contains("Sonne"), "{text}");
            assert!((40..80).contains(&text.split_whitespace().count()));
            assert_eq!((target.complaint, target.sentiment_weight, target.urgency[2]), (1.0, 0.0, 1.0));
        }
    }
}
