"""How far a peer's vectors are from plaint's in f32."""

from dataclasses import dataclass

import numpy as np

from model import heads
from model.folder import Array, Model


@dataclass(frozen=True)
class Agreement:
    cosine: float  # the least of all sequences
    difference: float  # the greatest of all values of all vectors
    probability: float  # the greatest difference of a probability after the heads

    def worse(self, other: "Agreement") -> "Agreement":
        return Agreement(
            min(self.cosine, other.cosine),
            max(self.difference, other.difference),
            max(self.probability, other.probability),
        )


def compare(model: Model, found: Array, expected: Array) -> Agreement:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return Agreement(cosine=0.0, difference=float("inf"), probability=1.0)
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = (found * expected).sum(axis=1) / np.maximum(norms, 1e-30)
    probabilities = np.abs(heads.probabilities(model, found) - heads.probabilities(model, expected))
    return Agreement(float(cosines.min()), float(np.abs(found - expected).max()), float(probabilities.max()))
