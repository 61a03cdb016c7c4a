"""The encoder in CTranslate2's own format, in f32: the runtime quantises when it loads."""

from pathlib import Path

import numpy as np
from ctranslate2.converters.utils import fuse_linear
from ctranslate2.specs import common_spec, transformer_spec

from model.folder import Linear, Model, ModelError, Norm


def save(model: Model, folder: Path) -> None:
    if model.pooling != "mean":
        raise ModelError("manifest.json", "pooling", model.pooling, "mean: the CTranslate2 runner has no other")
    folder.mkdir()
    spec = _spec(model)
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))


def _spec(model: Model) -> transformer_spec.TransformerEncoderModelSpec:
    encoder = transformer_spec.TransformerEncoderSpec(
        len(model.layers),
        model.heads,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = model.words
    encoder.position_encodings.encodings = model.positions + model.token_type
    _norm(encoder.layernorm_embedding, model.norm)
    for spec, layer in zip(encoder.layer, model.layers, strict=True):
        parts = [common_spec.LinearSpec() for _ in range(3)]
        for part, linear in zip(parts, (layer.query, layer.key, layer.value), strict=True):
            _linear(part, linear)
        fuse_linear(spec.self_attention.linear[0], parts)
        _linear(spec.self_attention.linear[1], layer.attention_output)
        _norm(spec.self_attention.layer_norm, layer.attention_norm)
        _linear(spec.ffn.linear_0, layer.intermediate)
        _linear(spec.ffn.linear_1, layer.output)
        _norm(spec.ffn.layer_norm, layer.output_norm)
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    spec.config.unk_token = "0"
    spec.config.layer_norm_epsilon = model.epsilon
    # The runtime wants one token an id, although only ids go in.
    spec.register_vocabulary([str(index) for index in range(len(model.words))])
    return spec


def _linear(spec: common_spec.LinearSpec, linear: Linear) -> None:
    spec.weight, spec.bias = np.ascontiguousarray(linear.weight), linear.bias


def _norm(spec: common_spec.LayerNormSpec, norm: Norm) -> None:
    spec.gamma, spec.beta = norm.weight, norm.bias
