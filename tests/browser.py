"""A headless Chromium for tests, spoken to by the W3C WebDriver protocol (https://www.w3.org/TR/webdriver2/)."""

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER),
    reason="no browser: apt-get install chromium chromium-driver, or Chrome and chromedriver on the PATH",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
)
ENTER = "\ue007"
IMPLICIT_WAIT_MS = 60_000


class Browser:
    """One browser session; `find` waits for its element up to IMPLICIT_WAIT_MS and raises RuntimeError without it."""

    def __init__(self, driver: str, chromium: str, profile: Path):
        self._driver = driver
        options = {"binary": chromium, "args": [*ARGUMENTS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "timeouts": {"implicit": IMPLICIT_WAIT_MS}}
        capabilities = {"alwaysMatch": wanted | {"goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}
        self._session = "/session/" + self._ask("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def open(self, url: str) -> None:
        self._ask("POST", f"{self._session}/url", {"url": url})

    def find(self, xpath: str) -> str:
        """The id of the first element that the XPath selects, as soon as there is one."""
        found = self._ask("POST", f"{self._session}/element", {"using": "xpath", "value": xpath})
        return str(found[ELEMENT])

    def type(self, element: str, text: str) -> None:
        """Type into an element, as a keyboard does; ENTER is the Enter key."""
        self._ask("POST", f"{self._session}/element/{element}/value", {"text": text})

    def click(self, element: str) -> None:
        self._ask("POST", f"{self._session}/element/{element}/click", {})

    def choose_file(self, button: str, file: Path) -> None:
        """Click what opens a file dialog and choose a file; the dialog itself, which nobody could see, is left out."""
        self.run(
            "const click = HTMLInputElement.prototype.click;"
            "HTMLInputElement.prototype.click = function () {"
            "  this.type === 'file' ? document.body.append(this) : click.call(this) }"
        )
        self.click(button)
        self.type(self.find("//input[@type='file']"), str(file))

    def text(self, element: str) -> str:
        """What an element shows."""
        return str(self._ask("GET", f"{self._session}/element/{element}/text"))

    def run(self, script: str) -> Any:
        """What the body of a JavaScript function returns."""
        return self._ask("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def emulate(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """A screen of that many CSS pixels, a phone's below 600, that asks for light or dark pages."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._devtools("Emulation.setEmulatedMedia", {"features": [scheme]})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """New entries of the `browser` (console) or `performance` (network) log."""
        return list(self._ask("POST", f"{self._session}/se/log", {"type": kind}))

    def close(self) -> None:
        self._ask("DELETE", self._session)

    def _devtools(self, command: str, parameters: dict[str, Any]) -> None:
        self._ask("POST", f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._driver + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=IMPLICIT_WAIT_MS / 1000 + 30) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()[:500]}") from None


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start chromedriver and a browser, and end both; for tests that `needs_browser`."""
    assert CHROMEDRIVER
    assert CHROMIUM
    process = subprocess.Popen([CHROMEDRIVER, "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        started = (re.search(r"started successfully on port (\d+)", line) for line in process.stdout)
        port = next(match[1] for match in started if match)
        browser = Browser(f"http://127.0.0.1:{port}", CHROMIUM, profile)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
