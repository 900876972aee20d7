"""The base as a torch model, and peft's adapter around it."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bakeoff.catalog.weights_file import weights_file
from bakeoff.errors import InputError, NotSupportedError
from bakeoff.finetuning.base import load_base
from bakeoff.finetuning.definition import FineTuning


def open_base(definition: FineTuning, report: Callable[[str], None]) -> Any:
    """The base in float32; with qlora in 4 bits on the GPU.

    Raises NotSupportedError for qlora without a GPU or bitsandbytes and for a DeepSpeed file without deepspeed.
    """
    kind = definition.adapter.kind
    if definition.training.deepspeed and find_spec("deepspeed") is None:
        raise NotSupportedError("training.deepspeed needs deepspeed: `pip install deepspeed`, or leave it out")
    if kind == "qlora":
        _check_qlora()
    if not (Path(definition.base) / "config.json").is_file():
        if kind == "qlora":
            raise NotSupportedError("qlora quantises a Hugging Face folder: give its path as `base`, or take lora")
        model: Any = load_base(weights_file(definition.base, report))
    else:
        model = _from_folder(Path(definition.base), quantised=kind == "qlora")
    layers = model.config.num_hidden_layers
    if definition.adapter.frozen_layers >= layers:
        raise InputError(f"adapter.frozen_layers is {definition.adapter.frozen_layers}: the base has {layers} layers")
    return model


def wrap(model: Any, definition: FineTuning) -> Any:
    """The model with a fresh adapter; only that is trained."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    settings = definition.adapter
    if settings.kind == "qlora":
        model = prepare_model_for_kbit_training(model)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.modules),
        use_dora=settings.kind == "dora",
    )
    return get_peft_model(model, config)


def _from_folder(folder: Path, *, quantised: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    options: dict[str, Any] = {"dtype": torch.float32}
    if quantised:
        compute = torch.bfloat16
        options = {
            "quantization_config": BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute
            )
        }
    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, **options)


def _check_qlora() -> None:
    import torch

    if not torch.cuda.is_available():
        raise NotSupportedError("adapter.kind qlora needs a CUDA device and this machine has none: take lora or dora")
    if find_spec("bitsandbytes") is None:
        raise NotSupportedError("adapter.kind qlora needs bitsandbytes: `pip install bitsandbytes`")
