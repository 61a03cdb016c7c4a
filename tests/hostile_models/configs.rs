//! `config.json` and `tokenizer.json`.

use super::*;

#[test]
fn configurations() {
    let field = |name| Field(CONFIG_FILE, name);
    run(&[
        (
            "hidden_size 1e18",
            |p| p.config["hidden_size"] = json!(1_000_000_000_000_000_000_u64),
            field("hidden_size"),
            &["found 1000000000000000000", "1 to "],
        ),
        (
            "hidden_size 1e18 as a float",
            |p| p.config["hidden_size"] = json!(1e18),
            field("hidden_size"),
            &["1e+18", "usize"],
        ),
        ("hidden_size 0", |p| p.config["hidden_size"] = json!(0), field("hidden_size"), &["found 0", "1 to "]),
        (
            "vocab_size 1e15",
            |p| p.config["vocab_size"] = json!(1_000_000_000_000_000_u64),
            field("vocab_size"),
            &["found 1000000000000000", "1 to "],
        ),
        (
            "1e9 layers",
            |p| p.config["num_hidden_layers"] = json!(1_000_000_000),
            field("num_hidden_layers"),
            &["found 1000000000"],
        ),
        (
            "1e7 layers",
            |p| p.config["num_hidden_layers"] = json!(10_000_000),
            Expected::Tensor("encoder.layer.1.attention.self.query.weight"),
            &["no tensor of this name", "[16, 16]"],
        ),
        (
            "no attention head",
            |p| p.config["num_attention_heads"] = json!(0),
            field("num_attention_heads"),
            &["found 0"],
        ),
        (
            "heads that do not divide",
            |p| p.config["num_attention_heads"] = json!(3),
            field("num_attention_heads"),
            &["found 3", "a divisor of hidden_size, 16"],
        ),
        (
            "an intermediate size of 2^64 - 1",
            |p| p.config["intermediate_size"] = json!(u64::MAX),
            field("intermediate_size"),
            &["1 to "],
        ),
        (
            "sizes at the limit",
            |p| {
                p.config["hidden_size"] = json!(1 << 24);
                p.config["vocab_size"] = json!(1 << 24);
            },
            Expected::Tensor("embeddings.word_embeddings.weight"),
            &["expected shape [16777216, 16777216]"],
        ),
        ("unknown activation", |p| p.config["hidden_act"] = json!("swish"), field("hidden_act"), &["swish", "gelu"]),
        (
            "unknown model",
            |p| p.config["model_type"] = json!("llama"),
            field("model_type"),
            &["found llama", "xlm-roberta"],
        ),
        (
            "XLM-R without a padding token",
            |p| {
                p.config["model_type"] = json!("xlm-roberta");
                remove(&mut p.config, "pad_token_id");
            },
            field("pad_token_id"),
            &["None", "positions start after it"],
        ),
        (
            "no position after the padding",
            |p| {
                p.config["model_type"] = json!("roberta");
                p.config["pad_token_id"] = json!(127);
            },
            field("max_position_embeddings"),
            &["found 128"],
        ),
        (
            "relative positions",
            |p| p.config["position_embedding_type"] = json!("relative_key"),
            field("position_embedding_type"),
            &["relative_key", "absolute"],
        ),
        ("a decoder", |p| p.config["is_decoder"] = json!(true), field("is_decoder"), &["found true"]),
        ("eps 0", |p| p.config["layer_norm_eps"] = json!(0.0), field("layer_norm_eps"), &["found 0", "positive"]),
        ("eps 1e300", |p| p.config["layer_norm_eps"] = json!(1e300), field("layer_norm_eps"), &["found inf"]),
        (
            "eps below f32",
            |p| p.config["layer_norm_eps"] = json!(1e-300),
            field("layer_norm_eps"),
            &["found 0", "positive"],
        ),
        ("no hidden_size", |p| remove(&mut p.config, "hidden_size"), field("hidden_size"), &["found nothing"]),
        ("hidden_size of text", |p| p.config["hidden_size"] = json!("16"), field("hidden_size"), &["string", "usize"]),
        (
            "other sizes than the weights",
            |p| p.config["hidden_size"] = json!(32),
            Expected::Tensor("embeddings.word_embeddings.weight"),
            &["found shape [", "16]", "32]"],
        ),
        (
            "more positions than weights",
            |p| p.config["max_position_embeddings"] = json!(129),
            Expected::Tensor("embeddings.position_embeddings.weight"),
            &["found shape [128, 16]", "expected shape [129, 16]"],
        ),
    ]);
}

#[test]
fn tokenizers() {
    let template = Field(TOKENIZER_FILE, "post_processor");
    run(&[
        (
            "a larger vocabulary than the weights",
            |p| p.tokenizer["model"]["vocab"].as_array_mut().unwrap().push(json!(["kaputt", -1.0])),
            Field(TOKENIZER_FILE, "model.vocab"),
            &["found token ids up to", "rows of the word embeddings"],
        ),
        (
            "no template",
            |p| p.tokenizer["post_processor"] = Value::Null,
            template,
            &["0 special tokens", "one before and one after"],
        ),
        (
            "the template of a pair",
            |p| p.tokenizer["post_processor"]["single"] = p.tokenizer["post_processor"]["pair"].clone(),
            Format(TOKENIZER_FILE),
            &[],
        ),
        (
            "two tokens after the text",
            |p| {
                let end = p.tokenizer["post_processor"]["single"][2].clone();
                p.tokenizer["post_processor"]["single"].as_array_mut().unwrap().push(end);
            },
            template,
            &["found", "one before and one after"],
        ),
        (
            "both tokens before the text",
            |p| p.tokenizer["post_processor"]["single"].as_array_mut().unwrap().swap(1, 2),
            template,
            &["found", "one before and one after"],
        ),
        (
            "a template of tokens beyond the weights",
            |p| p.tokenizer["post_processor"]["special_tokens"]["<s>"]["ids"] = json!([4_000_000_000_u32]),
            Field(TOKENIZER_FILE, "model.vocab"),
            &["4000000000"],
        ),
        ("no model", |p| remove(&mut p.tokenizer, "model"), Format(TOKENIZER_FILE), &[]),
        ("an empty object", |p| p.tokenizer = json!({}), Format(TOKENIZER_FILE), &[]),
        ("a list", |p| p.tokenizer = json!([]), Format(TOKENIZER_FILE), &[]),
        (
            "an unknown model",
            |p| p.tokenizer["model"] = json!({ "type": "Oracle", "vocab": {} }),
            Format(TOKENIZER_FILE),
            &[],
        ),
        (
            "an unknown token beyond the vocabulary",
            |p| p.tokenizer["model"]["unk_id"] = json!(1_000_000),
            Format(TOKENIZER_FILE),
            &[],
        ),
        (
            "a broken character map",
            |p| p.tokenizer["normalizer"] = json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" }),
            Format(TOKENIZER_FILE),
            &[],
        ),
    ]);
}
