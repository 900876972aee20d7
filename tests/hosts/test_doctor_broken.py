"""Forty-odd ways to break a bundle, and the one finding that each has to give."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from bakeoff.hosts.doctor import examine

FLOW_YAML, RUN_YAML = "flows/chat/flow.dag.yaml", "flows/chat/run.yaml"
EVALUATION_YAML, EVALUATION_RUN = "evaluations/chat/flow.dag.yaml", "evaluations/chat/run.yaml"
EXPERIMENT = "experiments/chat.yaml"
DATA, REQUIREMENTS, LOADING = "data/chat/questions.jsonl", "flows/chat/requirements.txt", "src/shared/loading.py"


@dataclass(frozen=True)
class Broken:
    """An edit of the good bundle (`old` replaced by `new`, or with no `old` a file written) and the one finding.

    `at` is the line, or a text that only the line has; `found_in` is the file of the finding where it is another one.
    """

    file: str
    old: str
    new: str
    at: str | int
    says: str
    severity: str = "error"
    found_in: str = ""


BROKEN = {
    "unknown flow input": Broken(
        FLOW_YAML,
        "${inputs.model}",
        "${inputs.modell}",
        "modell",
        r"no flow input 'modell': the inputs are chat_history,",
    ),
    "unknown node": Broken(
        FLOW_YAML, "    system: ${system.output}", "    system: ${sistem.output}", "sistem", "no node 'sistem'"
    ),
    "unknown node in an output": Broken(FLOW_YAML, "${chat.output}", "${chart.output}", "chart", "no node 'chart'"),
    "unknown port": Broken(
        FLOW_YAML, "${system.output}", "${system.result}", "system.result", r"write \$\{system.output\}"
    ),
    "unknown input in a condition": Broken(
        FLOW_YAML,
        '    connection: ""\n',
        '    connection: ""\n  activate:\n    when: ${inputs.go}\n    is: true\n',
        "inputs.go",
        "no flow input 'go'",
    ),
    "cycle": Broken(
        FLOW_YAML, "  inputs: {}\n", "  inputs: {a: '${chat.output}'}\n", "- name: system", "wait for each other"
    ),
    "two nodes of a name": Broken(
        EVALUATION_YAML,
        "- name: aggregate",
        "- name: score  # again\n  type: prompt\n  source: {type: code, path: score.py}\n- name: aggregate",
        "again",
        "a second node 'score'",
    ),
    "missing tool file": Broken(
        FLOW_YAML, "path: chat.py", "path: chatt.py", "chatt.py", "tool file 'chatt.py'.*not exist"
    ),
    "input that the tool does not take": Broken(
        FLOW_YAML,
        "    question: ${inputs.question}\n",
        "    question: a\n    query: b\n",
        "query",
        "no parameter 'query'",
    ),
    "input that the tool needs": Broken(
        FLOW_YAML,
        "    question: ${inputs.question}\n",
        "",
        34,
        "lacks the input 'question', which chat.py needs",
    ),
    "missing prompt": Broken(
        FLOW_YAML, "system.jinja2", "sys.jinja2", "sys.jinja2", "prompt file 'sys.jinja2'.*not exist"
    ),
    "missing include": Broken(
        EVALUATION_YAML, "- ../../src/shared", "- ../src/shared", "- ../src", "additional include .* does not exist"
    ),
    "tool file in an include": Broken(
        FLOW_YAML, "path: chat.py", "path: shared/answers.py", "shared/answers.py", "comes from additional_includes"
    ),
    "unwired chat history": Broken(
        FLOW_YAML, "    chat_history: ${inputs.chat_history}\n", "", "  chat_history:", "reaches no node"
    ),
    "mapping to an unknown input": Broken(RUN_YAML, "  model:", "  modell:", "modell", "no input 'modell'"),
    "required input without data column": Broken(
        EVALUATION_RUN, "  answer: ${run.outputs.answer}\n", "", "column_mapping:", "required input 'answer'"
    ),
    "mapped column that no row has": Broken(
        RUN_YAML,
        "${data.question}",
        "${data.query}",
        "data.query",
        "3 of 3 rows of .*questions.jsonl have no column 'query'",
    ),
    "mapped column that one row lacks": Broken(
        DATA, '"question": "What is', '"q": "What is', "question:", "1 of 3 .*line 3", found_in=RUN_YAML
    ),
    "output that the scored flow lacks": Broken(
        EVALUATION_RUN, "run.outputs.answer", "run.outputs.reply", "outputs.reply", "no output 'reply' in flows/chat"
    ),
    "data that is not there": Broken(RUN_YAML, "questions.jsonl", "rows.jsonl", "rows.jsonl", "does not exist"),
    "flow that is not there": Broken(RUN_YAML, "flow: .", "flow: ./chat", "./chat", "does not exist"),
    "connection of an unknown node": Broken(
        RUN_YAML, "  chat:\n", "  chad:\n", "chad", "node 'chad', which does not exist"
    ),
    "connection that is not registered": Broken(
        RUN_YAML, "connection: azure_openai", "connection: mine", "mine", "'mine' is not registered", "warning"
    ),
    "registered connection missing in a node": Broken(
        FLOW_YAML, 'connection: ""', "connection: other", "other", "'other' is not registered", "warning"
    ),
    "hard-coded deployment": Broken(
        FLOW_YAML,
        "    model: ${inputs.model}",
        "    model: gpt-9",
        "gpt-9",
        "'gpt-9' of node 'chat' is hard-coded",
        "warning",
    ),
    "type evaluation": Broken(
        EVALUATION_YAML, "inputs:\n  answer", "type: evaluation\ninputs:\n  answer", 7, "remove it"
    ),
    "unknown field name": Broken(FLOW_YAML, "display_name: Chat\n", "display_name: C\nname: chat\n", 3, "no field"),
    "no description": Broken(EVALUATION_YAML, "description: Scores.\n", "", 1, "has no description", "warning"),
    "variables that are no mapping": Broken(
        FLOW_YAML, "environment:\n", "environment_variables: [A]\nenvironment:\n", "[A]", "is not a mapping"
    ),
    "a key twice": Broken(
        FLOW_YAML, "description: Answers.\n", "description: A\ndescription: B\n", "description: B", "twice"
    ),
    "YAML that is none": Broken(RUN_YAML, "column_mapping:\n", "column_mapping: [\n", "question:", "not valid YAML"),
    "requirements that are not declared": Broken(
        EVALUATION_YAML, "environment:\n  python_requirements_txt: requirements.txt\n", "", 1, "add `environment: "
    ),
    "requirements that do not exist": Broken(
        FLOW_YAML, "txt: requirements.txt", "txt: needs.txt", "needs.txt", "'needs.txt' does not exist"
    ),
    "lazy import that requirements miss": Broken(
        REQUIREMENTS, "rouge-score>=0.1\n", "", 1, "misses rouge-score: src/shared/loading.py:13 imports 'rouge_score'"
    ),
    "import of another name than its distribution": Broken(
        LOADING,
        "import rouge_score\n",
        "import rouge_score, sklearn\n",
        1,
        "misses scikit-learn",
        found_in=REQUIREMENTS,
    ),
    "import that only comes along": Broken(
        LOADING,
        "import rouge_score\n",
        "import rouge_score, six\n",
        1,
        "does not name six, which only",
        "warning",
        REQUIREMENTS,
    ),
    "azure-ai-ml without a bound": Broken(
        "pyproject.toml", '"azure-ai-ml>=1.27,<1.33"', '"azure-ai-ml>=1.27"', "azure-ai-ml", "allows azure-ai-ml 1.33"
    ),
    "promptflow[azure] alone": Broken(
        REQUIREMENTS, "promptflow>", "promptflow[azure]>", 1, r"promptflow\[azure\] brings azure-ai-ml 1.33"
    ),
    "rows without an id": Broken(DATA, '"id": "b", ', "", 2, "1 of 3 rows have no id"),
    "an id twice": Broken(DATA, '"id": "c"', '"id": "a"', 3, "id 'a' is that of line 1 too"),
    "a line that is no JSON": Broken(DATA, '{"id": "c"', '"id": "c"', 3, "not valid JSON"),
    "an answer in its question": Broken(
        DATA, "What is said", "Who says Mind the gap -- please, do", 3, "holds the whole reference answer", "warning"
    ),
    "a reference answer given to the flow": Broken(
        RUN_YAML,
        "model: small",
        "model: ${data.ground_truth}",
        "ground_truth",
        "gives the flow the reference",
        "warning",
    ),
    "key in a connection": Broken(
        "connections/azure_openai.yaml",
        "<user-input>",
        "0123456789abcdef0123456789abcdef",
        "api_key",
        "as if it held a key",
    ),
    "key in a tool file": Broken(
        "flows/chat/chat.py", "    return", f"    'sk-proj-{'a1' * 12}'\n    return", "sk-", "an OpenAI key"
    ),
    "contender with an unknown input": Broken(
        EXPERIMENT,
        "{model: small}",
        "{modell: small}",
        "modell",
        "contenders.small.inputs.modell: .*did you mean model",
    ),
    "experiment without a known metric": Broken(
        EXPERIMENT, "decision: score", "decision: f1", "f1", "not among the metrics"
    ),
    "contender with an unregistered connection": Broken(
        EXPERIMENT,
        "    inputs: {model: small}",
        "    connections: {chat: {connection: mine}}",
        "mine",
        "'mine' is not registered",
        "warning",
    ),
    "experiment with prices that are not there": Broken(
        EXPERIMENT, "decision: score", "decision: score\nprices: mine.yaml", 0, "no such price file"
    ),
    ".env in a flow": Broken("flows/chat/.env", "", "A=1", 0, "cloud run uploads it"),
}


def break_bundle(bundle: Path, broken: Broken) -> None:
    path = bundle / broken.file
    if broken.old:
        text = path.read_text(encoding="utf-8")
        assert text.count(broken.old) == 1, f"{broken.old!r} is not there once"
        path.write_text(text.replace(broken.old, broken.new), encoding="utf-8")
    else:
        path.write_text(broken.new, encoding="utf-8")


def line_with(path: Path, text: str) -> int:
    (line,) = (number for number, line in enumerate(path.read_text().splitlines(), start=1) if text in line)
    return line


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_bundle_has_exactly_one_finding(good_bundle: Path, broken: Broken) -> None:
    break_bundle(good_bundle, broken)
    (finding,) = examine(good_bundle).findings
    path = good_bundle / (broken.found_in or broken.file)
    line = broken.at if isinstance(broken.at, int) else line_with(path, broken.at)
    assert (finding.path, finding.line, finding.severity) == (path, line, broken.severity)
    assert re.search(broken.says, finding.message), finding.message
