"""What a BERT's config.json says about its shape."""

import json
from dataclasses import dataclass
from pathlib import Path

from bakeoff.errors import ModelCorruptError, NotSupportedError


@dataclass(frozen=True)
class BertConfig:
    """Layers, width of a token's vector, attention heads, and the epsilon of the layer norms."""

    layers: int
    hidden: int
    heads: int
    epsilon: float


def read_config(path: Path) -> BertConfig:
    """Raises ModelCorruptError for an unreadable file and NotSupportedError for a model that is no plain BERT."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        kind = (data["model_type"], data["hidden_act"], data.get("position_embedding_type", "absolute"))
        config = BertConfig(
            int(data["num_hidden_layers"]),
            int(data["hidden_size"]),
            int(data["num_attention_heads"]),
            float(data["layer_norm_eps"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelCorruptError(f"{path} is not a BERT configuration ({type(error).__name__}: {error})") from error
    if kind != ("bert", "gelu", "absolute"):
        raise NotSupportedError(f"{path}: {', '.join(map(str, kind))}: only BERT with gelu and absolute positions")
    return config
