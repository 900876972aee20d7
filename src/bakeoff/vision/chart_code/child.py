"""The guarded process: runs the code of one chart and prints what it drew as JSON. Started by `sandbox`."""

import base64
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from bakeoff.vision.chart_code import lockdown
from bakeoff.vision.chart_code.drawn import chart_record
from bakeoff.vision.chart_code.parse import BUILTINS, MODULES

DPI = 100
MAX_PIXELS = 2_000


def main() -> None:
    """Read {code, memory_bytes, cpu_seconds, file_bytes}, print {layers, chart, png}, or {layers, error}."""
    layers = lockdown.cut_network()
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcdefaults()
    import matplotlib.font_manager as fonts
    from matplotlib import pyplot

    pyplot.figure().savefig(io.BytesIO(), format="png")
    pyplot.close("all")
    order = json.loads(sys.stdin.read())
    out, nothing = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    readable = [Path(sys.prefix), Path(sys.base_prefix), Path(matplotlib.__file__).parent, *map(Path, sys.path)]
    readable += {Path(font.fname).parent for font in fonts.fontManager.ttflist}
    layers += lockdown.lock(readable=readable, **{name: order[name] for name in order if name != "code"})
    answer: dict[str, Any] = {"layers": layers}
    try:
        scope = {"__name__": "__main__", "__builtins__": _builtins()}
        exec(compile(order["code"], "<chart>", "exec"), scope)  # this is what the process is for
        answer |= _drawing(pyplot)
    except BaseException as error:
        answer["error"] = [type(error).__name__, str(error)[:500]]
    os.write(out, json.dumps(answer).encode())
    os._exit(0)


def _builtins() -> dict[str, Any]:
    """The built-in functions that the allow-list knows, and an import that takes its modules only."""
    import builtins

    def guarded_import(name: str, *arguments: Any, **options: Any) -> Any:
        if name not in MODULES:
            raise PermissionError(f"import of {name!r} is not allowed here")
        return __import__(name, *arguments, **options)

    return {name: getattr(builtins, name) for name in BUILTINS} | {"__import__": guarded_import}


def _drawing(pyplot: Any) -> dict[str, Any]:
    """The chart and the picture of the first figure. Raises ValueError where there is none."""
    if not pyplot.get_fignums():
        raise ValueError("the code drew no figure")
    figure = pyplot.figure(pyplot.get_fignums()[0])
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=min(DPI, MAX_PIXELS / max(figure.get_size_inches())))
    chart = next((chart for axes in figure.axes if (chart := chart_record(axes))["series"]), None)
    if chart is None:
        raise ValueError("the code drew no bars and no lines")
    title = chart["title"] or figure.get_suptitle()
    return {"chart": chart | {"title": title}, "png": base64.b64encode(picture.getvalue()).decode()}
