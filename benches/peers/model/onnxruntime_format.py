"""ONNX Runtime's best forms of the graph: its BERT fusions, and int8 weights with activations quantised on the fly."""

import logging
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer

from model.folder import Model

FUSIONS_A_LAYER = {"Attention": 1, "BiasGelu": 1, "SkipLayerNormalization": 2}


def fuse(exported: Path, model: Model, fused: Path) -> None:
    """Only the fusions of the offline tool: the session makes the others when it loads."""
    logging.getLogger("onnxruntime").setLevel(logging.ERROR)
    optimized = optimizer.optimize_model(
        str(exported), model_type="bert", num_heads=model.heads, hidden_size=model.hidden, opt_level=0
    )
    counts = optimized.get_fused_operator_statistics()
    for operator, expected in FUSIONS_A_LAYER.items():
        if counts[operator] != expected * len(model.layers):
            # Else the peer would run slower than it can, and nobody would see.
            raise RuntimeError(
                f"{exported}: fused {operator}: found {counts[operator]}, expected {expected} a layer, {len(model.layers)} layers"
            )
    optimized.save_model_to_file(str(fused))


def quantize(fused: Path, quantized: Path) -> None:
    """Weights are symmetric per output channel, as plaint stores them. Embeddings stay in f32: a lookup gains nothing."""
    quantize_dynamic(
        fused,
        quantized,
        op_types_to_quantize=["MatMul", "Attention"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        # Types behind ONNX Runtime's own operators are not inferred; all of them are f32.
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
