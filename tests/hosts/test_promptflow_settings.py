from pathlib import Path

import pytest
import yaml

from bakeoff.errors import InputError
from bakeoff.hosts.promptflow_settings import telemetry_off


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"telemetry": {"enabled": False}}),
        ("", {"telemetry": {"enabled": False}}),
        ("cli:\n  installation_id: x\n", {"cli": {"installation_id": "x"}, "telemetry": {"enabled": False}}),
        ("telemetry:\n  enabled: true\n", {"telemetry": {"enabled": True}}),
    ],
)
def test_telemetry_is_off_unless_the_user_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: dict[str, object]
) -> None:
    home = tmp_path / "not yet" / "there"
    monkeypatch.setenv("PF_HOME_DIRECTORY", str(home))
    if before is not None:
        home.mkdir(parents=True)
        (home / "pf.yaml").write_text(before, encoding="utf-8")
    telemetry_off()
    assert yaml.safe_load((home / "pf.yaml").read_text(encoding="utf-8")) == after
    assert [path.name for path in home.iterdir()] == ["pf.yaml"]


@pytest.mark.parametrize("spoilt", ["cli:\n  installation_id: 7ad4\n30af-5796\n", "- telemetry\n", "\xff"])
def test_spoilt_settings_are_named_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str) -> None:
    monkeypatch.setenv("PF_HOME_DIRECTORY", str(tmp_path))
    (tmp_path / "pf.yaml").write_text(spoilt, encoding="latin-1")
    with pytest.raises(InputError, match=r"pf\.yaml, Prompt Flow's settings, is no .*: mend it or delete it"):
        telemetry_off()
    assert (tmp_path / "pf.yaml").read_text(encoding="latin-1") == spoilt
