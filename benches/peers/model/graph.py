"""The encoder as an ONNX graph, node by node in the form that exporters give BERT: optimizers know that form and fuse it.

Inputs `input_ids` and `attention_mask`, int64 `[batch, tokens]`; output `vectors`, f32 `[batch, hidden]`.
"""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.folder import Layer, Linear, Model, Norm

OPSET = 17  # the first with LayerNormalization
# What exporters add to the scores of padding; finite, also in bf16.
MASKED = -10000.0


def build(model: Model) -> onnx.ModelProto:
    graph = Graph()
    mask = _attention_mask(graph)
    x = _embed(graph, model)
    for index, layer in enumerate(model.layers):
        x = _layer(graph.scope(f"layer.{index}"), layer, model, x, mask)
    _pool(graph, model, x)
    return graph.finish(model)


class Graph:
    """Nodes and constants; a scope gives them the prefix of their names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._prefix = ""

    def scope(self, name: str) -> "Graph":
        inner = Graph()
        inner._nodes, inner._constants = self._nodes, self._constants
        inner._prefix = f"{self._prefix}{name}."
        return inner

    def constant(self, name: str, value: np.ndarray) -> str:
        """Its full name; adds it if it is new."""
        full = self._prefix + name
        self._constants.setdefault(full, numpy_helper.from_array(np.ascontiguousarray(value), full))
        return full

    def ints(self, *values: int) -> str:
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def float(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, dtype=np.float32))

    def add(self, op: str, name: str, *inputs: str, output: str | None = None, **attributes: object) -> str:
        output = output or f"{self._prefix}{name}"
        self._nodes.append(helper.make_node(op, list(inputs), [output], name=f"{self._prefix}{name}", **attributes))
        return output

    def finish(self, model: Model) -> onnx.ModelProto:
        ids = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ]
        vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", model.hidden])
        graph = helper.make_graph(self._nodes, "plaint", ids, [vectors], list(self._constants.values()))
        exported = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(exported, full_check=True)
        return exported


def _attention_mask(graph: Graph) -> str:
    rows = graph.add("Unsqueeze", "mask.rows", "attention_mask", graph.ints(1))
    heads = graph.add("Unsqueeze", "mask.heads", rows, graph.ints(2))
    floats = graph.add("Cast", "mask.floats", heads, to=TensorProto.FLOAT)
    padding = graph.add("Sub", "mask.padding", graph.float("one", 1.0), floats)
    return graph.add("Mul", "mask", padding, graph.float("masked", MASKED))


def _embed(graph: Graph, model: Model) -> str:
    words = graph.add("Gather", "words", graph.constant("words.weight", model.words), "input_ids")
    shape = graph.add("Shape", "shape", "input_ids")
    tokens = graph.add("Gather", "tokens", shape, graph.ints(1))
    table = graph.constant("positions.weight", model.positions + model.token_type)
    positions = graph.add("Slice", "positions", table, graph.ints(0), tokens, graph.ints(0))
    return _norm(graph, "norm", graph.add("Add", "embedded", words, positions), model.norm, model.epsilon)


def _layer(graph: Graph, layer: Layer, model: Model, x: str, mask: str) -> str:
    head_size = model.hidden // model.heads
    split = graph.ints(0, 0, model.heads, head_size)

    def heads(name: str, linear: Linear, order: list[int]) -> str:
        reshaped = graph.add("Reshape", f"{name}.split", _linear(graph, name, x, linear), split)
        return graph.add("Transpose", f"{name}.heads", reshaped, perm=order)

    query = heads("query", layer.query, [0, 2, 1, 3])
    key = heads("key", layer.key, [0, 2, 3, 1])
    value = heads("value", layer.value, [0, 2, 1, 3])
    products = graph.add("MatMul", "products", query, key)
    scaled = graph.add("Div", "scaled", products, graph.float("root_of_head_size", math.sqrt(head_size)))
    shares = graph.add("Softmax", "shares", graph.add("Add", "scores", scaled, mask), axis=-1)
    context = graph.add("Transpose", "context.tokens", graph.add("MatMul", "context", shares, value), perm=[0, 2, 1, 3])
    joined = graph.add("Reshape", "context.joined", context, graph.ints(0, 0, model.hidden))
    attended = _linear(graph, "attention_output", joined, layer.attention_output)
    x = _norm(graph, "attention_norm", graph.add("Add", "attention_sum", attended, x), layer.attention_norm, model.epsilon)

    wide = _gelu(graph, _linear(graph, "intermediate", x, layer.intermediate))
    narrow = _linear(graph, "output", wide, layer.output)
    return _norm(graph, "output_norm", graph.add("Add", "output_sum", narrow, x), layer.output_norm, model.epsilon)


def _linear(graph: Graph, name: str, x: str, linear: Linear) -> str:
    product = graph.add("MatMul", f"{name}.product", x, graph.constant(f"{name}.weight", linear.weight.T))
    return graph.add("Add", name, graph.constant(f"{name}.bias", linear.bias), product)


def _norm(graph: Graph, name: str, x: str, norm: Norm, epsilon: float) -> str:
    weight, bias = graph.constant(f"{name}.weight", norm.weight), graph.constant(f"{name}.bias", norm.bias)
    return graph.add("LayerNormalization", name, x, weight, bias, axis=-1, epsilon=epsilon)


def _gelu(graph: Graph, x: str) -> str:
    erf = graph.add("Erf", "gelu.erf", graph.add("Div", "gelu.scaled", x, graph.float("root_of_2", math.sqrt(2))))
    raised = graph.add("Add", "gelu.raised", erf, graph.float("one", 1.0))
    return graph.add("Mul", "gelu", graph.add("Mul", "gelu.double", x, raised), graph.float("half", 0.5))


def _pool(graph: Graph, model: Model, x: str) -> None:
    if model.pooling == "cls":
        graph.add("Gather", "first", x, graph.constant("zero", np.array(0)), output="vectors", axis=1)
        return
    column = graph.add("Unsqueeze", "pool.column", "attention_mask", graph.ints(2))
    weights = graph.add("Cast", "pool.weights", column, to=TensorProto.FLOAT)
    sums = graph.add("ReduceSum", "pool.sums", graph.add("Mul", "pool.kept", x, weights), graph.ints(1), keepdims=0)
    counts = graph.add("ReduceSum", "pool.counts", weights, graph.ints(1), keepdims=0)
    graph.add("Div", "pool", sums, counts, output="vectors")
