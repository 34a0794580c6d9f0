"""The steps of a modular pipeline of diffusers, which it calls blocks, and the arguments they take.

The call of a modular pipeline has no parameters of its own: its blocks state them. Many pipelines
have several workflows, such as text-to-image and image-conditioned; a recipe determines which one
is executed.
"""

from collections.abc import Mapping
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from egoactgen_baselines.pipelines.call_recipe import CallRecipe

# A guider combines predictions with and without the prompt; it is a component, not an argument.
GUIDERS = ("guider", "guider_2")


def is_modular(kind: Any) -> bool:
    """Whether `kind` is a class of modular pipelines."""
    from diffusers import ModularPipeline

    return isinstance(kind, type) and issubclass(kind, ModularPipeline)


def all_blocks(kind: Any) -> Any:
    """The blocks of all workflows of the modular pipeline class `kind`."""
    return getattr(import_module("diffusers"), kind.default_blocks_name)()


def blocks(kind: Any, recipe: CallRecipe) -> Any:
    """The blocks that are executed for a prompt and the recipe's image, and no other input."""
    found = all_blocks(kind)
    for step in recipe.leaves_out:
        found.sub_blocks.pop(step)
    given = {"prompt": recipe.prompted} | ({recipe.image: True} if recipe.image else {})
    return found.get_execution_blocks(**given)


def guiders(parts: Any) -> list[str]:
    """The names of the guiders that these blocks use."""
    return [spec.name for spec in parts.expected_components if spec.name in GUIDERS]


def call_parameters(
    kind: Any, recipe: CallRecipe | None = None, own_guider: bool = False
) -> Mapping[str, Parameter]:
    """The parameters of a pipeline's call.

    For a modular pipeline they are the inputs of its blocks, and `recipe.guider` if these use a
    guider, unless the folder has its `own_guider`. Without a recipe, the inputs of all workflows.
    """
    if not is_modular(kind):
        return signature(kind.__call__).parameters
    parts = all_blocks(kind) if recipe is None else blocks(kind, recipe)
    found = {each.name: each.default for each in parts.inputs if each.name}
    if recipe is not None and guiders(parts) and not own_guider:
        found.setdefault(recipe.guider, None)
    return {
        name: Parameter(name, Parameter.KEYWORD_ONLY, default=default)
        for name, default in found.items()
    }
