"""Commands that share one start: importing Azure's clients or Prompt Flow takes seconds, so a process that has done it
forks for each command. The command itself is the unmodified function of its module, by default `main`.

As a script it imports the modules it is given and reads commands from stdin, one JSON object a line. Each is told, in a
pipe of its own, as what process it starts and how it has ended.
"""

import importlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Lock
from typing import Any


@dataclass(frozen=True)
class Done:
    """How a command ended: below 0 by that signal. said: stdout and stderr as they came."""

    status: int
    said: str


@dataclass
class WarmPython:
    """Runs commands, several at a time where threads ask for them. pid: of the command that was started last."""

    process: Popen[str]
    pid: int = 0
    _writing: Lock = field(default_factory=Lock)

    def run(
        self,
        module: str,
        arguments: Sequence[object],
        env: Mapping[str, str],
        cwd: Path,
        *,
        function: str = "main",
        paths: Sequence[Path] = (),
    ) -> Done:
        """Call a function of a module with these arguments on its command line, and changes to the environment.

        paths: where Python is to look for modules before it looks elsewhere.
        """
        with tempfile.TemporaryDirectory() as folder:
            said, told = Path(folder, "said"), Path(folder, "told")
            os.mkfifo(told)
            command = {
                "module": module,
                "function": function,
                "arguments": list(map(str, arguments)),
                "env": dict(env),
                "cwd": str(cwd),
                "paths": list(map(str, paths)),
                "said": str(said),
                "told": str(told),
            }
            with self._writing:
                assert self.process.stdin
                self.process.stdin.write(json.dumps(command) + "\n")
                self.process.stdin.flush()
            with told.open() as lines:
                self.pid = int(lines.readline())
                status = int(lines.readline())
            return Done(status, said.read_text(encoding="utf-8", errors="replace"))


@contextmanager
def warm_python(python: str | Path, modules: Sequence[str], environment: Mapping[str, str]) -> Iterator[WarmPython]:
    """That Python with these modules imported and this environment, until the end of the block."""
    command = [python, "-P", __file__, *modules]  # without the folder of this file among those of modules
    process = Popen(command, env=dict(environment), stdin=PIPE, text=True)
    try:
        yield WarmPython(process)
    finally:
        process.communicate(timeout=30)


def serve() -> None:
    """Take commands until stdin ends."""
    for module in sys.argv[1:]:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who attends to a command
    for line in sys.stdin:
        if os.fork() == 0:
            attend(json.loads(line))
    os._exit(0)  # what the modules do when Python ends would take a second, and matters to nobody


def attend(command: Mapping[str, Any]) -> None:
    """Run a command in a process of its own, and tell of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(command["told"]).open("w", buffering=1) as told:
        pid = os.fork()
        if pid == 0:
            run(command)
        told.write(f"{pid}\n")
        told.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
    os._exit(0)


def run(command: Mapping[str, Any]) -> None:
    """Run the command in this process, which ends with it."""
    output = os.open(command["said"], os.O_WRONLY | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    renew_locks()
    os.environ.update(command["env"])
    os.chdir(command["cwd"])
    sys.path[:0] = command["paths"]
    sys.argv = [command["module"], *command["arguments"]]
    try:
        called: Callable[[], object] = getattr(importlib.import_module(command["module"]), command["function"])
        status = called()
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    os._exit(status if isinstance(status, int) else 0)


def renew_locks() -> None:
    """filelock refuses a lock that was made before a fork; Prompt Flow makes some when it is imported."""
    if filelock := sys.modules.get("filelock"):
        for module in [module for name, module in sys.modules.items() if name.startswith("promptflow.")]:
            for name, value in list(vars(module).items()):
                if isinstance(value, filelock.FileLock):
                    setattr(module, name, filelock.FileLock(value.lock_file))


if __name__ == "__main__":
    serve()
