"""Write a llama model as the ONNX graph that onnxruntime-genai drives, one decoder with a key-value cache.

Attention is ONNX Runtime's GroupQueryAttention with packed q, k, v and built-in RoPE, norms are
SkipSimplifiedLayerNormalization, quantised products MatMulNBits (contrib operators, domain com.microsoft).
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, save

from bakeoff.catalog.genai_folder import LOGITS_FROM
from bakeoff.catalog.gguf.reader import GgufFile, Hyperparameters, float_vector
from bakeoff.catalog.gguf.weights import BLOCK, Matrix, hugging_face_order, nibbles, read_matrix, stack

MODEL_FILE, DATA_FILE = "model.onnx", "model.onnx.data"
ALIGNMENT = 4096  # ONNX Runtime maps external data by page
MICROSOFT = "com.microsoft"
INT8_ACTIVATIONS, FP32_ACTIVATIONS = 4, 1
"""MatMulNBits accuracy_level: activations rounded to int8 blocks, as llama.cpp computes, or as they are. ONNX Runtime
1.32 has a fast kernel for the second with 4-bit weights only: 8-bit weights then go as two halves of four bits."""


class GraphWriter:
    """Collects nodes and writes weights straight to the external data file, so memory stays flat.

    adapters: each product `name` of a layer also takes a LoRA adapter, by two optional inputs: `name.lora_A` [inputs,
    rank] and `name.lora_B` [rank, outputs], which adds `x @ A @ B`. Their default has rank 0 and adds nothing.
    rounds: whether products with quantised weights round their activations to int8.
    """

    def __init__(self, folder: Path, precision: str | None = None, *, adapters: bool = False, rounds: bool = True):
        self.folder = folder
        self.precision = precision
        self.adapters = adapters
        self.rounds = rounds
        self.adapter_inputs: list[ValueInfoProto] = []
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._data = (folder / DATA_FILE).open("wb")
        self._offsets: dict[bytes, int] = {}

    def matrix(self, gguf: GgufFile, name: str, rows: int, columns: int) -> Matrix:
        """A weight matrix of the file, [rows, columns], at the precision of this graph."""
        return read_matrix(gguf.tensor(name, (rows, columns)), self.precision)

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a weight and return its name; equal bytes (a tied embedding) are stored once, whatever their shape."""
        array = np.ascontiguousarray(array)
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        if array.nbytes < 1024:
            self.initializers.append(helper.make_tensor(name, kind, array.shape, array.tobytes(), raw=True))
            return name
        digest = sha256(array.data).digest()
        if digest not in self._offsets:
            self._data.write(b"\0" * (-self._data.tell() % ALIGNMENT))
            self._offsets[digest] = self._data.tell()
            self._data.write(array.data)
        tensor = TensorProto(name=name, data_type=kind, dims=array.shape, data_location=TensorProto.EXTERNAL)
        place = {"location": DATA_FILE, "offset": self._offsets[digest], "length": array.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.initializers.append(tensor)
        return name

    def op(self, kind: str, inputs: list[str], output: str | list[str], domain: str = "", **attributes: Any) -> str:
        outputs = [output] if isinstance(output, str) else output
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], domain=domain, **attributes))
        return outputs[0]

    def matmul(self, x: str, weights: Matrix, name: str, sums: str | None = None) -> str:
        """`x @ weights.T`, with an adapter's share where the graph takes one; `sums` names the block sums of x where
        the weights have offsets."""
        if not (self.adapters and name.startswith("blk.")):
            return self._product(x, weights, name, sums)
        product = self._product(x, weights, f"{name}.base", sums)
        return self.op("Add", [product, self._adapter(x, name, weights.columns, len(weights.packed))], name)

    def _adapter(self, x: str, name: str, columns: int, rows: int) -> str:
        for part, shape in (("lora_A", (columns, 0)), ("lora_B", (0, rows))):
            self.constant(f"{name}.{part}", np.zeros(shape, np.float32))
            dimensions = [size or f"{name}.rank" for size in shape]
            self.adapter_inputs.append(value(f"{name}.{part}", TensorProto.FLOAT, dimensions))
        down = self.op("MatMul", [x, f"{name}.lora_A"], f"{name}.lora_down")
        return self.op("MatMul", [down, f"{name}.lora_B"], f"{name}.lora_up")

    def _product(self, x: str, weights: Matrix, name: str, sums: str | None) -> str:
        if weights.scales is None:
            return self.op("MatMul", [x, self.constant(f"{name}.weight", weights.packed.T)], name)
        if weights.bits == 8 and not self.rounds:
            high, low = nibbles(weights)
            halves = [self._quantised(x, high, f"{name}.high"), self._quantised(x, low, f"{name}.low")]
            return self.op("Add", halves, name)
        if weights.offsets is None:
            return self._quantised(x, weights, name)
        product = self._quantised(x, weights, name, f"{name}.product")
        offset = self.op("MatMul", [sums or "", self.constant(f"{name}.offsets", weights.offsets.T)], f"{name}.offset")
        return self.op("Add", [product, offset], name)

    def _quantised(self, x: str, weights: Matrix, name: str, output: str | None = None) -> str:
        """`x @ weights.T` without the offsets."""
        assert weights.scales is not None
        rows, blocks = weights.scales.shape
        inputs = [x, self.constant(f"{name}.quants", weights.packed), self.constant(f"{name}.scales", weights.scales)]
        if weights.is_unsigned:
            inputs.append(self.constant(f"{name}.zeros", np.zeros((rows, -(-blocks // 2)), np.uint8)))
        return self.op(
            "MatMulNBits",
            inputs,
            output or name,
            MICROSOFT,
            K=blocks * BLOCK,
            N=rows,
            bits=weights.bits,
            block_size=BLOCK,
            accuracy_level=INT8_ACTIVATIONS if self.rounds else FP32_ACTIVATIONS,
        )

    def block_sums(self, x: str, columns: int, name: str) -> str:
        """Sum of every block of 32 inputs, [batch, tokens, blocks], as a product with a matrix of zeros and ones."""
        selector = f"block_selector.{columns}"
        if all(tensor.name != selector for tensor in self.initializers):
            self.constant(selector, np.repeat(np.eye(columns // BLOCK, dtype=np.float32), BLOCK, axis=0))
        return self.op("MatMul", [x, selector], name)

    def finish(self, inputs: list[Any], outputs: list[Any]) -> None:
        self._data.close()
        graph = helper.make_graph(self.nodes, "llama", [*inputs, *self.adapter_inputs], outputs, self.initializers)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(MICROSOFT, 1)]
        model: ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="bakeoff")
        save(model, self.folder / MODEL_FILE)


def write_graph(
    gguf: GgufFile,
    folder: Path,
    report: Callable[[str], None],
    precision: str | None = None,
    *,
    adapters: bool = False,
    rounds: bool = True,
) -> None:
    """Write model.onnx and its weights into `folder`; raises as GgufFile.tensor and read_matrix do.

    precision: of the matrices, one of weights.PRECISIONS; None keeps the blocks of the file. adapters, rounds: see
    GraphWriter.
    """
    p = gguf.hyperparameters
    graph = GraphWriter(folder, precision, adapters=adapters, rounds=rounds)
    mask_inputs(graph)
    rotary_caches(graph, p)
    embedding = graph.matrix(gguf, "token_embd.weight", p.vocab, p.hidden)
    tied = "output.weight" not in gguf.tensors
    hidden = embed(graph, embedding)
    normed = graph.op(
        "SimplifiedLayerNormalization",
        [hidden, norm_weight(graph, gguf, "blk.0.attn_norm.weight", p)],
        "blk.0.attn_norm",
        axis=-1,
        epsilon=p.rms_norm_eps,
    )
    for layer in range(p.layers):
        if layer % 10 == 0:
            report(f"import: layer {layer + 1} of {p.layers}")
        hidden, normed = write_layer(graph, gguf, layer, hidden, normed)
    write_head(graph, gguf, normed, embedding if tied else None)
    graph.finish(graph_inputs(p), graph_outputs(p))


def write_head(graph: GraphWriter, gguf: GgufFile, normed: str, tied: Matrix | None) -> None:
    """Logits of the positions from `logits_from` on; -1, its default, is the last position only.

    The vocabulary product costs a fifth of a prompt and a chat needs one row of it; scoring asks for more.
    """
    p = gguf.hyperparameters
    start = graph.constant(LOGITS_FROM, np.array([-1], dtype=np.int64))
    end = graph.constant("logits.end", np.array([np.iinfo(np.int64).max], dtype=np.int64))
    axis = graph.constant("logits.axis", np.array([1], dtype=np.int64))
    wanted = graph.op("Slice", [normed, start, end, axis], "logits.positions")
    head = tied if tied is not None else graph.matrix(gguf, "output.weight", p.vocab, p.hidden)
    project(graph, wanted, {"logits": head})


def embed(graph: GraphWriter, embedding: Matrix) -> str:
    """Look the rows of the tokens up and de-quantise just those, [batch, tokens, hidden]."""
    if embedding.scales is None:
        return graph.op("Gather", [graph.constant("embedding", embedding.packed), "input_ids"], "embedding.rows")
    rows, blocks = embedding.scales.shape
    table = graph.constant("embedding.quants", embedding.packed.reshape(rows, -1))
    looked_up = graph.op(
        "GatherBlockQuantized",
        [table, "input_ids", graph.constant("embedding.scales", embedding.scales)],
        "embedding.rows",
        MICROSOFT,
        bits=embedding.bits,
        block_size=BLOCK,
        gather_axis=0,
        quantize_axis=1,
    )
    if embedding.offsets is None:
        return looked_up
    table = graph.constant("embedding.offsets", embedding.offsets[:, :, None])
    offsets = graph.op("Gather", [table, "input_ids"], "embedding.offset_rows")
    split = graph.constant("embedding.by_block", np.array([0, 0, blocks, BLOCK], dtype=np.int64))
    joined = graph.constant("embedding.by_row", np.array([0, 0, blocks * BLOCK], dtype=np.int64))
    by_block = graph.op("Reshape", [looked_up, split], "embedding.blocks")
    return graph.op("Reshape", [graph.op("Add", [by_block, offsets], "embedding.sum"), joined], "embedding")


def mask_inputs(graph: GraphWriter) -> None:
    """What GroupQueryAttention wants of the attention mask: the last position of each row and the whole length."""
    axis = graph.constant("mask.axis", np.array([1], dtype=np.int64))
    one = graph.constant("mask.one", np.array([1], dtype=np.int64))
    length = graph.op("ReduceSum", ["attention_mask", axis], "mask.length", keepdims=0)
    last = graph.op("Sub", [length, one], "mask.last")
    graph.op("Cast", [last], "seqlens_k", to=TensorProto.INT32)
    shape = graph.op("Shape", ["attention_mask"], "mask.shape", start=1, end=2)
    total = graph.op("Squeeze", [shape], "mask.total")
    graph.op("Cast", [total], "total_sequence_length", to=TensorProto.INT32)


def rotary_caches(graph: GraphWriter, p: Hyperparameters) -> None:
    """cos and sin of every position and frequency, [context, head_dim / 2] (RoFormer, Su et al. 2021)."""
    frequencies = p.rope_theta ** (-np.arange(0, p.head_dim, 2, dtype=np.float64) / p.head_dim)
    angles = np.arange(p.context, dtype=np.float64)[:, None] * frequencies
    graph.constant("cos_cache", np.cos(angles).astype(np.float32))
    graph.constant("sin_cache", np.sin(angles).astype(np.float32))


def norm_weight(graph: GraphWriter, gguf: GgufFile, name: str, p: Hyperparameters) -> str:
    return graph.constant(name, float_vector(gguf.tensor(name, (p.hidden,))))


def write_layer(graph: GraphWriter, gguf: GgufFile, layer: int, hidden: str, normed: str) -> tuple[str, str]:
    """One decoder layer; takes and returns the residual stream and its normalised copy."""
    p, block = gguf.hyperparameters, f"blk.{layer}"
    attention = write_attention(graph, gguf, layer, normed)
    hidden, normed = add_and_norm(graph, gguf, hidden, attention, f"{block}.ffn_norm.weight")
    gate = graph.matrix(gguf, f"{block}.ffn_gate.weight", p.feed_forward, p.hidden)
    up = graph.matrix(gguf, f"{block}.ffn_up.weight", p.feed_forward, p.hidden)
    gate_name, up_name = project(graph, normed, {f"{block}.ffn_gate": gate, f"{block}.ffn_up": up})
    active = graph.op("QuickGelu", [gate_name], f"{block}.silu", MICROSOFT, alpha=1.0)
    product = graph.op("Mul", [active, up_name], f"{block}.ffn_product")
    down = graph.matrix(gguf, f"{block}.ffn_down.weight", p.hidden, p.feed_forward)
    (feed_forward,) = project(graph, product, {f"{block}.ffn_down": down})
    last = layer + 1 == p.layers
    return add_and_norm(
        graph, gguf, hidden, feed_forward, "output_norm.weight" if last else f"blk.{layer + 1}.attn_norm.weight"
    )


def write_attention(graph: GraphWriter, gguf: GgufFile, layer: int, normed: str) -> str:
    p, block = gguf.hyperparameters, f"blk.{layer}"
    matrices = []
    for part, heads, rotated in (("q", p.heads, True), ("k", p.kv_heads, True), ("v", p.kv_heads, False)):
        matrix = graph.matrix(gguf, f"{block}.attn_{part}.weight", heads * p.head_dim, p.hidden)
        matrices.append(matrix.rows(hugging_face_order(heads, p.head_dim)) if rotated else matrix)
    if len({m.kind for m in matrices}) == 1:
        inputs = [*project(graph, normed, {f"{block}.attn_qkv": stack(matrices)}), "", ""]
    else:
        inputs = list(
            project(graph, normed, {f"{block}.attn_{part}": m for part, m in zip("qkv", matrices, strict=False)})
        )
    past = [f"past_key_values.{layer}.key", f"past_key_values.{layer}.value"]
    attention = graph.op(
        "GroupQueryAttention",
        [*inputs, *past, "seqlens_k", "total_sequence_length", "cos_cache", "sin_cache"],
        [f"{block}.attention", f"present.{layer}.key", f"present.{layer}.value"],
        MICROSOFT,
        num_heads=p.heads,
        kv_num_heads=p.kv_heads,
        do_rotary=1,
        rotary_interleaved=0,
    )
    output = graph.matrix(gguf, f"{block}.attn_output.weight", p.hidden, p.heads * p.head_dim)
    return project(graph, attention, {f"{block}.attn_output": output})[0]


def project(graph: GraphWriter, x: str, matrices: dict[str, Matrix]) -> list[str]:
    """Products of one input with several matrices, which share its block sums."""
    with_offsets = [m for m in matrices.values() if m.offsets is not None]
    sums = graph.block_sums(x, with_offsets[0].columns, f"{x}.sums") if with_offsets else None
    return [graph.matmul(x, matrix, name, sums) for name, matrix in matrices.items()]


def add_and_norm(graph: GraphWriter, gguf: GgufFile, hidden: str, addend: str, norm: str) -> tuple[str, str]:
    """Residual addition and the norm that follows it, in one operator."""
    p = gguf.hyperparameters
    normed, total = norm.removesuffix(".weight"), f"{addend}.residual"
    graph.op(
        "SkipSimplifiedLayerNormalization",
        [hidden, addend, norm_weight(graph, gguf, norm, p)],
        [normed, "", "", total],
        MICROSOFT,
        epsilon=p.rms_norm_eps,
    )
    return total, normed


def graph_inputs(p: Hyperparameters) -> list[ValueInfoProto]:
    start = value(LOGITS_FROM, TensorProto.INT64, [1])
    ids = [
        value(name, TensorProto.INT64, ["batch", tokens])
        for name, tokens in (("input_ids", "tokens"), ("attention_mask", "total"))
    ]
    return [*ids, start] + [
        cache(p, f"past_key_values.{layer}.{kind}", "past") for layer in range(p.layers) for kind in ("key", "value")
    ]


def graph_outputs(p: Hyperparameters) -> list[ValueInfoProto]:
    logits = [value("logits", TensorProto.FLOAT, ["batch", 1, p.vocab])]
    return logits + [
        cache(p, f"present.{layer}.{kind}", "total") for layer in range(p.layers) for kind in ("key", "value")
    ]


def cache(p: Hyperparameters, name: str, length: str) -> ValueInfoProto:
    return value(name, TensorProto.FLOAT, ["batch", p.kv_heads, length, p.head_dim])


def value(name: str, kind: int, shape: list[str | int]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
