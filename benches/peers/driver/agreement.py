"""How far a peer's vectors are from plaint's in f32."""

from dataclasses import dataclass

import numpy as np

from model import heads
from model.folder import Array, Model


@dataclass(frozen=True)
class Agreement:
    least: float  # of all sequences' cosines
    median: float
    difference: float  # the greatest of all values of all vectors
    probability: float  # the greatest difference of a probability after the heads

    def worse(self, other: "Agreement") -> "Agreement":
        return Agreement(
            min(self.least, other.least),
            min(self.median, other.median),
            max(self.difference, other.difference),
            max(self.probability, other.probability),
        )


def compare(model: Model, found: Array, expected: Array) -> Agreement:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return Agreement(least=-1.0, median=-1.0, difference=float("inf"), probability=1.0)
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = (found * expected).sum(axis=1) / np.maximum(norms, 1e-30)
    probabilities = np.abs(heads.probabilities(model, found) - heads.probabilities(model, expected))
    return Agreement(
        least=float(cosines.min()),
        median=float(np.median(cosines)),
        difference=float(np.abs(found - expected).max()),
        probability=float(probabilities.max()),
    )
