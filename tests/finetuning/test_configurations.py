"""DeepSpeed files by transformers' own reader, and the Azure job by azure-ai-ml's own validation; nothing is sent."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny_finetuning import write_definition

from bakeoff.errors import InputError, NotSupportedError
from bakeoff.finetuning.definition import load_definition

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def test_the_azure_job_is_valid() -> None:
    load_job = pytest.importorskip("azure.ai.ml").load_job
    job = load_job(EXPERIMENTS / "azure" / "finetune_job.yaml")
    result = job._validate()
    assert result.passed, result.error_messages
    assert job.compute == "gpu-cluster"
    assert "bakeoff finetune experiments/finetune.yaml" in job.command
    assert (EXPERIMENTS / "azure" / job.code).resolve() == EXPERIMENTS.parent


@pytest.mark.parametrize(("name", "stage"), [("zero2", 2), ("zero3", 3)])
def test_deepspeed_files_leave_the_training_settings_to_the_trainer(name: str, stage: int) -> None:
    """Read by accelerate, which transformers reads them with; deepspeed itself is not needed for that."""
    accelerate = pytest.importorskip("accelerate.utils.deepspeed", reason="the extra `finetune` is not installed")
    config = accelerate.HfDeepSpeedConfig(str(EXPERIMENTS / "deepspeed" / f"{name}.json"))
    assert (config.is_zero2(), config.is_zero3(), config.is_offload()) == (stage == 2, stage == 3, stage == 3)
    for key in ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps"):
        assert config.get_value(key) == "auto"


def test_deepspeed_where_it_is_not_installed(tmp_path: Path) -> None:
    from bakeoff.finetuning.adapter import open_base

    pytest.importorskip("torch", reason="the extra `finetune` is not installed")
    if find_spec("deepspeed"):
        pytest.skip("deepspeed is installed")
    file = str(EXPERIMENTS / "deepspeed" / "zero2.json")
    definition = load_definition(write_definition(tmp_path, training={"deepspeed": file}))
    with pytest.raises(NotSupportedError, match="pip install deepspeed"):
        open_base(definition, print)
    with pytest.raises(InputError, match="frozen_layers does not go with"):
        load_definition(write_definition(tmp_path, training={"deepspeed": file}, adapter={"frozen_layers": 1}))
