"""The recipe of a pipeline's class: a known one, a plug-in's, or the one named by `-o recipe`."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from egoactgen_baselines.pipelines import refusals
from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_baselines.pipelines.modular_blocks import call_parameters, is_modular
from egoactgen_baselines.pipelines.pipeline_folder import saved_setting
from egoactgen_baselines.pipelines.recipes import RECIPES
from egoactgen_bench.api import plugins
from egoactgen_bench.errors import BenchError, did_you_mean

GROUP = "egoactgen_baselines.call_recipes"  # entry points of other packages
HOW_TO_ADD = (
    "If it edits images, describe its call in a recipe and pass -o recipe=module:NAME (see "
    "docs/methods.md, 'A recipe of your own')."
)


def choose(folder: Path, saved: str, named: str | None) -> tuple[CallRecipe, str]:
    """The recipe for a folder whose class is `saved`, and the class to load it as.

    `named` is the value of `-o recipe`. Raises `BenchError` for a class that is not an
    editor, or that no recipe knows.
    """
    if named is not None:
        recipe = _named(named)
        return recipe, saved if saved in recipe.pipelines else recipe.pipelines[0]
    for recipe in known():
        if saved in recipe.pipelines and _fits(folder, recipe):
            return recipe, saved
        if saved in recipe.saved_as and _fits(folder, recipe):
            return recipe, recipe.pipelines[0]
    raise BenchError(f"diffusers:{folder}: {_why_not(saved)}")


def _fits(folder: Path, recipe: CallRecipe) -> bool:
    return all(saved_setting(folder, name) == value for name, value in recipe.when.items())


def known() -> Iterator[CallRecipe]:
    """All recipes: those of plug-ins first, so that they can replace a known one."""
    yield from _plugged()
    yield from RECIPES


@cache
def _plugged() -> tuple[CallRecipe, ...]:
    return tuple(_checked(name, plugins.find(GROUP, name)) for name in plugins.registered(GROUP))


def _named(name: str) -> CallRecipe:
    by_name = {recipe.name: recipe for recipe in known()}
    if name in by_name:
        return by_name[name]
    if ":" not in name:
        raise BenchError(
            f"-o recipe={name}: unknown recipe.{did_you_mean(name, by_name)} Known: "
            f"{', '.join(by_name)}; or write module:NAME."
        )
    return _checked(name, plugins.find(GROUP, name))


def _checked(name: str, found: Any) -> CallRecipe:
    if not isinstance(found, CallRecipe):
        raise BenchError(
            f"-o recipe={name} is a {type(found).__name__}, expected a CallRecipe of "
            "egoactgen_baselines.pipelines.call_recipe."
        )
    return found


def _why_not(saved: str) -> str:
    """Why a class has no recipe."""
    import diffusers

    kind = getattr(diffusers, saved, None)
    if not is_modular(kind) and not (
        isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)
    ):
        return (
            f"the installed diffusers {diffusers.__version__} has no pipeline '{saved}'. Install "
            "a version that has it, or generate the images elsewhere and use images:DIR."
        )
    accepted = call_parameters(kind)
    if settings := sorted(
        {name for each in known() if saved in each.pipelines for name in each.when}
    ):
        return (
            f"{saved} has recipes, but for other values of {', '.join(settings)}: this folder is "
            f"for another task. {HOW_TO_ADD}"
        )
    why = refusals.reason(saved, accepted)
    if why is not None:
        return f"{saved} {why}. Use a pipeline that edits a whole image by an instruction."
    return f"no recipe says how {saved} is called. {HOW_TO_ADD}"
