"""peers.toml, and from it the command and the environment of each peer."""

import os
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driver import cargo
from driver.artefacts import Artefacts
from driver.cargo import HERE


@dataclass(frozen=True)
class Entry:
    """A peer as peers.toml describes it."""

    name: str
    runner: str
    model: str
    options: list[str]
    features: list[str] = field(default_factory=list)
    kernels: dict[str, str] = field(default_factory=dict)
    least_cosine: float | None = None
    median_cosine: float | None = None
    unlimited: bool = False  # has no switch for instruction sets

    def command(self, artefacts: Artefacts, isa: str, sequences: Path, threads: int) -> list[str]:
        match self.runner:
            case "plaint":
                program = [str(cargo.plaint(self.features))]
            case "candle":
                program = [str(cargo.candle())]
            case module:
                program = [sys.executable, "-m", f"runners.{module}"]
        kernel = ["--kernel", self.kernels[isa]] if self.kernels else []
        shared = ["--model", artefacts.path(self.model), "--sequences", sequences, "--threads", threads]
        return [*program, *self.options, *kernel, *map(str, shared)]


class Table:
    def __init__(self) -> None:
        table: dict[str, Any] = tomllib.loads((HERE / "peers.toml").read_text(encoding="utf-8"))
        self.entries = {name: Entry(name, **fields) for name, fields in table["peer"].items()}
        self.isas: list[str] = list(table["isa"])
        self._table = table

    def environment(self, isa: str, threads: int) -> dict[str, str]:
        # candle has no other way to be told.
        shared = self._table["environment"] | {"RAYON_NUM_THREADS": str(threads)}
        return os.environ | shared | self.limits(isa)

    def limits(self, isa: str) -> dict[str, str]:
        """What was set to limit the peers."""
        return self._table["isa"][isa]
