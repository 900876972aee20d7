"""What nodes give their Python tools, against the tools' parameters."""

import ast
from collections.abc import Iterator
from pathlib import Path

from bakeoff.finding import Finding, error
from bakeoff.hosts.doctor.bundle import Bundle, Flow, Node


def check(bundle: Bundle) -> Iterator[Finding]:
    """Inputs of Python nodes that the tool does not take, and parameters without a default that no input fills."""
    for flow in bundle.flows:
        for node in flow.nodes:
            path = node.source_path
            if node.value.get("type") == "python" and path and (flow.folder / path).is_file():
                yield from _arguments(flow, node, flow.folder / path)


def _arguments(flow: Flow, node: Node, path: Path) -> Iterator[Finding]:
    tool = _tool(path)
    if tool is None:
        return
    parameters = [*tool.args.posonlyargs, *tool.args.args]
    optional = parameters[len(parameters) - len(tool.args.defaults) :]
    optional += [one for one, default in zip(tool.args.kwonlyargs, tool.args.kw_defaults, strict=True) if default]
    parameters += tool.args.kwonlyargs
    known = [parameter.arg for parameter in parameters]
    for name in node.inputs:
        if str(name) not in known and tool.args.kwarg is None:
            line = flow.document.line(*node.keys, "inputs", name)
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            yield error(
                flow.document.path, line, f"{path.name} has no parameter {name!r} for node {node.name!r}: {takes}"
            )
    for parameter in parameters:
        if parameter not in optional and parameter.arg not in node.inputs:
            line = flow.document.line(*node.keys, "inputs" if node.inputs else "name")
            message = f"node {node.name!r} lacks the input {parameter.arg!r}, which {path.name} needs"
            yield error(flow.document.path, line, message)


def _tool(path: Path) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The file's function with the decorator `tool`; None where it has none or more than one, or is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    tools = [function for function in functions if any(map(_is_tool, function.decorator_list))]
    return tools[0] if len(tools) == 1 else None


def _is_tool(decorator: ast.expr) -> bool:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(named).rpartition(".")[2] == "tool"
