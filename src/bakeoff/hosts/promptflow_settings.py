"""Switch Prompt Flow's telemetry off. Its own command for that, `pf config set`, reports itself first.

python -m bakeoff.hosts.promptflow_settings
"""

import os
from pathlib import Path

import yaml

from bakeoff.errors import InputError


def home() -> Path:
    """Prompt Flow's folder: PF_HOME_DIRECTORY, else `.promptflow` in the user's home."""
    return Path(os.environ.get("PF_HOME_DIRECTORY") or Path.home() / ".promptflow").expanduser()


def telemetry_off() -> None:
    """Write `telemetry.enabled: false` into Prompt Flow's settings, unless they say something else already.

    Raises InputError for settings that cannot be read: Prompt Flow writes them in place, so two of its processes that
    start at once in a new home can spoil them.
    """
    path = home() / "pf.yaml"
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise InputError(f"{path}, Prompt Flow's settings, is no YAML ({where}): mend it or delete it") from None
    settings = {} if settings is None else settings
    if not isinstance(settings, dict):
        raise InputError(f"{path}, Prompt Flow's settings, is no mapping: mend it or delete it")
    if "telemetry" not in settings:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"pf.yaml.{os.getpid()}.part")
        part.write_text(yaml.safe_dump(settings | {"telemetry": {"enabled": False}}), encoding="utf-8")
        part.replace(path)


if __name__ == "__main__":
    telemetry_off()
