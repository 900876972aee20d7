import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from doctor_bundle import write_bundle


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prompt Flow's database in a home of its own, with one connection in it."""
    home = tmp_path / "pf_home"
    home.mkdir()
    monkeypatch.setenv("PF_HOME_DIRECTORY", str(home))
    with closing(sqlite3.connect(home / "pf.sqlite")) as database:
        database.execute("CREATE TABLE connection (connectionName TEXT PRIMARY KEY, configs TEXT)")
        database.execute("INSERT INTO connection VALUES ('azure_openai', 'hunter2')")
        database.commit()
    return home / "pf.sqlite"


@pytest.fixture
def good_bundle(tmp_path: Path, registry: Path) -> Path:
    """A bundle that the doctor finds nothing wrong with."""
    return write_bundle(tmp_path / "bundle")
