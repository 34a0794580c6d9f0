"""The code that each registered metric's values depend on, as one hash.

Comments, docstrings and formatting do not change a hash. After a code change that changes values,
increase `revision` of the extractor or captioner and of every metric that the test lists. Then, and
also after a change that does not affect values, record the new hashes:

    python tests/helpers/metric_code.py
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

import grimp

from egoactgen_bench.api import plugins

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "tests" / "metrics" / "metric_code.json"
# Values depend on modules of these packages; other modules only pass them on.
SHAPING = tuple(f"egoactgen_bench.{name}" for name in ("captioning", "metrics", "toy", "weights"))
ALSO = frozenset(
    f"egoactgen_bench.{name}"
    for name in ("api.feature_metric", "api.metric_batch", "support.images")
)


def recorded() -> dict[str, dict[str, object]]:
    """Recorded revision and hash of each metric."""
    found: dict[str, dict[str, object]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def present() -> dict[str, dict[str, object]]:
    """Current revision and hash of each metric."""
    graph = grimp.build_graph("egoactgen_bench")
    found = {}
    for name in sorted(plugins.registered("metrics")):
        plugin, _ = plugins.load("metrics", name)
        digest = hashlib.sha256()
        for module in sorted(_modules(graph, plugin.__module__)):
            digest.update(f"{module} {_code(module)}\n".encode())
        found[name] = {"revision": plugin.revision, "code": digest.hexdigest()}
    return found


def _modules(graph: grimp.ImportGraph, start: str) -> set[str]:
    """`start` and its direct and indirect imports that values depend on."""
    found, todo = {start}, [start]
    while todo:
        for module in graph.find_modules_directly_imported_by(todo.pop()):
            shapes = module in ALSO or any(f"{module}.".startswith(f"{p}.") for p in SHAPING)
            if shapes and module not in found:
                found.add(module)
                todo.append(module)
    return found


@cache
def _code(module: str) -> str:
    path = ROOT.joinpath(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return code_hash(source.read_text(encoding="utf-8"))


def code_hash(source: str) -> str:
    """sha256 over what a module does, equal on every version of Python that can read it."""
    return hashlib.sha256(repr(_plain(ast.parse(source))).encode()).hexdigest()


def _plain(node: object) -> object:
    if isinstance(node, list):
        return [_plain(each) for each in node if not _is_docstring(each)]
    if not isinstance(node, ast.AST):
        return node
    fields = [(name, _plain(value)) for name, value in ast.iter_fields(node)]
    return type(node).__name__, [(name, value) for name, value in fields if value not in (None, [])]


def _is_docstring(node: object) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


if __name__ == "__main__":
    RECORD.write_text(json.dumps(present(), indent=2) + "\n", encoding="utf-8")
