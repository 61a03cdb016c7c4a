//! A tiny model with changes to any of its files, and checksums that hold nonetheless: a working engine or a typed
//! error in one line.
//!
//! Panics that plaint catches and turns into errors (those of the `tokenizers` crate) are allowed; any that reaches the
//! caller is not.
#![no_main]

#[path = "../../tests/common/tiny_model.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod tiny_model;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, PoisonError};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use plaint::model::ModelFiles;
use plaint::{Engine, ScoreError};
use serde_json::{Map, Value, json};
use tiny_model::{Naming, Storage, TinyModel, with_checksums};

/// A model and what is done to it.
#[derive(Debug, Arbitrary)]
struct Input {
    base: u8,
    json: Vec<JsonChange>,
    bytes: Vec<ByteChange>,
}

/// A change to the `node`th value of a JSON document, in the order of a walk.
#[derive(Debug, Arbitrary)]
struct JsonChange {
    document: Document,
    node: u16,
    change: NodeChange,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Document {
    Manifest,
    Config,
    Tokenizer,
    /// The header of the weights.
    Tensors,
}

#[derive(Debug, Arbitrary)]
enum NodeChange {
    Replace(Scalar),
    RemoveFirst,
    RemoveLast,
    /// The first member again under another name, or the first element again at the end.
    Duplicate(String),
    /// Put into a list of its own.
    Wrap,
    /// Exchanged for a copy of another node.
    Copy(u16),
}

#[derive(Debug, Arbitrary)]
enum Scalar {
    Null,
    True,
    Small(i8),
    Integer(i64),
    Unsigned(u64),
    Float(f32),
    Text(String),
    /// A word that some file format knows.
    Word(u8),
}

const WORDS: &str = "bert xlm-roberta roberta gelu gelu_new relu mean max cls none platt temperature binary multinomial \
    ordinal social-v2 F64 F32 F16 BF16 I8 I64 BOOL Unigram BPE WordPiece WordLevel Metaspace ByteLevel \
    Whitespace WhitespaceSplit NFKC Lowercase Strip Replace Prepend first never always <s> </s> <unk> <mask> \
    ▁";

#[derive(Debug, Arbitrary)]
struct ByteChange {
    document: Document,
    at: u32,
    change: Splice,
}

#[derive(Debug, Arbitrary)]
enum Splice {
    Flip(u8),
    Overwrite(Vec<u8>),
    Insert(Vec<u8>),
    Remove(u16),
    Truncate,
}

/// The four documents of a good model, and the bytes of its tensors.
struct Base {
    documents: [Value; 4],
    data: Vec<u8>,
}

static BASES: LazyLock<Vec<Base>> = LazyLock::new(|| {
    let naming_and_storage = [
        (Naming::Bare, Storage::F32),
        (Naming::EarlyBert, Storage::F16),
        (Naming::XlmR, Storage::Int8),
        (Naming::Bare, Storage::Bf16),
    ];
    naming_and_storage.map(|(naming, storage)| base(naming, storage)).into()
});

fn base(naming: Naming, storage: Storage) -> Base {
    let model = TinyModel {
        hidden: 4,
        heads: 2,
        layers: 1,
        intermediate: 6,
        max_tokens: 16,
        window_tokens: 16,
        overlap: 2,
        max_bytes: 1000,
        naming,
        storage,
        ..TinyModel::default()
    };
    let parts = model.parts();
    let weights = parts.files().weights;
    let (length, rest) = weights.split_first_chunk().expect("a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = serde_json::from_slice(header).expect("a header");
    Base { documents: [parts.manifest, parts.config, parts.tokenizer, header], data: data.to_vec() }
}

/// Says the last panic's message and place, should it reach the caller.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fuzz_target!(
    init: {
        // libfuzzer-sys aborts at every panic, those that are caught included.
        std::panic::set_hook(Box::new(|panic| {
            *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
        }));
    },
    |input: Input| {
        if catch_unwind(AssertUnwindSafe(|| open_and_score(&input))).is_err() {
            eprintln!("{}", LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner));
            std::process::abort();
        }
    }
);

fn open_and_score(input: &Input) {
    match Engine::builder().threads(1).from_files(&files(input)) {
        Ok(engine) => {
            for text in ["Seit drei Wochen kein Internet, bitte help!", "a", "</s> 😡"] {
                if let Err(ScoreError::Panicked { stage, message }) = engine.score(text) {
                    assert_eq!(stage, "tokenize", "{message}");
                }
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control), "a control character in {message:?}");
            assert!(message.len() < 4000, "{} bytes of message", message.len());
        }
    }
}

fn files(input: &Input) -> ModelFiles {
    let base = &BASES[usize::from(input.base) % BASES.len()];
    let mut documents = base.documents.clone();
    for JsonChange { document, node, change } in &input.json {
        let document = &mut documents[*document as usize];
        let copy =
            if let NodeChange::Copy(other) = change { nth(document, *other).map(|node| node.clone()) } else { None };
        if let Some(node) = nth(document, *node) {
            change.apply(node, copy);
        }
    }
    let [manifest, config, tokenizer, header] = documents;
    let mut header = header.to_string().into_bytes();
    splice(input, Document::Tensors, &mut header);
    let mut weights = [&(header.len() as u64).to_le_bytes(), header.as_slice(), &base.data].concat();
    let [mut config, mut tokenizer] = [config, tokenizer].map(|json| json.to_string().into_bytes());
    splice(input, Document::Config, &mut config);
    splice(input, Document::Tokenizer, &mut tokenizer);
    // A second round over the whole file reaches the length and the numbers.
    splice(input, Document::Tensors, &mut weights);
    let manifest = if manifest.is_object() { manifest } else { json!({ "was": manifest }) };
    let mut files = with_checksums(&manifest, config, tokenizer, weights);
    splice(input, Document::Manifest, files.manifest.to_mut());
    files
}

/// The `index`th value of a document, counted modulo their number.
fn nth(document: &mut Value, index: u16) -> Option<&mut Value> {
    fn walk<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
        if *left == 0 {
            return Some(value);
        }
        *left -= 1;
        match value {
            Value::Object(members) => members.values_mut().find_map(|value| walk(value, left)),
            Value::Array(elements) => elements.iter_mut().find_map(|value| walk(value, left)),
            _ => None,
        }
    }
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Object(members) => members.values().map(count).sum(),
            Value::Array(elements) => elements.iter().map(count).sum(),
            _ => 0,
        }
    }
    let mut left = usize::from(index) % count(document);
    walk(document, &mut left)
}

impl NodeChange {
    fn apply(&self, node: &mut Value, copy: Option<Value>) {
        match (self, node) {
            (Self::Replace(scalar), node) => *node = scalar.value(),
            (Self::RemoveFirst, Value::Object(members)) => remove(members, false),
            (Self::RemoveLast, Value::Object(members)) => remove(members, true),
            (Self::RemoveFirst, Value::Array(elements)) if !elements.is_empty() => drop(elements.remove(0)),
            (Self::RemoveLast, Value::Array(elements)) => drop(elements.pop()),
            (Self::Duplicate(name), Value::Object(members)) => {
                if let Some(value) = members.values().next().cloned() {
                    members.insert(name.clone(), value);
                }
            }
            (Self::Duplicate(_), Value::Array(elements)) => elements.extend(elements.first().cloned()),
            (Self::Wrap, node) => *node = json!([node]),
            (Self::Copy(_), node) => *node = copy.unwrap_or_default(),
            _ => {}
        }
    }
}

fn remove(members: &mut Map<String, Value>, last: bool) {
    let key = if last { members.keys().next_back() } else { members.keys().next() };
    if let Some(key) = key.cloned() {
        members.remove(&key);
    }
}

impl Scalar {
    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::True => json!(true),
            Self::Small(number) => json!(number),
            Self::Integer(number) => json!(number),
            Self::Unsigned(number) => json!(number),
            Self::Float(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Word(index) => json!(WORDS.split(' ').cycle().nth((*index).into())),
        }
    }
}

fn splice(input: &Input, document: Document, bytes: &mut Vec<u8>) {
    for change in input.bytes.iter().filter(|change| change.document as usize == document as usize) {
        let at = change.at as usize % (bytes.len() + 1);
        match &change.change {
            Splice::Flip(bit) => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8)),
            Splice::Overwrite(new) => {
                let end = bytes.len().min(at + new.len());
                bytes[at..end].copy_from_slice(&new[..end - at]);
            }
            Splice::Insert(new) => drop(bytes.splice(at..at, new.iter().copied())),
            Splice::Remove(count) => drop(bytes.drain(at..bytes.len().min(at + usize::from(*count)))),
            Splice::Truncate => bytes.truncate(at),
        }
    }
}
