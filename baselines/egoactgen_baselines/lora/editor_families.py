"""The families of image editors for which adapters are trained."""

from egoactgen_baselines.lora.editor_family import EditorFamily
from egoactgen_baselines.lora.flux_editors import Flux2Klein, FluxKontext
from egoactgen_baselines.lora.qwen_editors import QwenImageEdit, QwenImageEditPlus
from egoactgen_bench.errors import BenchError

FAMILIES: dict[str, EditorFamily] = {
    name: family
    for family in (FluxKontext(), Flux2Klein(), QwenImageEdit(), QwenImageEditPlus())
    for name in family.pipelines
}


def family_of(pipeline: str) -> EditorFamily:
    """The family of the pipeline class `pipeline`. Raises `BenchError` for any other class."""
    if pipeline not in FAMILIES:
        raise BenchError(
            f"lora cannot train adapters of {pipeline}: give -o init=PATH, a folder of one of "
            f"{', '.join(FAMILIES)}."
        )
    return FAMILIES[pipeline]
