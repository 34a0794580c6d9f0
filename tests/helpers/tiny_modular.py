"""Tiny random modular pipelines: `BUILDERS[class name]()` gives a pipeline to save.

Each is a twin: it has the components of the tiny pipeline of its family.
"""

import diffusers

import tiny_flux2
import tiny_image_editors
import tiny_image_to_image
import tiny_qwen_editors
import tiny_video_models

FAMILIES = {
    **tiny_flux2.BUILDERS,
    **tiny_image_editors.BUILDERS,
    **tiny_image_to_image.BUILDERS,
    **tiny_qwen_editors.BUILDERS,
    **tiny_video_models.BUILDERS,
}
# Class → the tiny pipeline of its family.
VIDEO_TWINS = {
    "LTXModularPipeline": "LTXPipeline",
    "Wan22Image2VideoModularPipeline": "Wan 2.2",
    "WanImage2VideoModularPipeline": "Wan 2.1",
}
TWINS = {
    "Flux2KleinBaseModularPipeline": "Flux2KleinPipeline",
    "Flux2KleinModularPipeline": "Flux2KleinPipeline-distilled",
    "Flux2ModularPipeline": "Flux2Pipeline",
    "FluxKontextModularPipeline": "FluxKontextPipeline",
    "FluxModularPipeline": "FluxPipeline",
    "QwenImage21ModularPipeline": "QwenImage21Pipeline",
    "QwenImageEditModularPipeline": "QwenImageEditPipeline",
    "QwenImageEditPlusModularPipeline": "QwenImageEditPlusPipeline",
}


class Modular:
    """A modular pipeline that is saved with the call of other pipelines."""

    def __init__(self, name, components, settings):
        kind = getattr(diffusers, name)
        parts = getattr(diffusers, kind.default_blocks_name)()
        self.pipeline = kind(blocks=parts)
        for wanted, given in (
            (parts.expected_components, components),
            (parts.expected_configs, settings),
        ):
            names = {each.name for each in wanted} & set(given)
            self.pipeline.update_components(**{each: given[each] for each in names})

    def save_pretrained(self, folder, safe_serialization=True):
        # Without the last argument it warns that its default has changed.
        self.pipeline.save_pretrained(
            str(folder), safe_serialization=safe_serialization, overwrite_modular_index=True
        )


def _twin(name, family):
    def build():
        pipeline = FAMILIES[family]()
        return Modular(name, pipeline.components, pipeline.config)

    return build


BUILDERS = {name: _twin(name, family) for name, family in (TWINS | VIDEO_TWINS).items()}
