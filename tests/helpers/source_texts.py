"""The texts of a source tree: string constants, with `…` in the place of what is filled in."""

import ast
from collections.abc import Iterator
from pathlib import Path

FILLED = "…"


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or FILLED for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return None if left is None and right is None else (left or FILLED) + (right or FILLED)
    return None


def texts_in(folder: Path) -> Iterator[str]:
    """All texts of the modules in a folder, whole and in parts."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = _text(node)
            if text:
                yield text
