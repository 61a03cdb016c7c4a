"""A peer's process: requests to its stdin, answers from its stdout."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from driver.cargo import HERE
from driver.errors import PeerError
from model.folder import Array


class Process:
    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                cwd=HERE,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        ready = self._answer()
        self.version: str = ready["version"]
        self.runs: str = ready["runs"]

    def vectors(self, scenario: str, file: Path, hidden: int) -> Array:
        self._ask(do="vectors", scenario=scenario, file=str(file))
        return np.fromfile(file, dtype="<f4").reshape(-1, hidden)

    def tune(self, scenario: str) -> dict[str, Any]:
        return self._ask(do="tune", scenario=scenario)

    def time(self, scenario: str, repeat: int) -> dict[str, Any]:
        return self._ask(do="time", scenario=scenario, repeat=repeat)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ask(self, **request: object) -> dict[str, Any]:
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            pass  # the missing answer tells why
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            last = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            raise PeerError(f"{self.name}: ended with status {self._process.wait()}: {''.join(last)}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self.name}: {' '.join(answer['error'].split())}")
        return answer
