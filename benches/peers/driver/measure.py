"""Alternates the peers and keeps what each took."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from driver.errors import PeerError
from driver.process import Process

# A sum of many f32 values, in another order: what is not the same work is further off than this.
CHECKSUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Checked:
    """One peer in one scenario, with its best setting, before it is timed."""

    setting: str
    tried: dict[str, float]  # seconds by setting
    checksum: float  # of the vectors that were compared


@dataclass
class Series:
    """One peer in one scenario, one value an alternation."""

    setting: str
    tried: dict[str, float]
    tokens_per_second: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)  # seconds; where texts come one at a time
    p99: list[float] = field(default_factory=list)

    def add(self, answer: dict[str, Any]) -> None:
        self.tokens_per_second.append(answer["tokens"] / answer["seconds"])
        if answer["latencies"]:
            self.p50.append(float(np.percentile(answer["latencies"], 50)))
            self.p99.append(float(np.percentile(answer["latencies"], 99)))


@dataclass(frozen=True)
class Spread:
    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(median(values), min(values), max(values))


def alternate(
    peers: list[Process],
    scenario: str,
    alternations: int,
    repeat: int,
    checked: dict[str, Checked],
    say: Callable[[str], None],
) -> dict[str, Series]:
    series = {peer.name: Series(checked[peer.name].setting, checked[peer.name].tried) for peer in peers}
    for index in range(alternations):
        # Every other time backwards, so that nobody always follows the same neighbour.
        for peer in peers if index % 2 == 0 else reversed(peers):
            answer = peer.time(scenario, repeat)
            _check(peer.name, scenario, answer["checksum"], repeat * checked[peer.name].checksum)
            series[peer.name].add(answer)
        say(f"{scenario}: alternation {index + 1} of {alternations}")
    return series


def _check(peer: str, scenario: str, found: float, expected: float) -> None:
    """That a timed run computed what the checked run had computed."""
    if abs(found - expected) > CHECKSUM_TOLERANCE * max(1.0, abs(expected)):
        raise PeerError(f"{peer}: {scenario}: checksum: found {found}, expected {expected} as in the run that was checked")
