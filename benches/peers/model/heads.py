"""The three heads on pooled vectors: what a peer's rounding means for the scores."""

import numpy as np

from model.folder import HEADS, Array, Model


def probabilities(model: Model, vectors: Array) -> Array:
    """`[sequences, 8]`: complaint, sentiment's three, "urgency above k" four times."""
    columns = []
    for head in HEADS:
        linear = model.head_weights[head]
        # Urgency has one row of weights for its four biases: numpy repeats it.
        logits = _calibrate(vectors @ linear.weight.T + linear.bias, model.calibration[head])
        columns.append(_softmax(logits) if head == "sentiment" else 1 / (1 + np.exp(-logits)))
    return np.concatenate(columns, axis=1)


def _calibrate(logits: Array, calibration: dict) -> Array:
    match calibration["kind"]:
        case "platt":
            slope = calibration["scale"] + calibration.get("cubic", 0.0) * logits**2
            return logits * slope + calibration["offset"]
        case "temperature":
            # Only three classes have any.
            offsets = calibration.get("offsets", [0.0])
            return logits / calibration["temperature"] + (np.array(offsets) if any(offsets) else 0.0)
        case _:
            return logits


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
