"""One training run: transformers' Trainer on an adapter, the loss on the answers, frozen layers computed once."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from bakeoff.finetuning.definition import FineTuning
from bakeoff.finetuning.tokens import IGNORED, TokenRow

Features = dict[str, Tensor]
ROWS_AT_ONCE = 16


def train(
    model: PreTrainedModel,
    adapted: nn.Module,
    train_rows: Sequence[Features],
    validation_rows: Sequence[Features],
    definition: FineTuning,
    folder: Path,
    report: Callable[[str], None],
    note: Callable[[], None],
) -> list[Mapping[str, float]]:
    """Train `adapted` (peft's model around `model`) and leave the best weights in it; the log of losses by step.

    Checkpoints lie in `folder`; a run that was killed goes on from the last whole one. report gets a line, and note is
    called, whenever losses are logged.
    """
    settings = definition.training
    checkpoint = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if checkpoint:
        report(f"going on from {Path(checkpoint).name}")
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps,
        eval_strategy="steps",
        eval_steps=settings.evaluate_every,
        save_strategy="steps",
        save_steps=settings.evaluate_every,
        save_total_limit=2,
        logging_steps=max(1, settings.evaluate_every // 5),
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        seed=definition.seed,
        data_seed=definition.seed,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=torch.cuda.is_available(),
        deepspeed=str(settings.deepspeed) if settings.deepspeed else None,
    )
    trainer = _AnswerTrainer(
        model=adapted,
        args=arguments,
        train_dataset=list(train_rows),
        eval_dataset=list(validation_rows),
        data_collator=collate,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=settings.patience), _Progress(report, note)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.base = model
    trainer.train(resume_from_checkpoint=checkpoint)
    return [dict(entry) for entry in trainer.state.log_history]


def to_features(rows: Sequence[TokenRow], stem: "Stem | None") -> list[Features]:
    """Tensors of each row: ids, or what the frozen layers make of them, and labels."""
    plain = [{"input_ids": torch.tensor(row.ids), "labels": torch.tensor(row.labels)} for row in rows]
    if stem is None:
        return plain
    features: list[Features] = [{} for _ in plain]
    by_length = sorted(range(len(plain)), key=lambda i: len(rows[i].ids))
    for start in range(0, len(plain), ROWS_AT_ONCE):
        places = by_length[start : start + ROWS_AT_ONCE]
        for i, hidden in zip(places, stem(collate([plain[i] for i in places])), strict=True):
            features[i] = {"inputs_embeds": hidden[: len(rows[i].ids)].clone(), "labels": plain[i]["labels"]}
    return features


class Stem:
    """The lowest layers of a model, taken off it: their output is what the rest takes for embeddings."""

    def __init__(self, model: Any, layers: int):
        inner = model.model
        self._inner = inner
        self._low = inner.layers[:layers]
        self._rest, self._norm = inner.layers[layers:], inner.norm
        self._count = model.config.num_hidden_layers
        self._config = model.config
        self.split()

    def split(self) -> None:
        self._inner.layers = self._rest
        self._config.num_hidden_layers = len(self._rest)

    def join(self) -> None:
        """Put the layers back."""
        self._inner.layers = nn.ModuleList([*self._low, *self._inner.layers])
        self._config.num_hidden_layers = self._count

    @torch.no_grad()
    def __call__(self, batch: Features) -> Tensor:
        """Hidden states [rows, tokens, hidden] of padded ids."""
        inner = self._inner
        above, inner.layers, inner.norm = inner.layers, self._low, nn.Identity()
        self._config.num_hidden_layers = len(self._low)
        try:
            hidden: Tensor = inner(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False
            ).last_hidden_state
        finally:
            inner.layers, inner.norm = above, self._norm
            self._config.num_hidden_layers = len(above)
        return hidden


def collate(rows: Sequence[Features]) -> Features:
    """Rows side by side, padded on the right; the attention is causal, so nothing looks at the padding."""
    first = next(name for name in rows[0] if name != "labels")
    pad = nn.utils.rnn.pad_sequence
    lengths = torch.tensor([len(row["labels"]) for row in rows])
    mask = (torch.arange(int(lengths.max()))[None] < lengths[:, None]).long()
    return {
        first: pad([row[first] for row in rows], batch_first=True),
        "labels": pad([row["labels"] for row in rows], batch_first=True, padding_value=IGNORED),
        "attention_mask": mask,
    }


class _AnswerTrainer(Trainer):
    """Computes the vocabulary product for answer tokens only: it is a fifth of a small model."""

    base: Any

    def compute_loss(
        self, model: nn.Module, inputs: Features, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs["labels"][:, 1:]
        wanted = labels != IGNORED
        given = {name: value for name, value in inputs.items() if name != "labels"}
        hidden = self.base.model(**given, use_cache=False).last_hidden_state[:, :-1][wanted]
        logits = self.base.lm_head(hidden).float()
        total = nn.functional.cross_entropy(logits, labels[wanted], reduction="sum")
        loss = total / (num_items_in_batch if num_items_in_batch is not None else wanted.sum())
        return (loss, {"loss": loss}) if return_outputs else loss

    def prediction_step(
        self, model: nn.Module, inputs: Features, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[Tensor, None, None]:
        with torch.no_grad():
            loss = self.compute_loss(model, self._prepare_inputs(inputs))
        return loss.detach(), None, None


class _Progress(TrainerCallback):
    """A line for each log: step, losses, time left."""

    def __init__(self, report: Callable[[str], None], note: Callable[[], None]):
        self._report, self._note = report, note
        self._started, self._first = time.monotonic(), 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._started, self._first = time.monotonic(), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **_: Any) -> None:
        self._note()
        done = state.global_step - self._first
        left = (time.monotonic() - self._started) / done * (state.max_steps - state.global_step) if done else 0
        losses = [
            f"{key.replace('eval_loss', 'validation loss')} {float(value):.4f}"
            for key, value in (logs or {}).items()
            if key in ("loss", "eval_loss")
        ]
        if losses:
            minutes, seconds = divmod(round(left), 60)
            self._report(
                f"step {state.global_step} of {state.max_steps}  {'  '.join(losses)}  {minutes}:{seconds:02} left"
            )
