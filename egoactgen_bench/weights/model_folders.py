"""The files of a folder of weights that are read: no code, no documentation, no second copies."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.placeholder_files import refuse_placeholder

STEMS = ("model", "diffusion_pytorch_model", "pytorch_model")  # of files of tensors
CONFIG = "config.json"  # of a network
SAFE, PICKLED = ".safetensors", ".bin"
# Also loaded from a folder: configurations, vocabularies, merges, SentencePiece models, templates.
OTHER_SUFFIXES = (".json", ".txt", ".model", ".jinja")
# Sizes in a configuration that cost time or memory before a tensor is compared: larger ones are
# damage, or an attack.
LARGEST = {
    r"layer|depth|block": 4096,
    r"position|n_ctx|max_.*length": 1 << 24,
    r"image_size|sample_size": 1 << 14,
    r"": 1 << 31,
}
LONGEST_NAME = 200  # of a file; file systems allow 255 bytes
DEEPEST = 50  # nested objects and lists in a configuration
UNBOUNDED = "model_max_length"  # tokenizers state 10^30 if it is unknown


def check_folder_files(folder: Path) -> None:
    """Raise `BenchError` for a folder of weights with code, or with an unreasonable configuration.

    transformers and diffusers could import a `*.py` file. We never let them, but a folder of plain
    weights has none. Errors as of `require_folder`.
    """
    require_folder(folder)
    for path in sorted(folder.rglob("*.py")):
        raise BenchError(
            f"{folder} contains code, {path.relative_to(folder)}, which is never executed: use "
            "weights that load without it, and remove the file."
        )
    for path in sorted(folder.glob("*.json")):
        if _is_kept(path) and path.name.endswith(("config.json", ".index.json")):
            refuse_placeholder(path)
            content = read_json(path)
            if not isinstance(content, dict):
                raise BenchError(f"{path} does not contain a JSON object: download it again.")
            for key, value in _entries(path, content):
                _check_entry(path, key, value)


def require_folder(path: Path) -> None:
    """Raise `BenchError` for a single file in the place of a folder in the hub's format."""
    if path.is_file():
        raise BenchError(
            f"{path} is a file, but a folder in the format of transformers or diffusers is needed: "
            f"a checkpoint becomes one with `bench models convert {path} --out DIR`."
        )


def architectures(folder: Path) -> list[str]:
    """The networks that config.json of a transformers folder names; empty if it names none."""
    require_folder(folder)
    config = read_json(folder / CONFIG)
    stated = config.get("architectures") if isinstance(config, dict) else None
    return [str(name) for name in stated] if isinstance(stated, list) else []


def read_files(folder: Path) -> list[Path]:
    """The files of a model's or tokenizer's folder that are loaded, sorted.

    Excluded are hidden files, documentation, optimizer states, and tensors in another format or
    precision than those that are loaded: they differ between downloads of the same weights.
    """
    source = tensor_source(folder)
    other = [
        path
        for path in folder.glob("*")
        if _is_kept(path) and path.suffix in OTHER_SUFFIXES and not _is_index(path)
    ]
    if source is None:
        return sorted(other)
    return sorted({source, *(indexed_files(source) if _is_index(source) else ()), *other})


def tensor_source(folder: Path) -> Path | None:
    """The file of tensors that is loaded, or the index of its shards: safetensors, else a pickle.

    None for a folder without tensors, as a tokenizer's. Raises `BenchError` as `variant` does.
    """
    plain = _first(folder, f"{SAFE}", f"{SAFE}.index.json")
    if plain is None and (chosen := variant(folder)):
        return _first(folder, f".{chosen}{SAFE}", f"{SAFE}.index.{chosen}.json")
    return plain or _first(folder, f"{PICKLED}", f"{PICKLED}.index.json")


def variant(folder: Path) -> str | None:
    """`fp16` for a folder that contains its safetensors only as `*.fp16.safetensors`, else None.

    Raises `BenchError` for several variants, none of which is the plain one.
    """
    if _first(folder, f"{SAFE}", f"{SAFE}.index.json"):
        return None
    stems = "|".join(STEMS)
    pattern = re.compile(rf"(?:{stems})(?:\.(\w+)\.safetensors|\.safetensors\.index\.(\w+)\.json)")
    matches = [pattern.fullmatch(path.name) for path in folder.glob("*") if path.is_file()]
    found = sorted({match[1] or match[2] for match in matches if match})
    if len(found) > 1:
        raise BenchError(
            f"{folder} contains several variants of its weights ({', '.join(found)}), and none "
            "without a variant's name: keep one of them."
        )
    return found[0] if found else None


def indexed_files(index: Path) -> list[Path]:
    """The files that a `*.index.json` names, sorted.

    Raises `BenchError` if one is missing, or in another folder.
    """
    content = read_json(index)
    named = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named.values()):
        raise BenchError(f"{index} has no weight_map of file names: download it again.")
    files = [index.parent / name for name in sorted(set(named.values()))]
    for file in files:
        if file.name not in named.values() or file.parent != index.parent:
            raise BenchError(f"{index} names a file outside its folder: '{file}'.")
        if len(file.name) > LONGEST_NAME:
            raise BenchError(f"{index} names a file '{file.name[:40]}…': download it again.")
        if not file.is_file():
            raise BenchError(f"{file} does not exist, but {index.name} names it: download it.")
    return files


def _first(folder: Path, *endings: str) -> Path | None:
    paths = [folder / f"{stem}{ending}" for stem in STEMS for ending in endings]
    return next((path for path in paths if path.is_file()), None)


def _is_index(path: Path) -> bool:
    return ".index." in path.name and path.suffix == ".json"


def _is_kept(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _entries(path: Path, value: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every key and value of a configuration, those inside others, too."""
    if depth > DEEPEST:
        raise BenchError(f"{path} is nested more than {DEEPEST} levels deep: it is not a config.")
    yield key, value
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _entries(path, each, inner, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _entries(path, each, key, depth + 1)


def _check_entry(path: Path, key: str, value: Any) -> None:
    if "attn_implementation" in key and isinstance(value, str) and "/" in value:
        # transformers would fetch this repository's kernels, which are code.
        raise BenchError(f"{path}: {key} names the code of another repository ('{value}').")
    if key == "trust_remote_code" and value:
        raise BenchError(f"{path} asks to trust code of other repositories: remove {key}.")
    if isinstance(value, int | float) and not isinstance(value, bool) and key != UNBOUNDED:
        limit = next(limit for pattern, limit in LARGEST.items() if re.search(pattern, key))
        if abs(value) > limit and not (isinstance(value, float) and limit == LARGEST[""]):
            raise BenchError(f"{path}: {key} is {value}, more than the {limit} that is supported.")
