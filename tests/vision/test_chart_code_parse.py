import pytest

from bakeoff.vision.chart_code.parse import ForbiddenCodeError, UnparsableCodeError, check_code, find_code

GOOD = """import matplotlib.pyplot as plt
import numpy as np

def main():
    data = {"Tea": 3, "Coffee": 5.5}
    x = np.arange(len(data))
    fig, ax = plt.subplots(figsize=(8, 5))
    bars = ax.bar(x, list(data.values()), color=["#336699", "tab:orange"], label="2024")
    ax.set_xticks(x)
    ax.set_xticklabels(data.keys(), rotation=45, ha="right")
    for bar in bars:
        ax.text(bar.get_x() + bar.get_width() / 2, bar.get_height(), f"{bar.get_height():.1f}", va="bottom")
    ax.spines["top"].set_visible(False)
    ax.legend(loc="upper left")
    plt.tight_layout()
    plt.show()

if __name__ == "__main__":
    main()
"""


def test_what_models_write_is_let_through():
    check_code(GOOD)
    check_code("from matplotlib import pyplot as plt\nfrom math import pi\nplt.plot([1, 2], [pi * k for k in (1, 2)])")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (f"Here it is:\n```python\n{GOOD}```\nEnjoy!", GOOD.strip()),
        ("```\nx = 1\n```", "x = 1"),
        ("```text\nno\n```\n```Python\nx = 2\n```", "x = 2"),
        ("```python\nx = 3", "x = 3"),
        ("x = 4", "x = 4"),
    ],
)
def test_code_is_found(answer, code):
    assert find_code(answer) == code


@pytest.mark.parametrize("answer", ["", "```python\n```", "x = 1\n" * 10_000])
def test_answers_without_code(answer):
    with pytest.raises(UnparsableCodeError):
        find_code(answer)


@pytest.mark.parametrize(
    "code", ["The chart shows sales.", "plt.plot([1, 2", "x = \0", "-" * 19_000 + "1", "(" * 5_000 + ")" * 5_000]
)
def test_texts_that_are_no_python(code):
    with pytest.raises(UnparsableCodeError):
        check_code(code)


HEAD = "import matplotlib\nimport matplotlib.pyplot as plt\nimport numpy as np\n"


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd')",
        "x = open\nopen = 1",
        "import os",
        "import numpy.ctypeslib",
        "import matplotlib.pyplot as open",
        "from os import path",
        "from numpy import *",
        "from numpy import fromfile",
        "from . import secrets",
        "from matplotlib import rcParams",
        "__import__('os')",
        "exec('1')",
        "eval('1')",
        "getattr(plt, 'save' + 'fig')",
        "vars(plt)",
        "globals()",
        "type(plt)",
        "plt.savefig('/tmp/x.png')",
        "plt.imread('/etc/passwd')",
        "plt.style.use('/etc/passwd')",
        "plt.rcParams['text.usetex'] = True",
        "plt.text(0, 0, 'x', usetex=True)",
        "plt.text(0, 0, 'x', **{'usetex': True})",
        "plt.figure(FigureClass=print)",
        "plt.os.system('ls')",
        "matplotlib.use('module://evil')",
        "matplotlib.cbook.open_file_cm('/etc/passwd')",
        "np.load('x.npy', allow_pickle=True)",
        "np.fromfile('/etc/passwd')",
        "np.array([1]).tofile('x')",
        "np.lib.npyio",
        "().__class__.__base__.__subclasses__()",
        "'{0.__class__}'.format(plt)",
        "f'{plt.__dict__}'",
        "x = '__globals__'",
        "__builtins__['open']",
        "def f(_x=[].__class__): return 1",
        "def open(x): return x",
        "lambda open: open",
        "@print\ndef f(): return 1",
        "class A: pass",
        "while True: pass",
        "try:\n    x = 1\nexcept: pass",
        "with plt.ioff(): x = 1",
        "global x",
        "del plt",
        "async def f(): pass",
        "(x := 1)",
        "unknown(1)",
        "raise SystemExit",
        "match 1:\n    case _: x = 1",
    ],
)
def test_hostile_code_is_refused_with_its_line(code):
    with pytest.raises(ForbiddenCodeError, match=r"line \d+ of the code: "):
        check_code(HEAD + code)
