"""Reading the labelled sets: which may train, which rows must not, and one shape for all of them."""

import gzip
import html
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ["de", "en", "fr", "pl", "ru"]
SENTIMENTS = ["negative", "neutral", "positive"]
URGENCIES = ["none", "low", "normal", "high", "critical"]

# Public sets that train, and how many rows of their train split are read (None: all).
TRAINED = {
    "preotiuc_complaints": None,
    "sb10k": None,
    "potts": None,
    "xlmt_de": None,
    "xlmt_en": None,
    "xlmt_fr": None,
    "semeval2017": 3500,
    "mozetic_pl": 2000,
    "mozetic_ru": 2000,
}
# Sets that might train, but brought nothing on dev: measured only.
UNUSED = ["mozetic_de", "mozetic_en", "x_fincorp", "cesamard"]
# Sets whose licence or labels keep them out of the weights: measured only.
EVALUATION_ONLY = ["airline", "amazonhelp", "germeval2017", "rusentiment", "sentirueval_telecom", "sentirueval_banks"]
TEST_ROWS = 300  # of each public set are measured, at most
OWN = ["preotiuc_x", "authored", "contrast", "real_posts"]
CUSTOMER = {"preotiuc_x", "authored", "contrast"}  # messages of and to customers, in all five languages


@dataclass(frozen=True)
class Row:
    id: str
    text: str
    lang: str
    source: str
    split: str
    complaint: int | None
    sentiment: int | None  # the label that trains and measures
    own_sentiment: int | None  # by GUIDE.md, where a set carries it beside a public label
    urgency: int | None


# ------------------------------------------------------------------------------------------------- cleaning: social-v1

# One alternation, so that a URL with an `@` or a long number inside stays one URL.
_SOCIAL = re.compile(
    r"""(?P<url>(?i:https?://|www\.)[^\s<>"]*[^\s<>".,;:!?)\]}…'’”»])
      | (?P<email>[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)
      | (?P<handle>@\w+)
      | (?P<number>\d{9,})""",
    re.VERBOSE,
)
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")
_INSTEAD = {"url": "http", "email": "<email>", "handle": "@user"}


def clean(text):
    """The recipe `social-v1` that the engine applies (src/text/clean.rs); on the labelled sets nearly the identity."""
    text = _ENTITY.sub(lambda found: html.unescape(found.group()), text)
    text = _SOCIAL.sub(lambda found: _INSTEAD.get(found.lastgroup) or "0" * len(found.group()), text)
    return " ".join(text.split())


def identity_key(text):
    """What two copies of one post share: letters and digits, without case, handles, links and RT marks."""
    text = re.sub(r"@\w+|https?\S*|\brt\b", " ", text.lower())
    return re.sub(r"[\W_]+", "", text)


# --------------------------------------------------------------------------------------------------------------- files


def _read(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _row(raw, source, split):
    # A real post recurs in its public set, where its sentiment follows the public convention.
    label = raw.get("sentiment")
    own_sentiment = None if label is None else SENTIMENTS.index(label)
    return Row(
        id=raw["id"],
        text=clean(raw["text"]),
        lang=raw["lang"],
        source=source,
        split=split,
        complaint=raw.get("complaint"),
        sentiment=None if source == "real_posts" else own_sentiment,
        own_sentiment=own_sentiment,
        urgency=URGENCIES.index(raw["urgency_level"]) if raw.get("urgency_level") else None,
    )


def _own(data_dir):
    for path in sorted((data_dir / "own").glob("*.jsonl.gz")):
        source = re.split(r"[.-]", path.name)[0]
        for raw in _read(path):
            if not raw.get("in_test_of"):
                yield _row(raw, source, raw["split"])


def _public(data_dir, names):
    for name in names:
        for path in sorted((data_dir / "public").glob(f"{name}.*.jsonl.gz")):
            split = path.name.split(".")[1]
            for raw in _read(path):
                if not raw.get("in_test_of"):
                    yield _row(raw, name, "test" if split.startswith("test") else split)


def _sample(rows, limit, seed):
    if limit is None or len(rows) <= limit:
        return rows
    chosen = set(random.Random(seed).sample(range(len(rows)), limit))
    return [row for i, row in enumerate(rows) if i in chosen]


def load(data_dir, seed):
    """Rows by split: {"train": [...], "dev": [...], "test": [...]}.

    Rows that recur in any test split are gone from train and dev, and rows that recur in dev are gone from train, across
    all sets. preotiuc_complaints gives train only what preotiuc_x.en does not hold already.
    """
    data_dir = Path(data_dir)
    own = list(_own(data_dir))
    public = list(_public(data_dir, [*TRAINED, *UNUSED]))
    other = [row for row in _public(data_dir, EVALUATION_ONLY) if row.split == "test"]

    held_out = [row for row in own + public + other if row.split == "test"]
    seen = {key for row in held_out if len(key := identity_key(row.text)) >= 8}
    test = []
    for source in dict.fromkeys(row.source for row in held_out):
        limit = None if source in OWN else TEST_ROWS
        test += _sample([row for row in held_out if row.source == source], limit, seed)

    # preotiuc_x.en repeats preotiuc_complaints with the same folds: one must not hide the other's dev rows.
    dev = [
        row for row in own + public if row.split == "dev" and row.source not in UNUSED and identity_key(row.text) not in seen
    ]
    seen |= {key for row in dev if len(key := identity_key(row.text)) >= 8}

    translated = {row.text for row in own if row.source == "preotiuc_x" and row.lang == "en"}
    fresh = [
        row
        for row in own + public
        if row.split == "train"
        and row.source not in UNUSED
        and identity_key(row.text) not in seen
        and not (row.source == "preotiuc_complaints" and row.text in translated)
    ]
    train = []
    for source in dict.fromkeys(row.source for row in fresh):
        train += _sample([row for row in fresh if row.source == source], TRAINED.get(source), seed)
    return {"train": train, "dev": dev, "test": test}
