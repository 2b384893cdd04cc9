"""The ONNX graph of a BERT sentence encoder, built from its weights: what `embed_minilm` runs.

No padding and no attention mask: a run holds texts of one token length only, so a text's numbers cannot depend on its
neighbours' padding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, npt.NDArray[np.float32]]

OPSET = 20
"""First that has Gelu; LayerNormalization came with 17 (ONNX operator changelog)."""
IR_VERSION = 9
"""What ONNX released together with opset 20."""


@dataclass(frozen=True)
class BertShape:
    """The sizes that the weights do not tell by themselves."""

    layers: int = 6
    heads: int = 12
    layer_norm_epsilon: float = 1e-12


class _Graph:
    """Nodes and initializers under construction. Each method adds what it names and returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, array: npt.NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def dense(self, prefix: str, value: str) -> str:
        """`value @ W.T + b`, as torch stores a linear layer."""
        kernel = self.constant(f"{prefix}.weight", self.weights[f"{prefix}.weight"].T)
        return self.node("Add", self.node("MatMul", value, kernel), self.weight(f"{prefix}.bias"))

    def layer_norm(self, prefix: str, value: str, epsilon: float) -> str:
        scale, bias = self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")
        return self.node("LayerNormalization", value, scale, bias, axis=-1, epsilon=epsilon)


def build(weights: Weights, shape: BertShape) -> bytes:
    """A serialised model: `token_ids` int64 [texts, tokens] to `vectors` float32 [texts, width], unit length."""
    graph = _Graph(weights)
    value = _embeddings(graph, shape)
    for layer in range(shape.layers):
        value = _layer(graph, f"encoder.layer.{layer}", value, shape)
    vectors = _pool(graph, value)
    width = weights["embeddings.word_embeddings.weight"].shape[1]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sentence_encoder",
            [helper.make_tensor_value_info("token_ids", TensorProto.INT64, ["texts", "tokens"])],
            [helper.make_tensor_value_info(vectors, TensorProto.FLOAT, ["texts", width])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _embeddings(graph: _Graph, shape: BertShape) -> str:
    """Words plus positions plus the one segment that single texts have, normalised."""
    words = graph.node("Gather", graph.weight("embeddings.word_embeddings.weight"), "token_ids")
    length = graph.node("Shape", "token_ids", start=1, end=2)
    zero, axis = graph.constant("zero", np.array([0])), graph.constant("axis_0", np.array([0]))
    positions = graph.node("Slice", graph.weight("embeddings.position_embeddings.weight"), zero, length, axis)
    segment = graph.node("Gather", graph.weight("embeddings.token_type_embeddings.weight"), zero)
    summed = graph.node("Add", graph.node("Add", words, segment), positions)
    return graph.layer_norm("embeddings.LayerNorm", summed, shape.layer_norm_epsilon)


def _layer(graph: _Graph, prefix: str, value: str, shape: BertShape) -> str:
    """Self-attention and feed-forward, each added to its input and normalised (BERT: Devlin et al. 2018)."""
    mixed = graph.dense(f"{prefix}.attention.output.dense", _attention(graph, f"{prefix}.attention.self", value, shape))
    value = graph.layer_norm(
        f"{prefix}.attention.output.LayerNorm", graph.node("Add", mixed, value), shape.layer_norm_epsilon
    )
    inner = graph.node("Gelu", graph.dense(f"{prefix}.intermediate.dense", value))
    outer = graph.node("Add", graph.dense(f"{prefix}.output.dense", inner), value)
    return graph.layer_norm(f"{prefix}.output.LayerNorm", outer, shape.layer_norm_epsilon)


def _attention(graph: _Graph, prefix: str, value: str, shape: BertShape) -> str:
    split = graph.constant(f"{prefix}.split", np.array([0, 0, shape.heads, -1]))
    query, key, content = (
        graph.node("Reshape", graph.dense(f"{prefix}.{part}", value), split) for part in ("query", "key", "value")
    )
    head_width = graph.weights[f"{prefix}.query.weight"].shape[0] // shape.heads
    scale = graph.constant(f"{prefix}.scale", np.array(head_width**-0.5, dtype=np.float32))
    query = graph.node("Mul", graph.node("Transpose", query, perm=[0, 2, 1, 3]), scale)
    scores = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 2, 3, 1]))
    shares = graph.node("Softmax", scores, axis=-1)
    heads = graph.node("MatMul", shares, graph.node("Transpose", content, perm=[0, 2, 1, 3]))
    joined = graph.constant(f"{prefix}.joined", np.array([0, 0, -1]))
    return graph.node("Reshape", graph.node("Transpose", heads, perm=[0, 2, 1, 3]), joined)


def _pool(graph: _Graph, value: str) -> str:
    """Mean over the tokens, then unit length."""
    mean = graph.node("ReduceMean", value, graph.constant("axis_tokens", np.array([1])), keepdims=0)
    length = graph.node("ReduceL2", mean, graph.constant("axis_width", np.array([1])), keepdims=1)
    return graph.node("Div", mean, length)
