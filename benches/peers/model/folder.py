"""A plaint model folder as f32 arrays: config.json, manifest.json and model.safetensors."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

Array = NDArray[np.float32]

CONFIG = "config.json"
MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"
WORDS = "embeddings.word_embeddings.weight"
HEADS = ("complaint", "sentiment", "urgency")


class ModelError(Exception):
    """A model that the peers cannot run: says which file and field, what was found and what was expected."""

    def __init__(self, file: str, field: str, found: object, expected: str) -> None:
        super().__init__(f"{file}: {field}: found {found!r}, expected {expected}")


@dataclass(frozen=True)
class Linear:
    weight: Array  # [outputs, inputs]
    bias: Array  # [outputs]


@dataclass(frozen=True)
class Norm:
    weight: Array
    bias: Array


@dataclass(frozen=True)
class Layer:
    query: Linear
    key: Linear
    value: Linear
    attention_output: Linear
    attention_norm: Norm
    intermediate: Linear
    output: Linear
    output_norm: Norm


@dataclass(frozen=True)
class Model:
    """Everything that the peers' model formats are written from."""

    heads: int
    epsilon: float
    pooling: str  # mean or cls
    words: Array  # [vocabulary, hidden]
    positions: Array  # [longest sequence, hidden], without rows that no token ever takes
    token_type: Array  # [hidden], of type 0: plaint uses no other
    norm: Norm
    layers: list[Layer]
    head_weights: dict[str, Linear]
    calibration: dict[str, dict[str, Any]]

    @property
    def hidden(self) -> int:
        return self.words.shape[1]


def read_json(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def read(folder: Path) -> Model:
    config, manifest = read_json(folder, CONFIG), read_json(folder, MANIFEST)
    if config["hidden_act"] != "gelu":
        raise ModelError(CONFIG, "hidden_act", config["hidden_act"], "gelu: the exporter writes no other")
    offset = 0 if config["model_type"] == "bert" else config["pad_token_id"] + 1
    tensors = Tensors(folder)
    layers = [_layer(tensors, f"encoder.layer.{index}") for index in range(config["num_hidden_layers"])]
    return Model(
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
        pooling=manifest["pooling"],
        words=tensors.get(WORDS),
        positions=tensors.get("embeddings.position_embeddings.weight")[offset:],
        token_type=tensors.get("embeddings.token_type_embeddings.weight")[0],
        norm=_norm(tensors, "embeddings.LayerNorm"),
        layers=layers,
        head_weights={head: _linear(tensors, f"heads.{head}") for head in HEADS},
        calibration={head: manifest["heads"][head]["calibration"] for head in HEADS},
    )


class Tensors:
    """Tensors by name, int8 ones multiplied out with the scales of their rows."""

    def __init__(self, folder: Path) -> None:
        self._stored = load_file(folder / WEIGHTS)
        prefixes = [prefix for prefix in ("", "bert.", "roberta.", "model.") if prefix + WORDS in self._stored]
        if not prefixes:
            raise ModelError(WEIGHTS, WORDS, "no tensor of this name", "one, with a prefix or without")
        self._prefix = prefixes[0]

    def get(self, name: str) -> Array:
        full = name if name.startswith("heads.") else self._prefix + name
        if full not in self._stored:
            raise ModelError(WEIGHTS, full, "no tensor of this name", "one")
        tensor = self._stored[full]
        if tensor.dtype == np.int8:
            return tensor.astype(np.float32) * self.get(name + ".scale")[:, np.newaxis]
        return tensor.astype(np.float32)


def _linear(tensors: Tensors, name: str) -> Linear:
    return Linear(tensors.get(name + ".weight"), tensors.get(name + ".bias"))


def _norm(tensors: Tensors, name: str) -> Norm:
    return Norm(tensors.get(name + ".weight"), tensors.get(name + ".bias"))


def _layer(tensors: Tensors, name: str) -> Layer:
    return Layer(
        query=_linear(tensors, f"{name}.attention.self.query"),
        key=_linear(tensors, f"{name}.attention.self.key"),
        value=_linear(tensors, f"{name}.attention.self.value"),
        attention_output=_linear(tensors, f"{name}.attention.output.dense"),
        attention_norm=_norm(tensors, f"{name}.attention.output.LayerNorm"),
        intermediate=_linear(tensors, f"{name}.intermediate.dense"),
        output=_linear(tensors, f"{name}.output.dense"),
        output_norm=_norm(tensors, f"{name}.output.LayerNorm"),
    )
