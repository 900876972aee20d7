"""Find the code in an answer and let through only what drawing a chart needs.

Everything is an allow-list: kinds of syntax, imports, attribute names, keyword arguments, built-in functions. What
it lets through is still not trusted: `sandbox` runs it.
"""

import ast
import builtins
import re
from collections.abc import Iterator

from bakeoff.errors import InputError

MAX_CHARACTERS = 20_000

MODULES = {"matplotlib": {"pyplot"}, "matplotlib.pyplot": set[str](), "numpy": set[str](), "math": set[str]()}
"""The modules that may be imported, each with the modules that `from module import ...` may take out of it."""

_BUILTINS = (
    "abs all any bool dict enumerate float int len list map max min print range reversed round set sorted str sum "
    "tuple zip"
)
BUILTINS = frozenset(_BUILTINS.split())

_ATTRIBUTES = (
    # pyplot, Figure and Axes
    "annotate autofmt_xdate axes axhline axis axvline bar bar_label barh figure fill_between gca gcf get_height "
    "get_legend_handles_labels get_width get_x get_xlim get_xticklabels get_xticks get_y get_ylim get_yticklabels "
    "get_yticks grid invert_xaxis invert_yaxis legend margins minorticks_off minorticks_on plot pyplot "
    "set_axisbelow set_color set_facecolor set_fontsize set_ha set_label set_linewidth set_rotation set_title "
    "set_visible set_xlabel set_xlim set_xticklabels set_xticks set_ylabel set_ylim set_yticklabels set_yticks "
    "show spines subplots subplots_adjust suptitle text tick_params tight_layout title twinx xaxis xlabel xlim "
    "xticks yaxis ylabel ylim yticks patch set cm Blues Set1 Set2 Set3 tab10 viridis "
    # numpy and math
    "abs add amax amin append arange argmax argmin argsort array asarray astype average ceil concatenate copy cos "
    "cumsum diff divide e exp flatten float64 floor fsum full hstack int64 isclose linspace log log10 log2 max "
    "maximum mean median min minimum multiply ones pi pow prod ravel repeat reshape round shape sin size sort "
    "sqrt std subtract sum tan tile tolist transpose unique vstack zeros "
    # str, list, dict
    "capitalize count endswith extend get index insert items join keys lower pop replace reverse split startswith "
    "strip update upper values"
)
ATTRIBUTES = frozenset(_ATTRIBUTES.split())

_KEYWORDS = (
    "align alpha arrowprops arrowstyle axis bbox bbox_to_anchor borderaxespad boxstyle bottom c capsize clip_on color "
    "colors constrained_layout dpi drawstyle dtype ec ecolor edgecolor elinewidth end endpoint fancybox facecolor "
    "fc figsize fill fmt fontsize fontstyle fontweight frameon gridspec_kw ha handles hatch height "
    "horizontalalignment hspace key label label_type labelpad labelrotation labels labelsize left length "
    "linestyle linewidth linewidths loc ls lw marker markeredgecolor markeredgewidth markerfacecolor markersize "
    "mec mfc ms ncol ncols nrows num pad padding reverse right rotation rotation_mode sep sharex sharey shadow "
    "size start step stop style tick_label ticks title title_fontsize top va verticalalignment visible "
    "weight where which width wspace x xerr xlabel xlim xticks xy xycoords xytext y yerr ylabel ylim yticks "
    "textcoords zorder"
)
KEYWORDS = frozenset(_KEYWORDS.split())

SYNTAX = (
    *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.For, ast.If, ast.Pass, ast.Break),
    *(ast.Continue, ast.FunctionDef, ast.Return, ast.Lambda, ast.arguments, ast.arg, ast.Import, ast.ImportFrom),
    *(ast.alias, ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.IfExp, ast.BinOp, ast.UnaryOp),
    *(ast.BoolOp, ast.Compare, ast.Subscript, ast.Slice, ast.Starred, ast.JoinedStr, ast.FormattedValue),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)

_FENCE = re.compile(r"```[ \t]*(\w*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)


class UnparsableCodeError(InputError):
    """The answer holds no Python code that can be read."""


class ForbiddenCodeError(InputError):
    """The code uses something that drawing a chart does not need."""


def find_code(answer: str) -> str:
    """The first fenced block marked as Python, else the first fenced block, else the whole answer.

    Raises UnparsableCodeError where that is empty or too long.
    """
    blocks = [(language.lower(), code) for language, code in _FENCE.findall(answer)]
    marked = [code for language, code in blocks if language in ("python", "py", "python3")]
    code: str = (marked or [code for _, code in blocks] or [answer])[0].strip()
    if not code:
        raise UnparsableCodeError("the answer holds no code")
    if len(code) > MAX_CHARACTERS:
        raise UnparsableCodeError(f"the code has {len(code):,} characters: at most {MAX_CHARACTERS:,} are read")
    return code


def check_code(code: str) -> None:
    """Raise UnparsableCodeError for what is no Python, ForbiddenCodeError, with the line, for what is not allowed."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnparsableCodeError(f"the code is no Python: {error}") from error
    known = set(BUILTINS) | {"__name__"} | {*_bound_names(tree)}
    for node in ast.walk(tree):
        problem = _problem(node, known)
        if problem:
            raise ForbiddenCodeError(f"line {getattr(node, 'lineno', '?')} of the code: {problem}")


def _bound_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.split(".")[0]


def _problem(node: ast.AST, known: set[str]) -> str:
    if not isinstance(node, SYNTAX):
        return f"{type(node).__name__} is not allowed"
    match node:
        case ast.Name(id=name):
            if name not in known or (hasattr(builtins, name) and name not in BUILTINS and name != "__name__"):
                return f"the name {name!r} is not allowed or not known"
            return _private(name) if name != "__name__" or not isinstance(node.ctx, ast.Load) else ""
        case ast.Attribute(attr=name) if name not in ATTRIBUTES:
            return f"the attribute {name!r} is not allowed"
        case ast.keyword(arg=name) if name not in KEYWORDS:
            return f"the keyword argument {name!r} is not allowed" if name else "'**' in a call is not allowed"
        case ast.Import(names=aliases):
            return next((f"import of {one.name!r} is not allowed" for one in aliases if one.name not in MODULES), "")
        case ast.ImportFrom():
            return _import_problem(node)
        case ast.FunctionDef(name=name, decorator_list=decorators):
            return "decorators are not allowed" if decorators else _private(name) or _hides_builtin(name)
        case ast.arg(arg=name):
            return _private(name) or _hides_builtin(name)
        case ast.alias(asname=str(name)):
            return _private(name) or _hides_builtin(name)
        case ast.Constant(value=str(text)) if "__" in text and text != "__main__":
            return "a text with two underscores in a row is not allowed"
    return ""


def _import_problem(node: ast.ImportFrom) -> str:
    if node.level or node.module not in MODULES:
        return f"import from {node.module!r} is not allowed"
    allowed = MODULES[node.module] | (ATTRIBUTES if node.module != "matplotlib" else set())
    return next((f"import of {one.name!r} is not allowed" for one in node.names if one.name not in allowed), "")


def _private(name: str) -> str:
    return f"the name {name!r} is not allowed" if name.startswith("_") and name != "_" else ""


def _hides_builtin(name: str) -> str:
    return f"the name {name!r} is not allowed" if hasattr(builtins, name) and name not in BUILTINS else ""
