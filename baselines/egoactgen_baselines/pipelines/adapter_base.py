"""The pipeline that an adapter was trained on, as `bench train lora` records it in train.json."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_baselines.pipelines.pipeline_folder import pipeline_files, saved_class
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions
from egoactgen_bench.artifacts.manifests import TRAIN
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import json_bytes, read_json

ENTRY = "base"  # of train.json
DEFAULT_SIDE = 1024  # of the recipes of all families that adapters are trained of


@dataclass(frozen=True)
class AdapterBase:
    """A pipeline's class and the sha256 of its files, by their names in its folder."""

    pipeline: str
    files: dict[str, str]

    def digest(self, without: str = "") -> str:
        """sha256 over the class and its files, apart from those of the component `without`."""
        files = {
            name: sha256
            for name, sha256 in self.files.items()
            if not (without and name.startswith(f"{without}/"))
        }
        return hashlib.sha256(json_bytes([self.pipeline, files])).hexdigest()

    def record(self) -> dict[str, Any]:
        """As an entry of a manifest."""
        return {"pipeline": self.pipeline, "files": self.files}

    def weights(self) -> dict[str, str]:
        """The files of tensors."""
        return {name: each for name, each in self.files.items() if name.endswith(".safetensors")}


def of_folder(folder: Path) -> AdapterBase:
    """That of a saved pipeline."""
    return AdapterBase(saved_class(folder), provenance.hashes(pipeline_files(folder), folder))


def notices(adapter: Path, folder: Path, options: PipelineOptions) -> Iterator[str]:
    """What differs between the training of an adapter and its use on the pipeline in `folder`.

    Nothing is known of adapters that `bench train lora` did not train.
    """
    content = _training(adapter)
    if content is None:
        return
    name = f"The adapter {adapter.parent.name} was trained"
    trained, used = AdapterBase(**content[ENTRY]), of_folder(folder)
    changed = set(trained.weights().items()) ^ set(used.weights().items())
    parts = sorted({file.partition("/")[0] for file, _ in changed})
    if trained.pipeline != used.pipeline or parts:
        differing = f": other weights of {', '.join(parts)}" if parts else ""
        yield f"{name} on another {trained.pipeline} than this {used.pipeline}{differing}."
    resolved = content["options"]["resolved"]
    prompt = resolved["template"] or f"{{{resolved['prompt']}}}"
    if prompt != options.written:
        yield f"{name} with the prompt '{prompt}': this run has '{options.written}'."
    side = options.resolution or DEFAULT_SIDE
    if side != resolved["resolution"] and options.width is None:
        yield f"{name} with resolution={resolved['resolution']}: this run has {side}."


def _training(adapter: Path) -> dict[str, Any] | None:
    """The content of train.json next to an adapter's file, if it is that of its training."""
    path = adapter.parent / TRAIN
    content = read_json(path) if path.is_file() else None
    if not isinstance(content, dict) or content.get("trainer") != "lora":
        return None
    try:
        AdapterBase(**content[ENTRY]).weights()
        _ = [content["options"]["resolved"][name] for name in ("template", "prompt", "resolution")]
    except (KeyError, TypeError, AttributeError):
        raise BenchError(f"{path} is damaged: train the adapter again.") from None
    return content
