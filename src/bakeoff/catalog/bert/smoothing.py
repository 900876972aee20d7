"""How much of the outlier channels of the norms moves into the weights that read it, before both become int8.

SmoothQuant (Xiao et al. 2023, https://arxiv.org/abs/2211.10438) with alpha 0.5: channel j of a norm is divided by
`s_j = sqrt(max|x_j| / max|w_j|)` and the weights that read it are multiplied by it. In BERT the outliers sit in the
same few channels whatever the text, so random tokens show them and no calibration text is needed. Smoothing what
attention and GELU give as well made very short texts worse, so these stay as they are.
"""

from collections.abc import Mapping

import numpy as np

from bakeoff.catalog.bert.config import BertConfig
from bakeoff.catalog.bert.graph import Floats, encoder
from bakeoff.catalog.bert.safetensors import Tensors

SEQUENCES, TOKENS = 8, 64


def smoothing_factors(tensors: Tensors, config: BertConfig) -> Mapping[str, Floats]:
    """Factors by norm, powers of two: dividing is exact, and small differences between CPUs do not show.

    Raises as `encoder` does.
    """
    import onnxruntime
    from onnx import TensorProto, helper

    model, readers = encoder(tensors, config, None)
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in readers)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    words, positions = (len(tensors[f"embeddings.{kind}_embeddings.weight"]) for kind in ("word", "position"))
    ids = np.random.RandomState(0).randint(0, words, (SEQUENCES, min(TOKENS, positions)))
    activations = session.run(list(readers), {"input_ids": ids.astype(np.int64)})
    factors = {}
    for (name, weight), activation in zip(readers.items(), activations, strict=True):
        largest = np.abs(activation).max(axis=(0, 1))
        ratio = np.maximum(largest, 1e-6) / np.maximum(weight, 1e-6)
        factors[name] = np.exp2(np.rint(np.log2(ratio) / 2)).astype(np.float32)
    return factors
