"""Every connection template loads with Prompt Flow itself, and no file of the repository holds a secret."""

import re
from pathlib import Path

import pytest
import yaml
from promptflow._sdk._load_functions import load_connection

from bakeoff.content_safety import API_VERSION, ContentSafetyTarget, content_safety_target
from bakeoff.errors import InputError
from bakeoff.hosts.doctor.secret_strings import TEXT, secret_in
from bakeoff.models.endpoint import endpoint_from_connection
from bakeoff.retrieval.azure_search_target import AzureSearchTarget, search_target

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "connections"
TEMPLATES = sorted(FOLDER.glob("*.yaml"))
FILLED_IN = {
    "azure_openai": ("azure_openai", [{"api_base": "https://r.openai.azure.com"}, {"api_key": "key-1"}]),
    "azure_openai_entra": ("azure_openai", [{"api_base": "https://r.openai.azure.com"}]),
    "openai": ("openai", [{"api_key": "key-1"}]),
    "openai_compatible": ("openai", []),
    "local_server": ("openai", []),
    "serverless": ("serverless", [{"api_base": "https://e.eastus.models.ai.azure.com"}, {"api_key": "key-1"}]),
    "custom": ("openai", [{"configs": {"base_url": "https://gateway.example/v1"}}, {"secrets": {"api_key": "key-1"}}]),
}
SEARCH = FOLDER / "azure_ai_search.yaml"
SAFETY = FOLDER / "content_safety.yaml"
MODELS = [path for path in TEMPLATES if path not in (SEARCH, SAFETY)]
HARMLESS_KEYS = {"<user-input>", "no-key-needed"}
SECRET = re.compile(r"\bsk-[A-Za-z0-9]|\beyJ[A-Za-z0-9_-]{10}|\b[A-Za-z0-9+/]{32,}={0,2}(?![\w.])")


@pytest.fixture(autouse=True)
def _own_prompt_flow_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PF_HOME_DIRECTORY", str(tmp_path))


def test_every_template_is_tested() -> None:
    assert [path.stem for path in MODELS] == sorted(FILLED_IN)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_filled_in_template_is_an_endpoint(path: Path) -> None:
    kind, values = FILLED_IN[path.stem]
    connection = load_connection(source=path, params_override=values)
    endpoint = endpoint_from_connection(connection)
    assert connection.name == path.stem
    assert endpoint.kind == kind
    assert (endpoint.api_key is None) == (path.stem == "azure_openai_entra")
    assert endpoint.model == ""


@pytest.mark.parametrize(
    "path",
    [path for path in MODELS if path.stem not in ("openai_compatible", "local_server")],
    ids=lambda path: path.stem,
)
def test_a_template_that_nobody_filled_in_says_so(path: Path) -> None:
    with pytest.raises(InputError, match=f"connection '{path.stem}'"):
        endpoint_from_connection(load_connection(source=path))


def test_the_filled_in_search_template_is_a_search_service() -> None:
    values = [{"api_base": "https://s.search.windows.net/"}, {"api_key": "key-1"}]
    target = search_target(load_connection(source=SEARCH, params_override=values))
    source = "connection 'azure_ai_search'"
    assert target == AzureSearchTarget("https://s.search.windows.net", "key-1", "2025-09-01", source=source)
    entra = search_target(load_connection(source=SEARCH, params_override=[*values, {"auth_mode": "meid_token"}]))
    assert entra.api_key is None


def test_the_search_template_that_nobody_filled_in_says_so() -> None:
    with pytest.raises(InputError, match="connection 'azure_ai_search'"):
        search_target(load_connection(source=SEARCH))


def test_the_content_safety_template() -> None:
    values = [{"endpoint": "https://r.cognitiveservices.azure.com/"}, {"api_key": "key-1"}]
    target = content_safety_target(load_connection(source=SAFETY, params_override=values))
    source = "connection 'content_safety'"
    assert target == ContentSafetyTarget("https://r.cognitiveservices.azure.com", "key-1", API_VERSION, source)
    with pytest.raises(InputError, match=source):
        content_safety_target(load_connection(source=SAFETY))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_names_its_schema_and_holds_a_placeholder_for_a_key(path: Path) -> None:
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert template["$schema"].startswith("https://azuremlschemas.azureedge.net/promptflow/latest/")
    keys = [template.get("api_key"), *template.get("secrets", {}).values()]
    assert {key for key in keys if key} <= HARMLESS_KEYS


def test_no_template_looks_as_if_it_held_a_secret() -> None:
    assert SECRET.search("api_key: 0123456789abcdef0123456789abcdef")
    assert SECRET.search("api_key: sk-proj-1")
    for path in FOLDER.rglob("*"):
        found = SECRET.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.name}: {found}"


MADE_UP = {"tests/hosts/test_doctor.py", "tests/hosts/test_doctor_broken.py"}
"""Files with secrets that nobody has, for the check that finds them."""


def test_no_file_of_the_repository_looks_as_if_it_held_a_secret() -> None:
    assert secret_in("aB3JQ" + "QJ99BAACYeBjFXJ3w3AAABACOG1234") == "an Azure key"
    assert secret_in("api_key: 0123456789abcdef0123456789abcdef") == "a key or password"
    hidden = [path for path in ROOT.glob(".[!.]*") if path.is_dir() and path.name in (".ci", ".vscode")]
    folders = [path for path in ROOT.glob("[!.]*") if path.is_dir() and path.name != "build"]
    files = [path for folder in (*folders, *hidden) for path in folder.rglob("*")]
    found, seen = [], 0
    for path in [*ROOT.glob("*"), *files]:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in TEXT or not path.is_file() or "/." in name or name in MADE_UP:
            continue
        seen += 1
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [f"{name}:{number}" for number, line in enumerate(lines, 1) if secret_in(line)]
    assert found == []
    assert seen > 500


def test_the_readme_names_every_template() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in readme for path in TEMPLATES)
    assert all(name in readme for name in ("Ollama", "llama.cpp", "AI Toolkit", "Foundry Local", "Phi"))
