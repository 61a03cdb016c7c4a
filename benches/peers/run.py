"""Measures plaint and its peers alternately in one run. README.md says what is compared and how.

    python benches/peers/run.py [--peers plaint,openvino-int8] [--isa avx2] [--json record.json]
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from driver import agreement, machine, measure, report, sequences
from driver.artefacts import Artefacts
from driver.cargo import ROOT
from driver.errors import PeerError
from driver.peers import Entry, Table
from driver.process import Process
from model.folder import ModelError

# Takes the same path through the same code as users' f32; everybody is compared with its vectors.
REFERENCE = "plaint-f32"
# candle's runner has not been built yet, and `plaint` is one of the other two.
NOT_BY_DEFAULT = ("candle-f32", "plaint")


def main() -> int:
    table = Table()
    options = parse(table)
    artefacts = Artefacts(options.model, options.texts, options.cache)
    scenarios = sequences.scenarios(options.model, options.texts, options.limit)
    with tempfile.TemporaryDirectory(prefix="plaint-peers-") as folder:
        run = Run(options, table, artefacts, scenarios, Path(folder))
        try:
            record = run.record()
        finally:
            run.stop()
    print(report.markdown(record))
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if record["left_out"] else 0


def parse(table: Table) -> argparse.Namespace:
    default = [name for name in table.entries if name not in NOT_BY_DEFAULT]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "plaint" / "peers"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=",".join(default), help=f"from {', '.join(table.entries)}; default: %(default)s")
    parser.add_argument("--isa", choices=table.isas, default="native", help="limit everybody to these instructions")
    parser.add_argument("--scenarios", default="mixed,long,single,short", help="default: %(default)s")
    parser.add_argument("--alternations", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=1, help="runs over a scenario within one timing")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all, %(default)s")
    parser.add_argument("--json", type=Path, help="write the record there")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "plaint-base")
    parser.add_argument("--texts", type=Path, default=ROOT / "models" / "data-own", help="JSONL files to cut words from")
    parser.add_argument("--cache", type=Path, default=cache, help="for the peers' model files")
    parser.add_argument("--limit", type=int, help="sequences of a scenario, to see that all runs; not a measurement")
    options = parser.parse_args()
    options.peers, options.scenarios = options.peers.split(","), options.scenarios.split(",")
    if unknown := [name for name in options.peers if name not in table.entries]:
        parser.error(f"--peers: found {', '.join(unknown)}, expected some of {', '.join(table.entries)}")
    # Runners have a working folder of their own.
    options.model, options.texts = options.model.resolve(), options.texts.resolve()
    return options


class Run:
    """One run: starts the peers, checks them, times them."""

    def __init__(
        self,
        options: argparse.Namespace,
        table: Table,
        artefacts: Artefacts,
        scenarios: dict[str, sequences.Scenario],
        folder: Path,
    ) -> None:
        self._options = options
        self._table = table
        self._artefacts = artefacts
        self._folder = folder
        self._sequences = json.dumps(scenarios)
        ids = {name: scenario["sequences"] for name, scenario in scenarios.items()}
        self._counts = {name: {"sequences": len(each), "tokens": sum(map(len, each))} for name, each in ids.items()}
        self._processes: list[Process] = []
        self._left_out: list[str] = []
        (folder / "sequences.json").write_text(self._sequences)

    def record(self) -> dict[str, Any]:
        options, table = self._options, self._table
        before = machine.load()
        expected = self._reference()
        peers = {}
        checked: dict[str, dict[str, measure.Checked]] = {scenario: {} for scenario in options.scenarios}
        for name in options.peers:
            if peer := self._check(table.entries[name], expected, checked):
                peers[name] = peer
        timed = {
            scenario: measure.alternate(
                self._processes, scenario, options.alternations, options.repeat, checked[scenario], say
            )
            for scenario in options.scenarios
        }
        return {
            "machine": machine.describe(),
            "load": {"before": before, "after": machine.load()},
            "run": {
                "threads": options.threads,
                "isa": options.isa,
                "environment": table.limits(options.isa),
                "alternations": options.alternations,
                "repeat": options.repeat,
                "limit": options.limit,
                "sequences": {"sha256": hashlib.sha256(self._sequences.encode()).hexdigest(), **self._counts},
            },
            "left_out": self._left_out,
            "unlimited": [name for name in peers if options.isa != "native" and table.entries[name].unlimited],
            "peers": peers,
            "scenarios": {
                scenario: {name: asdict(series) for name, series in found.items()} for scenario, found in timed.items()
            },
        }

    def stop(self) -> None:
        for process in self._processes:
            process.kill()

    def _start(self, entry: Entry, isa: str) -> Process:
        say(f"{entry.name}: starting")
        command = entry.command(self._artefacts, isa, self._folder / "sequences.json", self._options.threads)
        environment = self._table.environment(isa, self._options.threads)
        log = self._folder / f"{entry.name}.log"
        return Process(entry.name, command, environment, log)

    def _reference(self) -> dict[str, np.ndarray]:
        process = self._start(self._table.entries[REFERENCE], "native")
        try:
            return {scenario: self._vectors(process, scenario) for scenario in self._options.scenarios}
        finally:
            process.kill()

    def _vectors(self, process: Process, scenario: str) -> np.ndarray:
        return process.vectors(scenario, self._folder / "vectors.f32", self._artefacts.model.hidden)

    def _check(
        self, entry: Entry, expected: dict[str, np.ndarray], checked: dict[str, dict[str, measure.Checked]]
    ) -> dict[str, Any] | None:
        """Starts a peer, finds its best settings and compares the vectors that it then makes, for they may depend on the
        batches. A peer that does not run, or computes something else, is left out."""
        try:
            process = self._start(entry, self._options.isa)
            self._processes.append(process)
            worst = None
            for scenario, vectors in expected.items():
                tuned = process.tune(scenario)
                say(f"{entry.name}: {scenario}: {tuned['setting']}")
                found = self._vectors(process, scenario)
                agreed = agreement.compare(self._artefacts.model, found, vectors)
                for what, cosine, bound in (
                    ("least", agreed.least, entry.least_cosine),
                    ("median", agreed.median, entry.median_cosine),
                ):
                    if bound is not None and cosine < bound:
                        where = f"{entry.name}: {scenario}: {what} cosine with {REFERENCE}"
                        raise PeerError(f"{where}: found {cosine:.6f}, expected at least {bound}")
                checksum = float(found.sum(dtype=np.float64))
                checked[scenario][entry.name] = measure.Checked(tuned["setting"], tuned["tried"], checksum)
                worst = agreed if worst is None else worst.worse(agreed)
        except PeerError as error:
            self._leave_out(entry.name, str(error))
            return None
        return {"version": process.version, "runs": process.runs, "agreement": asdict(worst)}

    def _leave_out(self, name: str, reason: str) -> None:
        say(f"left out: {reason}")
        self._left_out.append(reason)
        for process in [process for process in self._processes if process.name == name]:
            process.kill()
            self._processes.remove(process)


def say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ModelError, PeerError) as error:
        sys.exit(f"run.py: {error}")
