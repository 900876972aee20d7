"""Write a BERT encoder as an ONNX graph for the CPU: int8 weights, no padding, fast norms.

What makes it fast and keeps it close to the published model; perf/embedding.py measures it.

Products take uint8 activations times int8 weights (one scale an output channel). Activations are quantised with one
scale a token (its largest absolute value), not one a tensor as `quantize_dynamic` does: an outlier costs precision in
its own token only, and a vector cannot depend on its neighbours in a batch. A few channels of every token are far
larger than the others; bakeoff.catalog.bert.smoothing says how much of that moves into the weights.

There is no attention mask: all rows of a batch have the same length. Without a mask ONNX Runtime's MultiHeadAttention
takes its flash kernel.

LayerNorm(s) is written as RMSNorm(s - mean(s)), since ONNX Runtime's LayerNormalization is scalar code. Its shift is
not added: it is folded into the biases of everything that reads the result.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from bakeoff.catalog.bert.config import BertConfig
from bakeoff.catalog.bert.safetensors import Tensors
from bakeoff.errors import ModelCorruptError

MICROSOFT = "com.microsoft"
LARGEST = 127
NORM = ".norm"
OUTPUT = "last_hidden_state"

Floats = NDArray[np.float32]


class GraphWriter:
    """Collects nodes and weights.

    epsilon: of the norms. smoothing: for each norm that a product reads the factor of every channel; None writes
    products in float32, and `readers` then holds those norms and the largest weight that reads each channel.
    """

    def __init__(self, epsilon: float, smoothing: Mapping[str, Floats] | None):
        self.epsilon = epsilon
        self.smoothing = smoothing
        self.readers: dict[str, Floats] = {}
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.constant("last_axis", np.array([-1]))
        if smoothing is not None:
            self.constant("one", np.float32(1))
            self.constant("middle", np.uint8(128))
            self.constant("step", np.float32(1 / LARGEST))

    def constant(self, name: str, value: Any) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def op(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def products(self, x: str, weights: Mapping[str, Floats]) -> list[str]:
        """`x @ weight.T` by name, for weights [outputs, inputs]."""
        if self.smoothing is None:
            if x.endswith(NORM):
                self.readers[x] = np.abs(np.concatenate(list(weights.values()))).max(axis=0)
            return [self.op("MatMul", [x, self.constant(f"{n}.weight", w.T)], n) for n, w in weights.items()]
        factors = self.smoothing.get(x)
        if factors is not None:
            x = self.op("Mul", [x, self.constant(f"{x}.smoothing", 1 / factors)], f"{x}.smooth")
            weights = {name: weight * factors for name, weight in weights.items()}
        quantised = self.quantise(x)
        return [self.matmul(quantised, weight, name) for name, weight in weights.items()]

    def quantise(self, x: str) -> tuple[str, str]:
        """x as uint8 around 128, and the scale of each token, [batch, tokens, 1]."""
        largest = self.op("ReduceMax", [self.op("Abs", [x], f"{x}.abs"), "last_axis"], f"{x}.max", keepdims=1)
        scale = self.op("Mul", [largest, "step"], f"{x}.scale")
        scaled = self.op("Div", [x, scale], f"{x}.scaled")
        return self.op("QuantizeLinear", [scaled, "one", "middle"], f"{x}.quants"), scale

    def matmul(self, quantised: tuple[str, str], weight: Floats, name: str) -> str:
        quants, token_scale = quantised
        scale = np.maximum(np.abs(weight).max(axis=1) / LARGEST, np.finfo(np.float32).tiny)
        product = self.op(
            "MatMulIntegerToFloat",
            [
                quants,
                self.constant(f"{name}.weight", np.rint(weight / scale[:, None]).astype(np.int8).T),
                "one",
                self.constant(f"{name}.weight_scale", scale),
                "middle",
            ],
            f"{name}.product",
            MICROSOFT,
        )
        return self.op("Mul", [product, token_scale], name)

    def norm(self, x: str, scale: Floats, name: str) -> str:
        """Layer norm of x without its shift."""
        centred = self.op("Sub", [x, self.op("ReduceMean", [x, "last_axis"], f"{name}.mean")], f"{name}.centred")
        weight = self.constant(f"{name}.weight", scale)
        return self.op("SimplifiedLayerNormalization", [centred, weight], name, axis=-1, epsilon=self.epsilon)

    def residual_norm(self, x: str, residual: str, bias: Floats, scale: Floats, name: str) -> str:
        total = self.op("Add", [x, residual], f"{name}.sum")
        shifted = self.op("Add", [total, self.constant(f"{name}.bias", bias)], f"{name}.shifted")
        return self.norm(shifted, scale, name)


def encoder(
    tensors: Tensors, config: BertConfig, smoothing: Mapping[str, Floats] | None
) -> tuple[ModelProto, Mapping[str, Floats]]:
    """The graph from `input_ids` [batch, tokens] int64 to `last_hidden_state` [batch, tokens, hidden] float32.

    smoothing None gives it in float32, with what GraphWriter calls its readers. Raises ModelCorruptError where a tensor
    is missing or does not fit.
    """
    graph = GraphWriter(config.epsilon, smoothing)
    try:
        x, shift = write_embeddings(graph, tensors)
        for layer in range(config.layers):
            x, shift = write_layer(graph, tensors, f"encoder.layer.{layer}", config.heads, x, shift)
    except (KeyError, ValueError) as error:
        raise ModelCorruptError(f"the weights do not fit the configuration: {error}") from error
    graph.op("Add", [x, graph.constant("last_shift", shift)], OUTPUT)
    proto = helper.make_graph(
        graph.nodes,
        "bert",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", "tokens", config.hidden])],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=10, producer_name="bakeoff"), graph.readers


def folded(bias: Floats, weight: Floats, shift: Floats) -> Floats:
    """The bias of a product that reads x without its shift; in float64, so that every machine writes the same bytes."""
    total = bias + (weight.astype(np.float64) * shift).sum(axis=1)
    result: Floats = total.astype(np.float32)
    return result


def write_embeddings(graph: GraphWriter, tensors: Tensors) -> tuple[str, Floats]:
    """Words plus positions (all of the first segment), normalised; gives the result and the shift it lacks."""
    words = graph.constant("words", tensors["embeddings.word_embeddings.weight"])
    segment = tensors["embeddings.token_type_embeddings.weight"][0]
    table = graph.constant("positions", tensors["embeddings.position_embeddings.weight"] + segment)
    start, axis = graph.constant("start", np.array([0])), graph.constant("first_axis", np.array([0]))
    tokens = graph.op("Shape", ["input_ids"], "tokens", start=1, end=2)
    positions = graph.op("Slice", [table, start, tokens, axis], "position_rows")
    x = graph.op("Add", [graph.op("Gather", [words, "input_ids"], "word_rows"), positions], "embeddings")
    shift: Floats = tensors["embeddings.LayerNorm.bias"]
    return graph.norm(x, tensors["embeddings.LayerNorm.weight"], "embeddings.norm"), shift


def write_layer(
    graph: GraphWriter, tensors: Tensors, layer: str, heads: int, x: str, shift: Floats
) -> tuple[str, Floats]:
    """One encoder layer; takes and gives the stream and the shift it lacks."""

    def weight(part: str) -> Floats:
        return tensors[f"{layer}.{part}.weight"]

    def bias(part: str) -> Floats:
        return tensors[f"{layer}.{part}.bias"]

    parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
    projected = graph.products(x, {f"{layer}.{part}": weight(part) for part in parts})
    biases = np.concatenate([folded(bias(part), weight(part), shift) for part in parts])
    attention = graph.op(
        "MultiHeadAttention",
        [*projected, graph.constant(f"{layer}.attention.bias", biases)],
        f"{layer}.attention",
        MICROSOFT,
        num_heads=heads,
    )
    part = "attention.output"
    (output,) = graph.products(attention, {f"{layer}.{part}": weight(f"{part}.dense")})
    attended = graph.residual_norm(
        output, x, bias(f"{part}.dense") + shift, weight(f"{part}.LayerNorm"), f"{layer}.{part}.norm"
    )
    shift = bias(f"{part}.LayerNorm")

    up = weight("intermediate.dense")
    (wide,) = graph.products(attended, {f"{layer}.intermediate": up})
    wide_bias = graph.constant(f"{layer}.intermediate.bias", folded(bias("intermediate.dense"), up, shift))
    active = graph.op("BiasGelu", [wide, wide_bias], f"{layer}.gelu", MICROSOFT)
    (output,) = graph.products(active, {f"{layer}.output": weight("output.dense")})
    scale = weight("output.LayerNorm")
    return (
        graph.residual_norm(output, attended, bias("output.dense") + shift, scale, f"{layer}.output.norm"),
        bias("output.LayerNorm"),
    )
