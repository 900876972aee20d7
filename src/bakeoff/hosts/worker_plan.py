"""How many workers a batch gets, and whether this machine has room for its model: said before it starts."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bakeoff import catalog
from bakeoff.catalog.tuned import split_name
from bakeoff.errors import BakeoffError
from bakeoff.serving import memory
from bakeoff.serving.shared import SWITCH
from bakeoff.serving.shared_address import WORKERS

THREADS = "BAKEOFF_THREADS"
ENDPOINTS = ("openai:", "azure:")
MODEL_INPUTS = ("model", "judge")
"""Flow inputs that name a chat model."""
WORKER_BYTES = 150_000_000
"""Of a Prompt Flow worker without a model: 120 MB of a flow's libraries and some for its rows."""


@dataclass(frozen=True)
class Plan:
    """environment: the variables that carry it out, those that were set before among them. said: it in a line."""

    environment: Mapping[str, str]
    said: str


def plan_workers(specification: Mapping[str, Any], rows: int) -> Plan:
    """The plan for a run file's content (absolute `flow`, `column_mapping`, `environment_variables`).

    PF_WORKER_COUNT of the run file, or else of the environment, wins; without it there is a worker a core, as far as
    memory and rows go. Workers that load a copy each divide the cores, unless BAKEOFF_THREADS is set. Raises
    BakeoffError with the figures where the local models (of MODEL_INPUTS) do not fit into what is free.
    """
    environment = {**os.environ, **specification.get("environment_variables", {})}
    free, models = memory.free(), list(dict.fromkeys(_local_models(specification)))
    shared = environment.get(SWITCH, "1") != "0"
    wanted = environment.get(WORKERS, "")
    explicit = wanted.isdecimal() and int(wanted) > 0
    copy = sum(memory.needed(model) for model in models)
    if explicit:
        workers = int(wanted)
    else:
        each, once = (WORKER_BYTES, copy) if shared else (WORKER_BYTES + copy, 0)
        workers = max(1, min(memory.cores(), rows, (free - once) // each))
    streams = min(memory.STREAMS, workers)
    of_models = sum(memory.needed(model, streams) for model in models) if shared else workers * copy
    total = workers * WORKER_BYTES + of_models
    words = f"{workers} workers ({f'{WORKERS} says so' if explicit else 'one a core, as far as memory goes'})"
    threads = environment.get(THREADS) or str(max(1, memory.cores() // workers))
    plan = {WORKERS: str(workers), THREADS: threads}
    if not models:
        return Plan(plan, words)
    how = "share one copy of" if shared else "each load"
    names = " and of ".join(model.name for model in models) if shared else " and ".join(m.name for m in models)
    words += f" {how} {names}: about {total / 1e9:.1f} of {free / 1e9:.1f} GB free"
    if total > free:
        raise BakeoffError(
            f"there is no room for this run: {words}. Take fewer workers ({WORKERS}) or a smaller model, "
            f"{'' if shared else f'let them share it ({SWITCH}=1), '}or end other programs"
        )
    return Plan(plan, words)


def _local_models(specification: Mapping[str, Any]) -> Iterator[Path]:
    """The folder of each local model that an input of the run names; none of an input that differs from row to row, and
    of one that only nodes with a connection read."""
    flow = Path(specification["flow"])
    definition = yaml.safe_load((flow / "flow.dag.yaml").read_text(encoding="utf-8"))
    connections = specification.get("connections") or {}
    for name in MODEL_INPUTS:
        default = (definition.get("inputs") or {}).get(name, {}).get("default", "")
        model = str(specification.get("column_mapping", {}).get(name, default))
        reads = f"${{inputs.{name}}}"
        readers = [node["name"] for node in definition["nodes"] if reads in (node.get("inputs") or {}).values()]
        local = any(not (connections.get(node) or {}).get("connection") for node in readers)
        if not local or not model or model.startswith((*ENDPOINTS, "${")):
            continue
        try:
            yield catalog.resolve(split_name(model)[0])
        except BakeoffError:
            continue  # the run itself says what is wrong with it, or pulls it
