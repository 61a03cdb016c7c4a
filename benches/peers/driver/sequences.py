"""The token ids that everybody gets. Seeded, so they are the same in every run over the same model folder."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from tokenizers import Tokenizer

SEED = 2026
MIXED, LONG, SINGLE, SHORT, CALIBRATION = 1024, 64, 300, 300, 300
LONG_TOKENS, SHORT_TOKENS = 512, 31
# Log-normal lengths of mean 31 between 4 and 128, special tokens included: what tweets and short messages look like.
MU, SIGMA, SHORTEST, LONGEST = 3.2, 0.7, 4, 128

Sequences = list[list[int]]


class Scenario(TypedDict):
    """What a runner gets of a scenario."""

    alone: bool  # whether texts come one at a time
    sequences: Sequences


def scenarios(model: Path, texts: Path, limit: int | None) -> dict[str, Scenario]:
    """The first `limit` sequences of each scenario, or all."""
    ids = _Ids(model, texts, random.Random(SEED))
    mixed = ids.mixed(MIXED)
    long = [ids.sequence(LONG_TOKENS) for _ in range(LONG)]
    short = [ids.sequence(SHORT_TOKENS) for _ in range(SHORT)]
    return {
        "mixed": {"alone": False, "sequences": mixed[:limit]},
        "long": {"alone": False, "sequences": long[:limit]},
        "single": {"alone": True, "sequences": mixed[:SINGLE][:limit]},
        "short": {"alone": True, "sequences": short[:limit]},
    }


def calibration(model: Path, texts: Path) -> Sequences:
    """Other sequences of the same kind, for peers that quantise activations beforehand."""
    return _Ids(model, texts, random.Random(SEED + 1)).mixed(CALIBRATION)


class _Ids:
    """Cuts sequences of wanted lengths from texts that follow each other without end.

    Lengths come from the seed alone; the words are real ones so that quantisation meets the activations it is made for.
    """

    def __init__(self, model: Path, texts: Path, source: random.Random) -> None:
        self._random = source
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        files = sorted(texts.glob("*.jsonl"))
        if not files:
            raise FileNotFoundError(f"{texts}: found no *.jsonl, expected files of texts")
        lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        source.shuffle(lines)
        encodings = tokenizer.encode_batch([json.loads(line)["text"] for line in lines])
        self._start, self._end = encodings[0].ids[0], encodings[0].ids[-1]
        self._words = _endless([encoding.ids[1:-1] for encoding in encodings])

    def mixed(self, count: int) -> Sequences:
        return [self.sequence(self._length()) for _ in range(count)]

    def sequence(self, length: int) -> list[int]:
        return [self._start, *(next(self._words) for _ in range(length - 2)), self._end]

    def _length(self) -> int:
        return min(LONGEST, max(SHORTEST, round(self._random.lognormvariate(MU, SIGMA))))


def _endless(texts: Sequences) -> Iterator[int]:
    while True:
        for text in texts:
            yield from text
