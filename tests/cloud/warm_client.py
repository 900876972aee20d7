"""Commands that share one start: importing the Azure clients takes seconds, so a process that has done it forks for
each command. The command itself is the unmodified `main()` of its module.

As a script it reads commands from stdin, one JSON object a line, and answers with a line when a command starts and one
when it has ended.
"""

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

MODULES = (
    "promptflow.azure._cli.entry",
    "promptflow.azure",
    "azure.ai.ml",
    "azure.identity",
    "bakeoff.cli",
    "bakeoff.hosts.submission.checks",
    "bakeoff.hosts.submission.submit",
)


@dataclass(frozen=True)
class Done:
    """How a command ended: below 0 by that signal. said: stdout and stderr as they came."""

    status: int
    said: str


@dataclass
class WarmClient:
    """Runs one command at a time. pid: of the command that is running."""

    process: Popen[str]
    pid: int = 0

    def run(self, module: str, arguments: list[str], env: Mapping[str, str], cwd: Path) -> Done:
        """Run `main()` of a module with these arguments, and changes to the environment."""
        assert self.process.stdin
        assert self.process.stdout
        with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as output:
            command = {"module": module, "arguments": arguments, "env": dict(env), "cwd": str(cwd), "to": output.name}
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            self.pid = json.loads(self.process.stdout.readline())
            status = json.loads(self.process.stdout.readline())
            return Done(status, output.read())


@contextmanager
def warm_client(environment: Mapping[str, str]) -> Iterator[WarmClient]:
    """A client with this environment until the end of the block."""
    process = Popen([sys.executable, __file__], env=dict(environment), stdin=PIPE, stdout=PIPE, text=True)
    try:
        yield WarmClient(process)
    finally:
        process.communicate(timeout=30)


def serve() -> None:
    """Take commands until stdin ends."""
    for module in MODULES:
        importlib.import_module(module)
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if pid == 0:
            run(command)
        tell(pid)
        tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def run(command: Mapping[str, Any]) -> None:
    """Run the command in this process, which ends with it."""
    output = os.open(command["to"], os.O_WRONLY)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(command["env"])
    os.chdir(command["cwd"])
    main: Callable[[], object] = importlib.import_module(command["module"]).main
    sys.argv = [command["module"], *command["arguments"]]
    try:
        status = main()
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    os._exit(status if isinstance(status, int) else 0)


def tell(what: object) -> None:
    """Answer with one line."""
    sys.__stdout__.write(json.dumps(what) + "\n")
    sys.__stdout__.flush()


if __name__ == "__main__":
    serve()
