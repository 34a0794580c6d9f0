"""The folder of a saved pipeline of diffusers: its class, and its components, loaded strictly."""

import importlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from egoactgen_baselines.pipelines import modular_folder, pipeline_memory
from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_baselines.pipelines.modular_blocks import is_modular
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.safe_names import is_safe_id
from egoactgen_bench.weights.model_folders import (
    check_folder_files,
    read_files,
    require_folder,
    tensor_source,
)
from egoactgen_bench.weights.pretrained import load_model, load_processor

LIBRARIES = ("diffusers", "transformers")  # a folder may name classes of these only
INDEX = "model_index.json"


def check_folder(folder: Path) -> None:
    """Raise `BenchError` for a folder that is not a saved pipeline, or could execute code."""
    require_folder(folder)
    if not _index_file(folder).is_file():
        raise BenchError(
            f"diffusers:{folder} contains no {INDEX}; give a folder written by diffusers' "
            "save_pretrained."
        )
    if _has_modular_index(folder):
        modular_folder.check_blocks(folder)
    for name, value in _index(folder).items():
        library = value[0] if isinstance(value, list) and len(value) == 2 else None
        known = library is None or library in LIBRARIES or _is_pipeline_module(library)
        if isinstance(value, list) and len(value) != 2 and all(isinstance(v, str) for v in value):
            raise BenchError(
                f"diffusers:{folder}: the component '{name}' is {value}, expected a library and a "
                "class."
            )
        if isinstance(value, list) and not is_safe_id(name):
            raise BenchError(f"diffusers:{folder}: the component '{name}' is not a folder's name.")
        if not known or (name == "_class_name" and not isinstance(value, str)):
            raise BenchError(
                f"diffusers:{folder} requires custom code ('{name}': {value}), which is not "
                "executed: only classes of diffusers and transformers are allowed."
            )
    check_folder_files(folder)
    for name in components(folder):
        check_folder_files(folder / name)
        source = tensor_source(folder / name)
        if source is not None and ".safetensors" not in source.name:
            raise BenchError(
                f"diffusers:{folder}: {source.relative_to(folder)} may contain code, and "
                "the folder has no .safetensors instead: save the pipeline again with "
                "safe_serialization=True."
            )


def _is_pipeline_module(library: Any) -> bool:
    """Whether it is a module of diffusers.pipelines, which may contain a safety checker."""
    import diffusers.pipelines

    return (
        isinstance(library, str) and library.isidentifier() and library in dir(diffusers.pipelines)
    )


def saved_class(folder: Path) -> str:
    """The name of the class that the folder was saved as."""
    return str(_index(folder).get("_class_name"))


def saved_setting(folder: Path, name: str) -> Any:
    """A setting of the pipeline ("is_distilled") or of a component ("unet/num_frames").

    None if it is not set.
    """
    part, _, key = name.rpartition("/")
    value = (component_config(folder, part) if part else _index(folder)).get(key)
    is_component = isinstance(value, list) and not any(
        isinstance(each, int | float) for each in value
    )
    return None if is_component and not part else value


def component_config(folder: Path, part: str) -> dict[str, Any]:
    """The configuration of a component; empty if it cannot be read, which loading explains."""
    try:
        content = json.loads((folder / part / "config.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def pipeline_class(folder: Path, name: str) -> type[Any]:
    """The pipeline class `name` of the installed diffusers."""
    diffusers = importlib.import_module("diffusers")
    kind: Any = getattr(diffusers, name, None)
    if not is_modular(kind) and not (
        isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)
    ):
        raise BenchError(f"diffusers:{folder}: the installed diffusers has no pipeline '{name}'.")
    if is_modular(kind) != _has_modular_index(folder):
        expected = modular_folder.INDEX if is_modular(kind) else INDEX
        raise BenchError(
            f"diffusers:{folder}: {name} is described by a {expected}, but the folder contains a "
            f"{_index_file(folder).name}."
        )
    found: type[Any] = kind
    return found


def components(folder: Path) -> dict[str, tuple[str, str]]:
    """The library and class of each component that the pipeline has, by its folder's name."""
    return {
        name: (value[0], value[1])
        for name, value in _index(folder).items()
        if isinstance(value, list)
        and len(value) == 2
        and all(isinstance(part, str) for part in value)
    }


def pipeline_files(folder: Path, names: Iterable[str] | None = None) -> list[Path]:
    """The files that are read: the index, and those of all components, or of `names`."""
    read = components(folder) if names is None else names
    parts = [file for name in read for file in read_files(folder / name)]
    return sorted([_index_file(folder), *parts])


def load_components(
    folder: Path,
    names: Iterable[str],
    dtype: torch.dtype,
    options: MemoryOptions,
    networks_only: bool = True,
) -> dict[str, Any]:
    """The components `names` of a pipeline, strictly, in `dtype`, quantized as `options` say.

    With `networks_only`, diffusers loads the others: tokenizers, schedulers and image processors.
    It would also load networks, but draws tensors that are missing.
    """
    from diffusers import DiffusionPipeline

    found: dict[str, Any] = {}
    for name in names:
        library, kind_name = components(folder)[name]
        kind = _component_class(library, kind_name)
        if isinstance(kind, type) and issubclass(kind, DiffusionPipeline):
            raise BenchError(
                f"diffusers:{folder}: the component '{name}' is a pipeline itself ({kind_name}), "
                "which is not supported."
            )
        network = isinstance(kind, type) and issubclass(kind, torch.nn.Module)
        if network or kind_name.startswith("AutoModel"):
            config = pipeline_memory.quantization(options, name, library, dtype)
            quantized = {"quantization_config": config} if config else {}
            found[name] = load_model(kind, folder / name, dtype=dtype, **quantized)
        elif not networks_only and kind is None:
            raise BenchError(
                f"diffusers:{folder}: the installed {library} has no class '{kind_name}', which is "
                f"the component '{name}'."
            )
        elif not networks_only or (kind_name.startswith("Auto") and library == "transformers"):
            # diffusers would let an Auto class ask on the terminal whether to run its code.
            found[name] = load_processor(kind, folder / name)
    return found


def network_class(folder: Path, name: str) -> Any:
    """The class of the network that is the component `name`. Raises `BenchError` for another."""
    kind = _component_class(*components(folder)[name]) if name in components(folder) else None
    if not isinstance(kind, type) or not issubclass(kind, torch.nn.Module):
        raise BenchError(f"diffusers:{folder}: the component '{name}' is not a known network.")
    return kind


def _component_class(library: str, name: str) -> Any:
    """The class; None if the installed version has none of this name, which diffusers may know."""
    place = library if library in LIBRARIES else f"diffusers.pipelines.{library}"
    return getattr(importlib.import_module(place), name, None)


def _has_modular_index(folder: Path) -> bool:
    return _index_file(folder).name == modular_folder.INDEX


def _index_file(folder: Path) -> Path:
    modular = folder / modular_folder.INDEX
    return modular if modular.is_file() and not (folder / INDEX).is_file() else folder / INDEX


def _index(folder: Path) -> dict[str, Any]:
    if _has_modular_index(folder):
        return modular_folder.read_index(folder)
    content = read_json(folder / INDEX)
    if not isinstance(content, dict):
        raise BenchError(f"{folder / INDEX} does not contain a JSON object.")
    return content
