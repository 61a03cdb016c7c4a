#!/usr/bin/env python3
"""The majority class, whatever the text: what a model must beat. Speaks the protocol of `plaint compare`.

    majority.py --fit TRAIN.jsonl.gz [--split train]

Probabilities are the shares of the labels in the files that it is fitted on, the urgency score is their mean level / 4. A
head without a label there is left out. Needs nothing but Python's own library.
"""

import argparse
import gzip
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ATTITUDES = ("negative", "neutral", "positive")
LEVELS = ("none", "low", "normal", "high", "critical")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, nargs="+", required=True, help="labelled texts, JSON Lines, plain or gzipped")
    parser.add_argument("--split", help="fit on the rows of this split only")
    options = parser.parse_args()
    answer = fit([row for path in options.fit for row in read(path) if options.split in (None, row.get("split"))])
    if not answer:
        sys.exit("majority.py: found no label, expected at least one")
    for line in sys.stdin:
        print(json.dumps({"id": json.loads(line)["id"], **answer}), flush=True)


def read(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw).decode("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def fit(rows: list[dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    complaints = Counter(bool(row["complaint"]) for row in rows if row.get("complaint") is not None)
    if complaints:
        share = complaints[True] / complaints.total()
        answer |= {"complaint": share, "is_complaint": share >= 0.5}
    attitudes = Counter(row["sentiment"] for row in rows if row.get("sentiment"))
    if attitudes:
        shares = {name: attitudes[name] / attitudes.total() for name in ATTITUDES}
        answer["sentiment"] = {"label": max(shares, key=shares.__getitem__), **shares}
    levels = Counter(row["urgency_level"] for row in rows if row.get("urgency_level"))
    if levels:
        mean = sum(LEVELS.index(level) * count for level, count in levels.items()) / levels.total()
        answer["urgency"] = {"level": levels.most_common(1)[0][0], "score": mean / 4}
    return answer


if __name__ == "__main__":
    main()
