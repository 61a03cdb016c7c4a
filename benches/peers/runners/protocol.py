"""The runners' side of the protocol (README.md): one JSON object a line, requests on stdin, answers on stdout."""

import argparse
import json
import os
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runners.batches import Batch, cut

Vectors = NDArray[np.float32]

# Padded tokens of a batch that are tried. Larger ones do not fit the L2 cache of a core with their activations.
BUDGETS = (256, 512, 1024, 2048, 4096)


@dataclass(frozen=True)
class Split:
    """How the cores are shared out: `streams` batches at a time, each on `threads` threads."""

    streams: int
    threads: int


@dataclass(frozen=True)
class Setting:
    split: Split
    tokens: int

    def __str__(self) -> str:
        streams, threads = self.split.streams, self.split.threads
        size = "one sequence" if self.tokens == 0 else f"batches of {self.tokens} tokens"
        return f"{size}, {streams} stream(s) of {threads} thread(s)"


class Peer(ABC):
    """A runtime with the model loaded."""

    version: str

    @abstractmethod
    def describe(self) -> str:
        """One line on what runs."""

    @abstractmethod
    def run(self, split: Split, batches: list[Batch]) -> list[Vectors]:
        """Vectors of each batch; loads the model for `split` when it is first asked for."""


class Runner:
    """Answers requests with a peer."""

    def __init__(self, peer: Peer, scenarios: dict[str, dict[str, Any]], threads: int) -> None:
        self._peer = peer
        self._scenarios = scenarios
        splits = dict.fromkeys([Split(threads, 1), Split(1, threads)])
        self._settings = [Setting(split, tokens) for split in splits for tokens in BUDGETS]
        self._settings_alone = [Setting(split, 0) for split in dict.fromkeys([Split(1, threads), Split(1, 1)])]
        self._chosen: dict[str, Setting] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        scenario = request["scenario"]
        if scenario not in self._scenarios:
            expected = f"one of {', '.join(self._scenarios)}"
            raise ValueError(f"request: field `scenario`: found `{scenario}`, expected {expected}")
        match request["do"]:
            case "vectors":
                vectors, _ = self._run(scenario, self._setting(scenario))
                vectors.astype("<f4").tofile(request["file"])
                return {"sequences": len(vectors)}
            case "tune":
                return self._tune(scenario)
            case "time":
                return self._time(scenario, request.get("repeat", 1))
            case other:
                raise ValueError(f"request: field `do`: found `{other}`, expected vectors, tune or time")

    def _alone(self, scenario: str) -> bool:
        """Whether its texts come one at a time."""
        return bool(self._scenarios[scenario]["alone"])

    def _candidates(self, scenario: str) -> list[Setting]:
        return self._settings_alone if self._alone(scenario) else self._settings

    def _setting(self, scenario: str) -> Setting:
        return self._chosen.get(scenario, self._candidates(scenario)[0])

    def _tune(self, scenario: str) -> dict[str, Any]:
        """Warms up with every setting and takes the fastest."""
        tried = {}
        for setting in self._candidates(scenario):
            self._run(scenario, setting)
            tried[setting] = sum(self._run(scenario, setting)[1])
        best = min(tried, key=tried.__getitem__)
        self._chosen[scenario] = best
        return {"setting": str(best), "tried": {str(setting): seconds for setting, seconds in tried.items()}}

    def _time(self, scenario: str, repeat: int) -> dict[str, Any]:
        checksum, times = 0.0, []
        for _ in range(repeat):
            vectors, seconds = self._run(scenario, self._setting(scenario))
            checksum += float(vectors.sum(dtype=np.float64))
            times += seconds
        tokens = repeat * sum(map(len, self._scenarios[scenario]["sequences"]))
        latencies = times if self._alone(scenario) else []
        return {"seconds": sum(times), "tokens": tokens, "checksum": checksum, "latencies": latencies}

    def _run(self, scenario: str, setting: Setting) -> tuple[Vectors, list[float]]:
        """Vectors in the order of the scenario, and seconds: of each text where they come one at a time, else of all.

        Sorting and padding are not timed, so that Python's slowness does not count against the peer.
        """
        sequences = self._scenarios[scenario]["sequences"]
        batches = cut(sequences, setting.tokens)
        calls = [[batch] for batch in batches] if self._alone(scenario) else [batches]
        found, times = [], []
        for call in calls:
            start = perf_counter()
            found += self._peer.run(setting.split, call)
            times.append(perf_counter() - start)
        vectors = np.empty((len(sequences), found[0].shape[1]), dtype=np.float32)
        for batch, part in zip(batches, found, strict=True):
            vectors[batch.indices] = part
        return vectors, times


def arguments(description: str, *precisions: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", type=Path, required=True, help="model in the runtime's own format")
    parser.add_argument("--precision", choices=precisions, required=True)
    parser.add_argument("--sequences", type=Path, required=True, help="token ids by scenario, JSON")
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def serve(peer: Peer, sequences: Path, threads: int) -> None:
    """Answers requests until stdin ends."""
    # Libraries print to stdout at times: only answers may get there.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    runner = Runner(peer, json.loads(sequences.read_text()), threads)
    print(json.dumps({"version": peer.version, "runs": peer.describe()}), file=answers, flush=True)
    for line in sys.stdin:
        try:
            answer = runner.answer(json.loads(line))
        except Exception as error:  # whatever a runtime throws, the driver is told
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
