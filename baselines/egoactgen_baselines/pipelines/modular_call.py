"""A loaded modular pipeline, called like the other pipelines of diffusers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_baselines.pipelines.modular_blocks import blocks, guiders
from egoactgen_baselines.pipelines.pipeline_folder import saved_setting
from egoactgen_bench.weights.pretrained import refusing


class ModularCall:
    """Calls a modular pipeline with the arguments of its recipe.

    The argument `guider_argument` sets the scale of the pipeline's guiders.
    """

    def __init__(self, pipeline: Any, guider_argument: str) -> None:
        self.modular = pipeline
        self.guider_argument = guider_argument
        parts = pipeline.blocks
        # A pipeline with an argument of this name has no guider, or passes it on itself.
        self.guiders = [] if guider_argument in parts.input_names else guiders(parts)

    @property
    def components(self) -> dict[str, Any]:
        """The components by name."""
        found: dict[str, Any] = self.modular.components
        return found

    def __call__(self, **arguments: Any) -> SimpleNamespace:
        """The result, with `images` or, of a video model, `frames`."""
        if self.guiders and (scale := arguments.pop(self.guider_argument, None)) is not None:
            for name in self.guiders:
                guider = getattr(self.modular, name)
                guider.guidance_scale = scale
                # As in other pipelines, which guide with more than 1 only.
                guider.enable() if scale > 1 else guider.disable()
        with _silent():
            state = self._run(arguments)
        return SimpleNamespace(images=state.get("images"), frames=state.get("videos"))

    def _run(self, arguments: dict[str, Any]) -> Any:
        absent = self.modular.null_component_names
        try:
            return self.modular(**arguments)
        except (AttributeError, TypeError) as error:
            if not absent:
                raise
            raise ValueError(f"the folder has no {', no '.join(absent)}: {error}") from error


def assemble(kind: type[Any], folder: Path, components: dict[str, Any], recipe: CallRecipe) -> Any:
    """The modular pipeline of class `kind` with these components, and the folder's settings.

    It is built without its folder, so that nothing is read from there, or from a hub.
    """
    parts = blocks(kind, recipe)
    saved = {spec.name: saved_setting(folder, spec.name) for spec in parts.expected_configs}
    settings = {name: value for name, value in saved.items() if value is not None}
    with refusing(folder), _silent():
        pipeline = kind(blocks=parts)
        pipeline.update_components(**components, **settings)
    _hide_progress(parts)
    return pipeline


def _hide_progress(parts: Any) -> None:
    """Disable the progress bars of all blocks: the pipeline only knows those of the first level."""
    for each in parts.sub_blocks.values():
        if hasattr(each, "set_progress_bar_config"):
            each.set_progress_bar_config(disable=True)
        _hide_progress(each)


@contextmanager
def _silent() -> Iterator[None]:
    """Without what diffusers logs: that guiders are experimental, and the trace of each error."""
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
