"""The folder of a saved modular pipeline of diffusers: its index, in the form of other folders'."""

from importlib import import_module
from pathlib import Path
from typing import Any, TypeGuard

from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_baselines.pipelines.modular_blocks import blocks
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json

INDEX = "modular_model_index.json"
BLOCKS = "modular_config.json"  # names the code of blocks
UNNAMED_BLOCKS = (None, "SequentialPipelineBlocks")  # diffusers uses those of the class instead


def read_index(folder: Path) -> dict[str, Any]:
    """The index with each component as [library, class], as in a model_index.json.

    Where the index looks for a component is ignored: it is read from its own folder in `folder`,
    never from a hub. Raises `BenchError` for an index that is damaged.
    """
    return {
        name: _library_and_class(folder, name, value) if _is_component(value) else value
        for name, value in _content(folder).items()
    }


def check_blocks(folder: Path) -> None:
    """Raise `BenchError` unless the folder's blocks are those of its class in diffusers."""
    content = _content(folder)
    kind = getattr(import_module("diffusers"), str(content.get("_class_name")), None)
    saved = content.get("_blocks_class_name")
    of_class = getattr(kind, "default_blocks_name", None)
    custom = kind is not None and saved not in (of_class, *UNNAMED_BLOCKS)
    if custom or (folder / BLOCKS).exists() or content.get("_class_name") == "ModularPipeline":
        raise BenchError(
            f"diffusers:{folder} requires blocks of its own ('{saved}'), whose code is not "
            "executed: only the blocks that diffusers has for a pipeline's class are allowed."
        )


def used_components(folder: Path, kind: Any, recipe: CallRecipe) -> list[str]:
    """The components of the folder that the executed blocks use.

    Raises `BenchError` for one that the index takes from elsewhere.
    """
    content, used = _content(folder), []
    for spec in blocks(kind, recipe).expected_components:
        entry = content.get(spec.name)
        if not _is_component(entry):
            continue
        if (folder / spec.name).is_dir():
            used.append(spec.name)
        elif source := entry[2].get("pretrained_model_name_or_path") or entry[2].get("repo"):
            raise BenchError(
                f"diffusers:{folder} has no folder '{spec.name}': {INDEX} takes it from "
                f"'{source}', which is not done here; download it into this folder."
            )
    return used


def _content(folder: Path) -> dict[str, Any]:
    content = read_json(folder / INDEX)
    if not isinstance(content, dict):
        raise BenchError(f"{folder / INDEX} does not contain a JSON object.")
    return content


def _is_component(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and len(value) == 3 and isinstance(value[2], dict)


def _library_and_class(folder: Path, name: str, value: list[Any]) -> list[Any]:
    hint, place = value[2].get("type_hint"), value[2].get("subfolder")
    if not (isinstance(hint, list) and [type(each) for each in hint] == [str, str]):
        raise BenchError(
            f"diffusers:{folder}: the component '{name}' has no type_hint of a library and a class "
            f"in {INDEX}."
        )
    if place not in (None, "", name):
        raise BenchError(
            f"diffusers:{folder}: the component '{name}' is in the folder '{place}', expected "
            f"'{name}': save the pipeline again with save_pretrained."
        )
    return hint
