"""The folder of a saved pipeline of diffusers: its class, and its components, loaded strictly."""

import importlib
import json
from pathlib import Path
from typing import Any

import torch

from egoactgen_baselines.pipelines import pipeline_memory
from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.safe_names import is_safe_id
from egoactgen_bench.weights.model_folders import check_folder_files, read_files, tensor_source
from egoactgen_bench.weights.pretrained import load_model, load_processor

LIBRARIES = ("diffusers", "transformers")  # a folder may name classes of these only


def check_folder(folder: Path) -> None:
    """Raise `BenchError` for a folder that is not a saved pipeline, or could execute code."""
    if not (folder / "model_index.json").is_file():
        raise BenchError(
            f"diffusers:{folder} contains no model_index.json; give a folder written by diffusers' "
            "save_pretrained."
        )
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
    is_component = not part and isinstance(value, list)
    return None if is_component else value


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
    kind = getattr(diffusers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise BenchError(f"diffusers:{folder}: the installed diffusers has no pipeline '{name}'.")
    return kind


def components(folder: Path) -> dict[str, tuple[str, str]]:
    """The library and class of each component that the pipeline has, by its folder's name."""
    return {
        name: (value[0], value[1])
        for name, value in _index(folder).items()
        if isinstance(value, list)
        and len(value) == 2
        and all(isinstance(part, str) for part in value)
    }


def pipeline_files(folder: Path) -> list[Path]:
    """The files that are read: the index, and those of each component."""
    parts = [file for name in components(folder) for file in read_files(folder / name)]
    return sorted([folder / "model_index.json", *parts])


def load_components(
    folder: Path, dtype: torch.dtype, options: MemoryOptions | None = None
) -> dict[str, Any]:
    """The networks of a pipeline by name, strictly, in `dtype`, quantized as `options` say.

    diffusers loads the others: tokenizers, schedulers and image processors. It would also load
    networks, but draws tensors that are missing.
    """
    from diffusers import DiffusionPipeline

    found: dict[str, Any] = {}
    for name, (library, kind_name) in components(folder).items():
        kind = _component_class(library, kind_name)
        if isinstance(kind, type) and issubclass(kind, DiffusionPipeline):
            raise BenchError(
                f"diffusers:{folder}: the component '{name}' is a pipeline itself ({kind_name}), "
                "which is not supported."
            )
        network = isinstance(kind, type) and issubclass(kind, torch.nn.Module)
        if network or kind_name.startswith("AutoModel"):
            config = options and pipeline_memory.quantization(options, name, library, dtype)
            quantized = {"quantization_config": config} if config else {}
            found[name] = load_model(kind, folder / name, dtype=dtype, **quantized)
        elif kind_name.startswith("Auto") and library == "transformers":
            # diffusers would let it ask on the terminal whether to run the folder's code.
            found[name] = load_processor(kind, folder / name)
    return found


def _component_class(library: str, name: str) -> Any:
    """The class; None if the installed version has none of this name, which diffusers may know."""
    place = library if library in LIBRARIES else f"diffusers.pipelines.{library}"
    return getattr(importlib.import_module(place), name, None)


def _index(folder: Path) -> dict[str, Any]:
    content = read_json(folder / "model_index.json")
    if not isinstance(content, dict):
        raise BenchError(f"{folder / 'model_index.json'} does not contain a JSON object.")
    return content
