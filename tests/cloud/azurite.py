"""Azurite, the official emulator of Azure Storage, fetched with npm into bakeoff's cache folder."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cloud_certificate import Certificate
from filelock import FileLock

from bakeoff.catalog.cache import cache_folder

VERSION = "3.35.0"


@contextmanager
def azurite(account: str, key: str, certificate: Certificate) -> Iterator[int]:
    """The port of a blob service with that account, over HTTPS; skips the test where there is no npm."""
    program = _installed()
    options = ["--blobPort", "0", "--inMemoryPersistence", "--cert", certificate.certificate, "--key", certificate.key]
    process = subprocess.Popen(
        ["node", program, *options, "--skipApiVersionCheck", "--disableTelemetry", "--silent"],
        env=os.environ | {"AZURITE_ACCOUNTS": f"{account}:{key}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = ""
        for line in process.stdout or ():
            said += line
            if "successfully" in line:
                break
        else:
            pytest.fail(f"azurite ended with {process.wait()}:\n{said}")
        yield int(said.rstrip().rpartition(":")[2].strip("/ "))
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _installed() -> Path:
    folder = cache_folder() / "test-tools" / f"azurite-{VERSION}"
    program = folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: Azurite cannot be fetched")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not program.exists():
            command = [npm, "install", "--no-audit", "--no-fund", "--prefix", folder, f"azurite@{VERSION}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr
    return program
