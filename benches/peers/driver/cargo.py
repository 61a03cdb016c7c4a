"""Builds the Rust programs with cargo."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

from driver.errors import PeerError

HERE = Path(__file__).parent.parent
ROOT = HERE.parent.parent


def plaint(features: list[str]) -> Path:
    return _plaint(tuple(features))


@cache
def _plaint(features: tuple[str, ...]) -> Path:
    built = _build(ROOT, "--example", "peer_runner", *(part for name in features for part in ("--features", name)))
    # The next build, with other features, writes to the same place.
    kept = built.with_name("-".join(["peer_runner-for", *(features or ["plaint"])]))
    shutil.copy2(built, kept)
    return kept


@cache
def candle() -> Path:
    return _build(HERE / "candle")


def _build(folder: Path, *arguments: str) -> Path:
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics", *arguments]
    run = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise PeerError(f"{' '.join(command)}: exit status {run.returncode} in {folder}")
    messages = [json.loads(line) for line in run.stdout.splitlines()]
    return Path([message["executable"] for message in messages if message.get("executable")][-1])
