"""The layout: few top-level modules, names understood without their folder, few parameters."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "egoactgen_bench": ROOT / "egoactgen_bench",
    "egoactgen_baselines": ROOT / "baselines" / "egoactgen_baselines",
    "egoactgen_lego": ROOT / "lego" / "egoactgen_lego",
}
MOST_PARAMETERS = 8


def modules() -> list[Path]:
    return [path for folder in PACKAGES.values() for path in folder.rglob("*.py")]


def test_few_modules_are_at_the_top():
    names = {path.stem for path in PACKAGES["egoactgen_bench"].glob("*.py")}
    assert names == {"__init__", "demo", "errors"}
    for name, folder in PACKAGES.items():
        assert len([path for path in folder.glob("*.py") if path.stem != "__init__"]) <= 8, name
        assert (folder / "py.typed").is_file(), name


def test_module_names_are_understood_without_their_folder():
    names = Counter(path.stem for path in modules() if not path.stem.startswith("__"))
    assert [name for name, times in names.items() if times > 1] == []
    assert names.keys().isdisjoint({"base", "common", "core", "helpers", "misc", "stage", "utils"})


def test_every_folder_with_modules_is_a_package():
    assert [path for path in modules() if not (path.parent / "__init__.py").is_file()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_takes_many_parameters(package):
    many = {}
    for path in PACKAGES[package].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                names = [argument.arg for argument in every if argument.arg not in ("self", "cls")]
                if len(names) > MOST_PARAMETERS:
                    many[f"{path.relative_to(ROOT)}:{node.name}"] = names
    assert many == {}


def test_test_folders_mirror_the_packages():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    packages = {path.parent.name for path in PACKAGES["egoactgen_bench"].glob("*/__init__.py")}
    others = {"architecture", "baselines", "benchmarks", "docs", "helpers", "lego", "splits"}
    others |= {"rehearsal"}  # of all packages on a pretended GPU
    assert folders - {"__pycache__"} <= packages | others
    modules = {path.name for path in (ROOT / "tests").glob("*.py")}
    assert modules == {"conftest.py"}
