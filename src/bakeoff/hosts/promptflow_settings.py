"""Switch Prompt Flow's telemetry off. Its own command for that, `pf config set`, reports itself first.

python -m bakeoff.hosts.promptflow_settings
"""

import os
from pathlib import Path

import yaml


def home() -> Path:
    """Prompt Flow's folder: PF_HOME_DIRECTORY, else `.promptflow` in the user's home."""
    return Path(os.environ.get("PF_HOME_DIRECTORY") or Path.home() / ".promptflow").expanduser()


def telemetry_off() -> None:
    """Write `telemetry.enabled: false` into Prompt Flow's settings, unless they say something else already."""
    path = home() / "pf.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    settings = {} if settings is None else settings
    if "telemetry" not in settings:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(settings | {"telemetry": {"enabled": False}}), encoding="utf-8")


if __name__ == "__main__":
    telemetry_off()
