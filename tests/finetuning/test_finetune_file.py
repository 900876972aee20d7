"""experiments/finetune.yaml and its data, by the tokenizer of the real base."""

from pathlib import Path

from bakeoff.finetuning.definition import load_definition
from bakeoff.finetuning.run import open_encoder, prepare

ROOT = Path(__file__).parents[2]


def test_the_projects_file_and_its_data_are_right(smollm2: Path) -> None:
    definition = load_definition(ROOT / "experiments" / "finetune.yaml")
    prepared = prepare(definition, open_encoder(str(smollm2), print))
    assert len(prepared.train) + len(prepared.validation) == 768
    assert len(prepared.validation) >= 60
