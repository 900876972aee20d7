import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bakeoff.vision.chart_code import lockdown
from bakeoff.vision.chart_code.chart import Series
from bakeoff.vision.chart_code.parse import ForbiddenCodeError, check_code
from bakeoff.vision.chart_code.sandbox import ChartCodeError, run_code

linux = pytest.mark.skipif(sys.platform != "linux", reason="namespaces, Landlock and seccomp are Linux's")


def test_grouped_bars_come_back_with_their_names_and_a_picture():
    code = """
import matplotlib.pyplot as plt
import numpy as np
x = np.arange(3)
fig, ax = plt.subplots()
ax.bar(x - 0.2, [1, 2, 3], width=0.4, label="North")
ax.bar(x + 0.2, [2, 3, 4.5], width=0.4, label="South")
ax.set_xticks(x)
ax.set_xticklabels(["Mon", "Tue", "Wed"])
ax.set_title("Visitors", fontweight="bold", fontstyle="italic")
ax.set_xlabel("Day")
ax.set_ylabel("Guests $10^3$")
ax.legend()
plt.show()
"""
    check_code(code)
    drawing = run_code(code)
    chart = drawing.chart
    assert (chart.kind, chart.title, chart.x_label, chart.y_label) == ("bar", "Visitors", "Day", "Guests $10^3$")
    days = ("Mon", "Tue", "Wed")
    assert chart.series == (Series("North", days, (1, 2, 3)), Series("South", days, (2, 3, 4.5)))
    assert drawing.png.startswith(b"\x89PNG")
    assert {"limits", "audit hook"} <= set(drawing.layers)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import matplotlib.pyplot as plt\nplt.text(0, 0, 'no data')", "error"),
        ("import matplotlib.pyplot as plt\nplt.plot(list(range(2000)))", "output"),
        ("import matplotlib.pyplot as plt\nplt.plot([1], [2])\nplt.title('x', {'usetex': True})", "denied"),
        ("x = 'a' * 10**10", "memory"),
    ],
)
def test_code_that_draws_no_chart_although_the_allow_list_lets_it_through(code, kind, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    check_code(code)
    with pytest.raises(ChartCodeError) as caught:
        run_code(code)
    assert caught.value.kind == kind
    assert list(tmp_path.iterdir()) == []


ATTEMPTS = {
    "read": "modules['builtins'].open('/etc/hostname')",
    "read low": "system['open']('/etc/hostname', 0)",
    "read numpy": "np.loadtxt('/etc/hostname', dtype=str)",
    "write": "modules['io'].FileIO('left', 'w')",
    "write numpy": "np.save('left.npy', [1])",
    "savefig": "plt.savefig('left.png')",
    "list": "system['mkdir']('left')",
    "import": "exec_import('os')",
    "shell": "system['system']('true')",
    "fork": "system['fork']()",
    "fork hidden": (
        "modules['_posixsubprocess'].fork_exec([b'/bin/true'], [b'/bin/true'], True, (), None, None, -1, -1, -1, -1, "
        "-1, -1, 5, 6, False, False, -1, None, None, None, -1, None, False)"
    ),
    "kill": "system['kill'](system['getppid'](), 9)",
    "socket": "modules['builtins'].__import__('socket').socket()",
    "library": "modules['ctypes'].CDLL(None)",
}
ESCAPE = """
import matplotlib.pyplot as plt
import numpy as np
for kind in ().__class__.__base__.__subclasses__():
    if kind.__name__ == "_wrap_close":
        system = kind.__init__.__globals__
modules = system["sys"].modules
def exec_import(name):
    import os
names, stopped = [], []
def attempt(name, action):
    names.append(name)
    try:
        action()
        stopped.append(0)
    except modules["builtins"].PermissionError:
        stopped.append(1)
"""


@linux
def test_hostile_code_is_refused_and_would_be_denied_when_run():
    lines = [f"attempt({name!r}, lambda: {action})" for name, action in ATTEMPTS.items()]
    for line in lines:
        with pytest.raises(ForbiddenCodeError):
            check_code("import numpy as np\nimport matplotlib.pyplot as plt\n" + line)
    (series,) = run_code("\n".join([ESCAPE, *lines, "plt.close('all')", "plt.bar(names, stopped)"])).chart.series
    assert dict(zip(series.x, series.y, strict=True)) == dict.fromkeys(ATTEMPTS, 1.0)


def test_a_flood_of_output_ends_at_the_limit():
    with pytest.raises(ForbiddenCodeError):
        check_code("import os\nos.write(3, b'x')")
    flood = ESCAPE + "for number in range(20):\n    attempt('', lambda: system['write'](number, b'[' * 10**6))"
    with pytest.raises(ChartCodeError) as caught:
        run_code(flood, output_bytes=1 << 19)
    assert caught.value.kind == "output"


def test_endless_loops_are_stopped_by_processor_time_and_by_the_clock():
    with pytest.raises(ForbiddenCodeError):
        check_code("while True: pass")
    with pytest.raises(ChartCodeError, match="processor time") as caught:
        run_code("while True: pass", cpu_seconds=1)
    assert caught.value.kind == "time"
    with pytest.raises(ChartCodeError, match=r"more than 0.1 seconds"):
        run_code("while True: pass", timeout=0.1)


@linux
def test_the_kernel_stops_it_without_the_audit_hook():
    script = """
        import os, socket, sys
        from pathlib import Path
        from bakeoff.vision.chart_code import lockdown
        network = lockdown.cut_network()
        lockdown._audit = lambda folders: None
        layers = lockdown.lock(memory_bytes=1 << 30, cpu_seconds=5, file_bytes=1000, readable=[Path(sys.base_prefix)])

        def attempt(name, action):
            try:
                action()
                print(name, "done")
            except OSError as error:
                print(name, type(error).__name__)

        print(*network, *layers, sep=",")
        attempt("read", lambda: open("/etc/hostname"))
        attempt("write", lambda: open("left", "w"))
        attempt("fork", os.fork)
        attempt("exec", lambda: os.execv("/bin/true", ["true"]))
        attempt("socket", socket.socket)
        attempt("kill", lambda: os.kill(os.getppid(), 0))
        attempt("library", lambda: open(os.__file__).close())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60, check=True
    )
    layers, *lines = done.stdout.splitlines()
    stopped = dict(line.split() for line in lines)
    if "landlock" in layers:
        assert stopped["read"] == stopped["write"] == "PermissionError"
    if "seccomp" in layers:
        assert {stopped[name] for name in ("fork", "exec", "socket", "kill")} == {"PermissionError"}
    assert stopped["library"] == "done"
    assert "limits" in layers


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "asm-generic/unistd.h")],
)
def test_system_call_numbers_are_those_of_the_kernel_headers(machine, header):
    path = Path("/usr/include") / header
    if not path.exists():
        pytest.skip("no kernel headers on this machine")
    defined = path.read_text()
    for name, number in lockdown._DENIED_SYSCALLS[machine].items():
        assert f"#define __NR_{name} {number}\n" in defined, name
