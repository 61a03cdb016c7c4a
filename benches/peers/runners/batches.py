"""Padded batches of sequences of like length: what runtimes with rectangular tensors want."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    indices: list[int]  # places in the scenario
    input_ids: NDArray[np.int64]  # [sequences, longest]; padding is masked, so any id will do for it
    attention_mask: NDArray[np.int64]
    lengths: NDArray[np.int32]


def cut(sequences: list[list[int]], tokens: int) -> list[Batch]:
    """Batches of at most `tokens` tokens with their padding, longest sequences first; one sequence each if that is 0,
    and then in the order of `sequences`."""
    if tokens == 0:
        return [_pad(sequences, [index]) for index in range(len(sequences))]
    groups: list[list[int]] = []
    for index in sorted(range(len(sequences)), key=lambda index: -len(sequences[index])):
        # The first of a group is its longest.
        if groups and (len(groups[-1]) + 1) * len(sequences[groups[-1][0]]) <= tokens:
            groups[-1].append(index)
        else:
            groups.append([index])
    return [_pad(sequences, group) for group in groups]


def _pad(sequences: list[list[int]], indices: list[int]) -> Batch:
    lengths = np.array([len(sequences[index]) for index in indices], dtype=np.int32)
    shape = (len(indices), int(lengths.max()))
    input_ids, attention_mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for row, index in enumerate(indices):
        input_ids[row, : lengths[row]] = sequences[index]
        attention_mask[row, : lengths[row]] = 1
    return Batch(indices, input_ids, attention_mask, lengths)
