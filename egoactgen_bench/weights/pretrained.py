"""Strict loading of models, tokenizers and processors by transformers and diffusers.

All of them are loaded here: from a folder on this machine, without any code of it, and with an
error for a tensor that is missing, unknown or of another shape, where both libraries would draw new
values or ignore it.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.placeholder_files import refuse_placeholder
from egoactgen_bench.weights.foreign_checkpoints import check_archive
from egoactgen_bench.weights.model_folders import (
    CONFIG,
    SAFE,
    check_folder_files,
    indexed_files,
    tensor_source,
    variant,
)
from egoactgen_bench.weights.stored_tensors import check_safetensors

# The files of processors by a word in the name of their class; tokenizers have others, too.
PROCESSOR_FILES = {
    "ImageProcessor": ("preprocessor_config.json", "processor_config.json"),
    "Config": (CONFIG,),
    "Scheduler": ("scheduler_config.json",),
    "Tokenizer": ("tokenizer.json", "tokenizer_config.json"),
}
# Unknown tensors that change nothing, by the class that is loaded ("": all classes).
UNUSED_TENSORS = {
    # Constants that every model computes itself; older releases of transformers stored them.
    "": (r"(.*\.)?position_ids", r"(.*\.)?rotary_emb\.inv_freq"),
    # One tower of a folder with a whole CLIP.
    "CLIPText": (
        r"vision_model\..*",
        r"visual_projection\..*",
        r"text_projection\..*",
        "logit_scale",
    ),
    "CLIPVision": (
        r"text_model\..*",
        r"text_projection\..*",
        r"visual_projection\..*",
        "logit_scale",
    ),
}


def load_model(kind: Any, folder: Path, *, pickles: bool = False, **options: Any) -> Any:
    """A network of the class `kind` (of transformers or diffusers), frozen and in eval mode.

    `options` are passed to its `from_pretrained`. Pickled tensors are read with `pickles` only, and
    never execute code. Raises `BenchError`, which names the folder, for anything but a complete
    folder of exactly this network.
    """
    check_folder_files(folder)
    source = _checked_source(folder, pickles)
    if options.get("variant") is None and (chosen := variant(folder)):
        options["variant"] = chosen
    if not _is_of_diffusers(kind):
        options["trust_remote_code"] = False
    _check_size(folder, source, _network_of(kind, folder))
    with refusing(folder), _quiet():
        network, info = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=SAFE in source.name,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported with all others, and refused below
            **options,
        )
    _check_loading(folder, type(network).__name__, info)
    _forget_path(network)
    return network.eval().requires_grad_(False)


def load_processor(kind: Any, folder: Path, **options: Any) -> Any:
    """A tokenizer, image processor, configuration or scheduler of the class `kind`."""
    check_folder_files(folder)
    if kind.__module__.startswith("transformers.") and kind.__name__.startswith("Auto"):
        options["trust_remote_code"] = False
    with refusing(_read_by(kind, folder)):
        loaded = kind.from_pretrained(folder, local_files_only=True, **options)
        # A vocabulary without its special tokens and sizes that make no sense fail only here.
        if "Tokenizer" in kind.__name__:
            loaded("open drawer")
        elif "ImageProcessor" in kind.__name__:
            loaded(Image.new("RGB", (64, 48)), return_tensors="pt")
    return loaded


def check_vocabulary(tokenizer: Any, words: int, folder: Path) -> None:
    """Raise `BenchError` for a tokenizer with ids beyond the `words` embeddings of its network."""
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest >= words:
        raise BenchError(
            f"{folder}: the tokenizer has ids up to {highest}, but the network embeds only {words} "
            "tokens: its files are damaged, or of different models."
        )


def _read_by(kind: Any, folder: Path) -> Path:
    """The file that a processor of the class `kind` is read from; of several, their folder.

    Raises `BenchError` if there is none, and for one that is not JSON: libraries name neither.
    """
    names = [*(getattr(kind, "vocab_files_names", None) or {}).values()]
    names += [
        name for word, own in PROCESSOR_FILES.items() if word in kind.__name__ for name in own
    ]
    found = [folder / name for name in dict.fromkeys(names) if (folder / name).is_file()]
    if not found and names:
        raise BenchError(f"{folder / names[0]} does not exist: download it.")
    for path in found:
        refuse_placeholder(path)
        if path.suffix == ".json":
            read_json(path)
    return found[0] if len(found) == 1 else folder


@contextmanager
def refusing(source: Path) -> Iterator[None]:
    """Turn whatever a library raises while it reads `source` into a `BenchError` that names it.

    A damaged file can fail anywhere in a library, with any exception: tokenizers, which are written
    in Rust, even raise one that is no `Exception`.
    """
    try:
        yield
    except (BenchError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise BenchError(f"{source} cannot be loaded ({first_sentence(error)}).") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' reports on missing and unknown tensors: our errors name them."""
    # Not imported here: importing diffusers takes seconds.
    loaded = [sys.modules[name] for name in ("diffusers", "transformers") if name in sys.modules]
    loggers = [library.utils.logging for library in loaded]
    levels = [logger.get_verbosity() for logger in loggers]
    try:
        for logger in loggers:
            logger.set_verbosity(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.set_verbosity(level)


def first_sentence(error: BaseException) -> str:
    """The first sentence of an exception's text, without a full stop, or the exception's name."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[0].split()).partition(". ")[0][:200].rstrip(".:") if lines else ""
    # A KeyError's text is the key alone.
    return text if len(text.split()) > 1 else f"{type(error).__name__} {text}".strip()


def _is_of_diffusers(kind: Any) -> bool:
    return hasattr(kind, "register_to_config")


def _checked_source(folder: Path, pickles: bool) -> Path:
    """The file or index of the tensors to load; `BenchError` unless it can be read safely."""
    if not folder.is_dir():
        raise BenchError(f"{folder} does not exist, or is not a folder.")
    if (folder / "adapter_config.json").is_file():
        # transformers would load the network that it names, from anywhere.
        raise BenchError(f"{folder} contains an adapter, not a whole network: merge them first.")
    source = tensor_source(folder)
    if source is None:
        raise BenchError(f"{folder} contains no weights: model.safetensors is missing.")
    if SAFE not in source.name and not pickles:
        raise BenchError(
            f"{folder} contains {source.name}, but no .safetensors: save the model again with "
            "safe_serialization=True."
        )
    for file in indexed_files(source) if source.suffix == ".json" else [source]:
        if file.suffix == SAFE:
            check_safetensors(file)
        else:
            check_archive(file)
    return source


def _network_of(kind: Any, folder: Path) -> Any:
    """The network that config.json describes, without memory for its tensors.

    Raises `BenchError`, which names config.json, if it describes none.
    """
    import torch
    from transformers import AutoConfig

    path = folder / CONFIG
    if not path.is_file():
        raise BenchError(f"{path} does not exist: download it.")
    with refusing(path), torch.device("meta"), _quiet():
        if _is_of_diffusers(kind):
            return kind.from_config(read_json(path))
        if kind.__name__.startswith("Auto"):
            config = load_processor(AutoConfig, folder)
            return kind.from_config(config, trust_remote_code=False)
        return kind(load_processor(kind.config_class, folder))


def _check_size(folder: Path, source: Path, network: Any) -> None:
    """Raise `BenchError` for a configuration of a network that is much larger than its file.

    Both libraries would allocate it, before they report that the tensors have other shapes.
    """
    files = indexed_files(source) if source.suffix == ".json" else [source]
    stored = sum(file.stat().st_size for file in files)
    wanted = sum(parameter.numel() for parameter in network.parameters())
    # Four per byte, more than in any format.
    if wanted > 4 * stored + 1000:
        raise BenchError(
            f"{folder / CONFIG} describes a network of {wanted:,} parameters, but its files "
            f"have {stored:,} bytes: they are incomplete, or of another network."
        )


def _check_loading(folder: Path, name: str, info: Any) -> None:
    """Raise `BenchError` unless each tensor of the network, and no other, was read."""
    patterns = [
        pattern
        for prefix, unused in UNUSED_TENSORS.items()
        if name.startswith(prefix)
        for pattern in unused
    ]
    unknown = [
        key
        for key in map(str, info.get("unexpected_keys") or ())
        if not any(re.fullmatch(pattern, key) for pattern in patterns)
    ]
    mismatched = [
        str(key[0] if isinstance(key, tuple) else key) for key in info.get("mismatched_keys") or ()
    ]
    for what, keys in (
        ("lacks tensors", [str(key) for key in info.get("missing_keys") or ()]),
        ("has unknown tensors", unknown),
        ("has tensors of another shape", mismatched),
    ):
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            raise BenchError(
                f"{folder} {what} for {name}: {', '.join(sorted(keys)[:3])}{more}, or its {CONFIG} "
                "is of another network."
            )
    if info.get("error_msgs"):
        raise BenchError(
            f"{folder} does not fit {name}: {' '.join(info['error_msgs'][0].split())[:200]}."
        )


def _forget_path(network: Any) -> None:
    """Remove the folder's path from the configuration, which is saved with trained weights."""
    if _is_of_diffusers(type(network)):
        network.register_to_config(_name_or_path="")
    elif hasattr(network, "config"):
        network.config._name_or_path = ""
        network.name_or_path = ""
