"""The packages that a recipe's pipelines need, checked before anything is loaded."""

import importlib.util
from importlib.metadata import version

from packaging.requirements import Requirement

from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_bench.errors import BenchError


def check(recipe: CallRecipe, pipeline: str) -> None:
    """Raise `BenchError` if `pipeline` needs a package, or a version of one, that is missing."""
    for name in recipe.packages:
        if importlib.util.find_spec(name) is None:
            raise BenchError(f"{pipeline} needs the package {name}: pip install {name}.")
    for text in recipe.versions:
        wanted = Requirement(text)
        installed = version(wanted.name)
        if not wanted.specifier.contains(installed, prereleases=True):
            raise BenchError(
                f"{pipeline} fails with {wanted.name} {installed}: pip install '{text}', in an "
                "environment of its own."
            )
