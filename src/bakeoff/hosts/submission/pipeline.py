"""A flow and its evaluation as an Azure ML pipeline of parallel steps: data of any size, on many machines.

    split -> flow -> merge                              numbered rows, mini-batches of them, results in their order
    split -> flow -> join -> evaluation -> merge

`flow` and `evaluation` are the components that azure-ai-ml makes of a flow. A parallel step sees one mini-batch at a
time, so the evaluation goes there without its aggregate node; `merge` runs that node once, over all scores.
"""

import json
import logging
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from bakeoff.errors import InputError
from bakeoff.hosts.doctor.mappings import OUTPUT
from bakeoff.hosts.doctor.requirement_files import read_requirements
from bakeoff.hosts.experiment_key import digest
from bakeoff.hosts.promptflow_data import COLUMN
from bakeoff.hosts.promptflow_rows import IN_BATCH
from bakeoff.hosts.submission.plan import EXPECTED_ROWS, RunPlan
from bakeoff.hosts.submission.snapshot import FLOW_FILE, content_digest
from bakeoff.hosts.submission.steps.join import OUTPUTS
from bakeoff.hosts.submission.steps.merge import aggregation_columns, aggregation_inputs
from bakeoff.yaml_lines import mapping

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
PYTHON = "3.11"
RUN_STEP = "python -m bakeoff.hosts.submission.steps"


@dataclass(frozen=True)
class Scale:
    """How a pipeline spreads.

    compute: name of a cluster in the workspace. nodes: machines of it for each parallel step. concurrency: processes a
    machine. mini_batch: rows that a process takes at a time, and tries again as a whole, up to `retries` times and
    `timeout` seconds each. error_threshold: failed rows that stop the step; -1 for never.
    """

    compute: str
    nodes: int = 2
    concurrency: int = 2
    mini_batch: int = 100
    retries: int = 3
    timeout: int = 600
    error_threshold: int = -1


@dataclass(frozen=True)
class PipelinePlan:
    """A pipeline that could be submitted.

    data: a path here, or what Azure calls the data (`azureml:...`); then the rows of the run file are those that were
    checked. number: above 1 for a repetition of the same content.
    """

    base: RunPlan
    evaluation: RunPlan | None
    data: str
    scale: Scale
    number: int = 1

    @property
    def name(self) -> str:
        """The flow's name and a hash of all that the pipeline depends on; for a repetition with its number."""
        evaluation = self.evaluation.name if self.evaluation else None
        content = [self.base.name, evaluation, self.data if self.is_remote else None, asdict(self.scale)]
        repetition = f"_{self.number}" if self.number > 1 else ""
        return f"{self.base.flow.folder.name}_scale_{digest(content)[:12]}{repetition}"

    @property
    def is_remote(self) -> bool:
        """Whether the data are in Azure: an asset `azureml:NAME:VERSION` or a path `azureml://datastores/...`."""
        return self.data.startswith("azureml:")

    @property
    def data_type(self) -> str:
        """As Azure ML calls a file or a folder."""
        return "uri_file" if Path(self.data).suffix == ".jsonl" else "uri_folder"

    @property
    def steps(self) -> list[str]:
        """Names of its steps, in their order."""
        return ["split", "flow", *(["join", "evaluation"] if self.evaluation else []), "merge"]


def components(plan: PipelinePlan, scratch: Path) -> dict[str, Any]:
    """azure-ai-ml's component of each step, made of copies in new folders of `scratch`.

    Each has a name and a version that is a hash of its content: azure-ai-ml gives all flows without a name the same
    hash, and then one pipeline runs the same flow twice. Raises InputError for a flow that cannot be one.
    """
    quiet()
    made = {"flow": _flow_component(plan.base, scratch / "flow")}
    if plan.evaluation:
        made["evaluation"] = _flow_component(plan.evaluation, scratch / "evaluation")
    return made | _commands(plan)


def build(plan: PipelinePlan, made: Mapping[str, Any], datastore: str) -> Any:
    """The pipeline job, an `azure.ai.ml.entities.PipelineJob`. made: see `components`."""
    from azure.ai.ml import Input, Output, dsl

    scale, on = plan.scale, plan.scale.compute

    @dsl.pipeline(None, name=plan.name)
    def pipeline(data):  # type: ignore[no-untyped-def]  # azure-ai-ml takes annotations for types of data
        # and the names of these variables for those of the steps
        split = _command(made["split"], on, data=data)
        flow = _parallel(made["flow"], scale, plan.base, split.outputs.rows)
        given = {"rows": split.outputs.rows, "outputs": flow.outputs.flow_outputs}
        if plan.evaluation:
            join = _command(made["join"], on, **given)
            evaluation = _parallel(made["evaluation"], scale, plan.evaluation, join.outputs.joined)
            given["scores"] = evaluation.outputs.flow_outputs
        merge = _command(made["merge"], on, **given)
        return {"results": merge.outputs.results}

    job: Any = pipeline(data=Input(type=plan.data_type, path=plan.data))
    job.name = job.display_name = plan.name
    job.experiment_name = plan.base.flow.folder.name
    job.settings.force_rerun = plan.number > 1
    job.outputs.results = Output(type="uri_folder", path=results_uri(plan, datastore), mode="rw_mount")
    return job


def checked(plan: PipelinePlan, made: Mapping[str, Any]) -> str:
    """The pipeline as YAML, after azure-ai-ml has checked it without a login; raises InputError for what it found."""
    job = build(plan, made, "workspaceblobstore")
    found = job._validate()
    if not found.passed:
        raise InputError(f"azure-ai-ml refuses the pipeline {plan.name}: {found}")
    return str(job)


def results_uri(plan: PipelinePlan, datastore: str) -> str:
    """Where the pipeline leaves rows, scores and metrics."""
    return f"azureml://datastores/{datastore}/paths/bakeoff/{plan.name}/"


def quiet() -> None:
    """Keep azure-ai-ml from telling on every call which of its own classes are experimental."""
    import azure.ai.ml  # noqa: F401  # it sets the level of its logger

    for noisy in ("azure", "azure.ai.ml", "msrest"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _flow_component(plan: RunPlan, folder: Path) -> Any:
    """The flow, without its aggregate nodes, in a folder of its own with the tool list that azure-ai-ml insists on."""
    from azure.ai.ml import load_component
    from azure.ai.ml.exceptions import ValidationException
    from marshmallow import ValidationError
    from promptflow._sdk._errors import GenerateFlowToolsJsonError
    from promptflow._sdk._utilities.general_utils import generate_flow_tools_json

    shutil.copytree(plan.snapshot, folder)
    file = folder / FLOW_FILE
    flow = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    if flow.get("type") == "evaluation":
        line = plan.flow.document.line("type")
        raise InputError(
            f"{plan.flow.document.path}:{line}: Azure ML takes no component of `type: evaluation`: omit it"
        )
    flow["nodes"] = [node for node in flow["nodes"] if not node.get("aggregation")]
    file.write_text(yaml.safe_dump(flow, sort_keys=False, allow_unicode=True), encoding="utf-8")
    try:
        generate_flow_tools_json(folder, used_packages_only=True)
        component = load_component(file)
    except GenerateFlowToolsJsonError as error:
        raise InputError(f"{plan.flow.folder} cannot be a component: its tools do not load here: {error}") from error
    except (ValidationException, ValidationError) as error:
        raise InputError(f"{plan.flow.document.path} is no component for Azure ML: {error}") from error
    kind = "_eval" if plan.base else ""
    component.name = f"bakeoff_{re.sub('[^a-z0-9_]', '_', plan.flow.folder.name.lower())}{kind}"
    component.version = digest([content_digest(plan.files), flow])[:12]
    return component


def _commands(plan: PipelinePlan) -> dict[str, Any]:
    from azure.ai.ml import Input, Output
    from azure.ai.ml.entities import CommandComponent

    host = plan.evaluation or plan.base
    environment, requirements = _environment(host)
    constants = shlex.quote(json.dumps(_constants(plan.evaluation))) if plan.evaluation else ""
    scores = {"scores": f" --evaluation . --constants {constants}"} if plan.evaluation else {}
    made = {}
    for step, inputs, output, more in (
        ("split", ("data",), "rows", ""),
        ("join", ("rows", "outputs"), "joined", ""),
        ("merge", ("rows", "outputs", *scores), "results", scores.get("scores", "")),
    ):
        if step in plan.steps:
            given = " ".join(f"--{name} ${{{{inputs.{name}}}}}" for name in inputs)
            command = f"{RUN_STEP} {step} {given} --{output} ${{{{outputs.{output}}}}}{more}"
            made[step] = CommandComponent(
                name=f"bakeoff_{step}",
                version=digest([content_digest(host.files), command, requirements, IMAGE, plan.data_type])[:12],
                code=str(host.snapshot),
                command=command,
                environment=environment,
                inputs={name: Input(type=plan.data_type if name == "data" else "uri_folder") for name in inputs},
                outputs={output: Output(type="uri_folder")},
            )
    return made


def _environment(plan: RunPlan) -> tuple[Any, list[str]]:
    """What the command steps run in: the requirements of the flow whose snapshot they run from."""
    from azure.ai.ml.entities import Environment

    declared = mapping(plan.flow.document.value.get("environment")).get("python_requirements_txt")
    lines = read_requirements(plan.snapshot / str(declared)) if declared else []
    requirements = [str(line.requirement) for line in lines] or ["promptflow"]
    dependencies = [f"python={PYTHON}", "pip", {"pip": requirements}]
    conda = {"name": "bakeoff", "channels": ["conda-forge"], "dependencies": dependencies}
    return Environment(image=IMAGE, conda_file=conda), requirements


def _command(component: Any, compute: str, **inputs: Any) -> Any:
    node = component(**inputs)
    node.compute = compute
    return node


def _parallel(component: Any, scale: Scale, run: RunPlan, data: Any) -> Any:
    connections = mapping(run.settings.get("connections"))
    node = component(data=data, **_inputs(run), **({"connections": connections} if connections else {}))
    node.compute = scale.compute
    node.resources = {"instance_count": scale.nodes}
    node.max_concurrency_per_instance = scale.concurrency
    node.mini_batch_size = scale.mini_batch
    node.retry_settings = {"max_retries": scale.retries, "timeout": scale.timeout}
    node.error_threshold = scale.error_threshold
    node.mini_batch_error_threshold = scale.error_threshold
    variables = mapping(run.settings.get("environment_variables"))
    node.environment_variables = {"PF_INPUT_FORMAT": "jsonl", IN_BATCH: "1"} | {
        str(k): str(v) for k, v in variables.items()
    }
    return node


def _inputs(run: RunPlan) -> dict[str, str]:
    """The column mapping, where a batch run would fill an input without one from the column of its name too.

    Outputs of the base run are columns of the joined rows.
    """
    filled = {name: f"${{data.{name}}}" for name, value in run.flow.inputs.items() if "default" not in mapping(value)}
    given = filled | run.column_mapping
    return {str(name): _text(value) for name, value in given.items() if name != EXPECTED_ROWS}


def _text(value: object) -> str:
    if isinstance(value, str):
        match = OUTPUT.fullmatch(value)
        return f"${{data.{OUTPUTS}{match[1]}}}" if match else value
    return json.dumps(value)


def _constants(evaluation: RunPlan) -> dict[str, Any]:
    """What the evaluation's column mapping gives inputs that are the same for every row.

    Raises InputError where the aggregate node wants what `merge` cannot give it.
    """
    from promptflow.contracts.flow import Flow

    constants = {
        name: value
        for name, value in evaluation.column_mapping.items()
        if not (isinstance(value, str) and any(column.fullmatch(value) for column in (COLUMN, OUTPUT)))
    }
    flow = Flow.from_yaml(Path(FLOW_FILE), working_dir=evaluation.snapshot)
    aggregation_columns(flow)
    for name in aggregation_inputs(flow):
        if name not in constants and flow.inputs[name].default is None:
            raise InputError(f"an aggregate node wants the input {name!r} of each row: give it a node's output instead")
    return {name: value for name, value in constants.items() if name != EXPECTED_ROWS}
