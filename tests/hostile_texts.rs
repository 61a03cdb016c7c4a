//! Texts that nobody should write but somebody will: a result or a typed error each, never a panic, and what was not
//! read is reported.

mod common;

use std::sync::LazyLock;

use common::tiny_model::{CONTROL, END, START, TinyModel};
use plaint::batch::PackedBatch;
use plaint::encoder::{CpuEncoder, Encoder};
use plaint::model::{Model, ModelFiles, WindowPooling, WindowScores};
use plaint::text::{ReadingLimits, TextReader, Tokenizer, clip};
use plaint::{Assessment, Coverage, Engine, LongText, Precision, ScoreError, Threads};

fn tiny() -> TinyModel {
    TinyModel { hidden: 16, heads: 2, intermediate: 24, layers: 1, ..TinyModel::default() }
}

static FILES: LazyLock<ModelFiles> = LazyLock::new(|| tiny().files());
static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::builder().threads(2).batch_tokens(512).from_files(&FILES).unwrap());
static READER: LazyLock<TextReader> = LazyLock::new(|| reader(&FILES, LongText::AllWindows));

fn reader(files: &ModelFiles, long_text: LongText) -> TextReader {
    let Model { manifest, tokenizer, .. } = Model::load(files).unwrap();
    let windows = manifest.windows;
    let limits = ReadingLimits {
        max_bytes: windows.max_bytes,
        window_tokens: windows.tokens,
        overlap_tokens: windows.overlap,
        long_text,
    };
    TextReader { recipe: manifest.cleaning, tokenizer, limits }
}

/// Names, texts, and whether the text has anything to read.
fn hostile() -> Vec<(&'static str, String, bool)> {
    let mark = |text: &str, count: usize| text.repeat(count);
    vec![
        ("empty", String::new(), false),
        ("blank", " \t\r\n\u{a0}\u{2003}\u{3000}\u{85}".into(), false),
        ("100,000 newlines", mark("\n", 100_000), false),
        ("newlines between words", format!("kein{}Internet", mark("\n", 100_000)), true),
        ("NUL", "\0".into(), true),
        ("NUL inside", "kein\0Internet\0".into(), true),
        ("control characters", (1..32u8).map(char::from).chain(['\u{7f}', '\u{9b}']).collect(), true),
        ("bidi", "\u{202e}tenretnI niek\u{202c} \u{2066}a\u{2069}\u{200f}\u{61c}".into(), true),
        ("zero width", "k\u{200b}e\u{200d}i\u{feff}n\u{2060}".into(), true),
        ("zero width alone", mark("\u{200b}", 1000), true),
        ("combining marks", format!("e{}", mark("\u{301}\u{327}\u{489}", 20_000)), true),
        ("combining mark first", "\u{301}kein".into(), true),
        ("variation selectors", mark("\u{fe0f}\u{e0100}", 500), true),
        ("half a surrogate pair, replaced", String::from_utf16_lossy(&[0xd83d, 0x41]), true),
        ("private use and noncharacters", "\u{e000}\u{fdd0}\u{fffe}\u{ffff}\u{10ffff}".into(), true),
        ("Hangul jamo", mark("\u{1112}\u{1161}\u{11ab}", 2000), true),
        ("ligature of 18 letters", "\u{fdfa}".into(), true),
        ("emoji families", mark("👨‍👩‍👧‍👦", 1000), true),
        ("flags", mark("🇩🇪", 1001), true),
        ("one word of 100 KB", mark("kein", 25_000), true),
        ("one letter 100,000 times", mark("a", 100_000), true),
        ("punctuation", mark("!?", 10_000), true),
        ("special tokens", "<s></s><mask><pad><unk>[CLS][SEP]<|endoftext|>".into(), true),
        ("markup", mark("<b>&amp;&#128545;&#xD800;&#99999999999;", 500), true),
        ("handles and addresses", mark("@@a@b.de http://http://www.@", 1000), true),
        ("digits", mark("0123456789", 10_000), true),
        ("capitals that grow in lower case", mark("İ ẞ ǅ ", 5_000), true),
    ]
}

fn assert_in_range(name: &str, assessment: &Assessment) {
    let sentiment = assessment.sentiment;
    let sum = sentiment.negative.get() + sentiment.neutral.get() + sentiment.positive.get();
    assert!((sum - 1.0).abs() < 1e-5, "{name}: sentiment sums to {sum}");
    assert!(assessment.coverage.tokens > 0 && assessment.coverage.windows > 0, "{name}: {assessment:?}");
}

#[test]
fn every_hostile_text_has_a_result_and_harms_no_other() {
    for cleaning in ["none", "social-v1", "social-v2"] {
        let files = TinyModel { cleaning, ..tiny() }.files();
        let engine = Engine::builder().threads(2).from_files(&files).unwrap();
        let reader = reader(&files, LongText::AllWindows);
        let innocent = "Wo bleibt mein Paket?";
        let expected = engine.score(innocent).unwrap();
        let cases = hostile();
        let texts: Vec<&str> = cases.iter().flat_map(|(_, text, _)| [text.as_str(), innocent]).collect();
        let results = engine.score_batch(&texts);
        for ((name, text, readable), pair) in cases.iter().zip(results.chunks(2)) {
            assert_eq!(pair[1].as_ref(), Ok(&expected), "beside {name}");
            assert_eq!(pair[0], engine.score(text), "{name} alone and in company");
            match (&pair[0], readable) {
                (Err(ScoreError::Empty), false) => {}
                (Ok(assessment), true) => {
                    assert_in_range(name, assessment);
                    let read = reader.read(text).unwrap();
                    assert_eq!(assessment.coverage.tokens, read.ids.len(), "{name}");
                    assert_eq!(assessment.coverage.complete, text.trim().len() <= reader.limits.max_bytes, "{name}");
                }
                (result, _) => panic!("{name}, {cleaning}: {result:?}"),
            }
        }
    }
}

#[test]
fn a_megabyte_of_emoji_is_clipped_and_reported() {
    let text = "😡".repeat(1 << 18);
    let coverage = ENGINE.score(&text).unwrap().coverage;
    assert!(!coverage.complete, "{coverage:?}");
    // Four bytes an emoji, a token each, and one `▁` before them.
    assert_eq!(coverage.tokens, (1 << 17) + 1);
    let whole = Engine::builder().max_bytes(usize::MAX).from_files(&FILES).unwrap().score(&text).unwrap().coverage;
    assert!(whole.complete && whole.tokens == (1 << 20) + 1, "{whole:?}");
}

#[test]
fn text_at_the_clip_limit() {
    let engine = |max_bytes| Engine::builder().threads(1).max_bytes(max_bytes).from_files(&FILES).unwrap();
    // 8 bytes, then a character of 4.
    let text = "kein abc😡";
    for limit in 1..20 {
        let coverage = engine(limit).score(text).unwrap().coverage;
        let (clipped, complete) = clip(text, limit);
        assert_eq!(complete, limit >= 12);
        let tokens = READER.tokenizer.encode(clipped).unwrap().len();
        assert_eq!(coverage, Coverage { tokens, windows: 1, complete }, "limit {limit}");
    }
    // At 9 to 11 bytes the emoji is left out whole.
    assert_eq!(engine(11).score(text).unwrap().complaint, engine(8).score("kein abc").unwrap().complaint);
    // White space around a text is not a part of it, wherever the limit stands.
    let padded = format!("{}{text}{}", " ".repeat(50), "\n".repeat(50));
    assert_eq!(engine(12).score(&padded), engine(12).score(text));
    // A limit within the first character, or none at all, leaves nothing to read.
    for (limit, text) in [(0, "kein"), (1, "ü"), (3, "😡")] {
        assert_eq!(engine(limit).score(text), Err(ScoreError::Empty), "{limit} bytes of {text}");
    }
    // Exactly the manifest's limit, and one byte more inside a character.
    let limit = READER.limits.max_bytes;
    let exact = "a".repeat(limit);
    let over = format!("{}ü", "a".repeat(limit - 1));
    let [exact, over] = [exact, over].map(|text| ENGINE.score(&text).unwrap().coverage);
    assert!(exact.complete && !over.complete);
    assert_eq!(over.tokens, exact.tokens - 1);
}

#[test]
fn every_unicode_scalar_value_can_be_read() {
    let scalars: Vec<char> = ('\0'..=char::MAX).collect();
    for chunk in scalars.chunks(4096) {
        let text: String = chunk.iter().collect();
        let read = READER.read(&text).unwrap();
        let bytes = text.trim().len();
        assert!(read.complete && read.ids.len() <= bytes + 3000, "{:?}: {} tokens", chunk[0], read.ids.len());
    }
    // Sixteen characters of every block of 256: every plane, assigned or not.
    let texts: Vec<String> = scalars.chunks(256).map(|block| block.iter().skip(100).take(16).collect()).collect();
    for (text, result) in texts.iter().zip(ENGINE.score_batch(&texts)) {
        assert_in_range(text, &result.unwrap_or_else(|error| panic!("{text:?}: {error}")));
    }
}

/// Ids of text never hold a control token, whatever stands in it; `control` are the ids.
fn assert_no_control_token(tokenizer: &Tokenizer, control: &[u32]) {
    for token in CONTROL {
        for text in [
            token.to_owned(),
            format!("a{token}b"),
            format!("a {token} b"),
            format!(" {token}"),
            token.repeat(100),
            format!("kein{token}"),
            format!("\u{2581}{token}"),
            format!("<{token}>"),
            token.to_uppercase(),
        ] {
            let ids = tokenizer.encode(&text).unwrap();
            assert!(!ids.is_empty(), "{text}");
            assert!(!ids.iter().any(|id| control.contains(id)), "{text} is read as {ids:?}");
        }
    }
}

#[test]
fn a_text_cannot_write_special_tokens() {
    let tokenizer = &READER.tokenizer;
    assert_eq!((tokenizer.start_token(), tokenizer.end_token()), (START, END));
    let last = tokenizer.vocab_size() as u32 - 1;
    // With a piece for every byte, no text needs `<unk>` either.
    assert_no_control_token(tokenizer, &[START, 1, END, 3, last]);
    assert_eq!(tokenizer.encode("<unk>").unwrap(), [tokenizer.encode("").unwrap(), as_pieces("▁<unk>")].concat());
    // What is read are the characters, in their place.
    assert_eq!(tokenizer.encode("a</s>b").unwrap(), as_pieces("▁a</s>b"));
    let with_real_token = window_scores(&FILES, &[&[&as_pieces("▁a")[..], &[END], &as_pieces("b")].concat()]);
    let with_literal = ENGINE.score("a</s>b").unwrap();
    assert!((with_literal.complaint.get() - with_real_token[0].complaint).abs() > 1e-3);
    assert_ne!(ENGINE.score("a</s>b"), ENGINE.score("a<s>b"));
}

/// Ids of single characters of the tiny vocabulary: letters have a piece, others their bytes.
fn as_pieces(text: &str) -> Vec<u32> {
    let parts = tiny().parts();
    let vocab = parts.tokenizer["model"]["vocab"].as_array().unwrap();
    let id = |piece: &str| vocab.iter().position(|entry| entry[0] == piece).map(|id| id as u32);
    text.chars()
        .flat_map(|character| match id(&character.to_string()) {
            Some(id) => vec![id],
            None => character.to_string().bytes().map(|byte| id(&format!("<0x{byte:02X}>")).unwrap()).collect(),
        })
        .collect()
}

#[cfg(feature = "embedded-model")]
#[test]
fn a_text_cannot_write_special_tokens_of_the_shipped_model() {
    let tokenizer = Tokenizer::from_bytes(&ModelFiles::embedded().tokenizer).unwrap();
    let last = tokenizer.vocab_size() as u32 - 1;
    assert_no_control_token(&tokenizer, &[0, 1, 2, last]);
}

#[cfg(feature = "embedded-model")]
#[test]
fn the_shipped_model_survives_hostile_texts() {
    let engine = Engine::builder().max_bytes(400).embedded().unwrap();
    for (name, text, _) in hostile() {
        match engine.score(&text) {
            Ok(assessment) => assert_in_range(name, &assessment),
            Err(error) => assert_eq!(error, ScoreError::Empty, "{name}"),
        }
    }
}

/// `count` tokens: a word of one piece each.
fn words(count: usize) -> String {
    vec!["die"; count].join(" ")
}

#[test]
fn coverage_counts_tokens_once_and_windows_all() {
    // 62 tokens of text fit a window, neighbours share 8.
    for (tokens, windows) in [(1, 1), (61, 1), (62, 1), (63, 2), (116, 2), (117, 3), (620, 12)] {
        let coverage = ENGINE.score(&words(tokens)).unwrap().coverage;
        assert_eq!(coverage, Coverage { tokens, windows, complete: true });
    }
}

#[test]
fn the_first_window_alone() {
    let engine = Engine::builder().long_text(LongText::FirstWindow).from_files(&FILES).unwrap();
    let short = words(62);
    assert_eq!(engine.score(&short), ENGINE.score(&short), "a text of one window");
    let long = engine.score(&format!("{short} {}", words(500))).unwrap();
    assert_eq!(long.coverage, Coverage { tokens: 62, windows: 1, complete: false });
    let first = ENGINE.score(&short).unwrap();
    assert_eq!((long.complaint, long.sentiment, long.urgency), (first.complaint, first.sentiment, first.urgency));
    let read = reader(&FILES, LongText::FirstWindow).read(&words(562)).unwrap();
    assert_eq!((read.windows.len(), read.tokens_read(), read.complete), (1, 62, false));
}

#[test]
fn the_last_lines_count() {
    let opening = words(600);
    let [first, second] = ["Paket", "Hund"].map(|last| ENGINE.score(&format!("{opening} {last}")).unwrap());
    assert_ne!(first.complaint, second.complaint);
    assert!(first.coverage.complete && first.coverage.windows > 10);
}

#[test]
fn a_long_text_gets_the_pooled_scores_of_its_windows() {
    use WindowPooling::{Max, Mean};
    let text = "Seit drei Wochen kein Internet, und niemand ruft zurück! please help, danke ".repeat(12);
    for window_pooling in [[Max, Mean, Max], [Mean, Max, Mean], [Max, Max, Max], [Mean, Mean, Mean]] {
        let files = TinyModel { window_pooling, ..tiny() }.files();
        let scored = Engine::from_files(&files).unwrap().score(&text).unwrap();
        let read = reader(&files, LongText::AllWindows).read(&text).unwrap();
        let scores = window_scores(&files, &read.windows.iter().map(|w| &read.ids[w.clone()]).collect::<Vec<_>>());
        assert!(scores.len() > 5);

        let pool = |rule, score: &dyn Fn(&WindowScores) -> f32| match rule {
            Max => scores.iter().map(score).fold(0.0, f32::max),
            // All windows of a long text are of one length.
            _ => scores.iter().map(score).sum::<f32>() / scores.len() as f32,
        };
        let mut sentiment: [f32; 3] = std::array::from_fn(|label| pool(window_pooling[1], &|s| s.sentiment[label]));
        let sum: f32 = sentiment.iter().sum();
        sentiment.iter_mut().for_each(|value| *value /= sum);
        for (what, found, expected) in [
            ("complaint", scored.complaint, pool(window_pooling[0], &|s| s.complaint)),
            ("negative", scored.sentiment.negative, sentiment[0]),
            ("neutral", scored.sentiment.neutral, sentiment[1]),
            ("positive", scored.sentiment.positive, sentiment[2]),
            ("urgency", scored.urgency.score, pool(window_pooling[2], &|s| s.urgency)),
        ] {
            let found = found.get();
            assert!((found - expected).abs() < 1e-6, "{what} by {window_pooling:?}: {found}, expected {expected}");
        }
    }
}

fn window_scores(files: &ModelFiles, windows: &[&[u32]]) -> Vec<WindowScores> {
    let Model { manifest, config, weights, heads, .. } = Model::load(files).unwrap();
    let hidden = config.hidden_size;
    let mut batch = PackedBatch::new();
    for ids in windows {
        batch.push([&[START], *ids, &[END]].concat());
    }
    let mut vectors = vec![0.0; windows.len() * hidden];
    CpuEncoder::new(config, manifest.pooling, weights, Precision::F32, Threads::caller())
        .unwrap()
        .encode(&batch, &mut vectors)
        .unwrap();
    vectors.chunks(hidden).map(|vector| heads.score(vector).unwrap()).collect()
}
