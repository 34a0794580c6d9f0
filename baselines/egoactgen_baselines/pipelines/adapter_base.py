"""The pipeline that an adapter was trained on, as `bench train lora` records it in train.json."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_baselines.pipelines.pipeline_folder import pipeline_files, saved_class
from egoactgen_bench.artifacts.manifests import TRAIN
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import json_bytes, read_json

ENTRY = "base"  # of train.json
COMPARED = ("prompt", "template", "resolution")  # options of training and generation


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


def notices(adapter: Path, folder: Path, options: dict[str, Any]) -> Iterator[str]:
    """What differs between the training of an adapter and its use on the pipeline in `folder`.

    Nothing is known of adapters that `bench train lora` did not train.
    """
    content = _training(adapter)
    if content is None:
        return
    trained, used = AdapterBase(**content[ENTRY]), of_folder(folder)
    changed = sorted(
        name.partition("/")[0]
        for name, _ in set(trained.weights().items()) ^ set(used.weights().items())
    )
    if trained.pipeline != used.pipeline or changed:
        parts = ", ".join(dict.fromkeys(changed)) or "its class"
        yield (
            f"The adapter {adapter.parent.name} was trained on another {trained.pipeline} than "
            f"this {used.pipeline}: {parts} differs."
        )
    resolved = content["options"]["resolved"]
    for name in COMPARED:
        if resolved.get(name) != options.get(name):
            yield (
                f"The adapter {adapter.parent.name} was trained with {name}={resolved.get(name)}: "
                f"this run has {options.get(name)}."
            )


def _training(adapter: Path) -> dict[str, Any] | None:
    """The content of train.json next to an adapter's file, if it is that of its training."""
    path = adapter.parent / TRAIN
    content = read_json(path) if path.is_file() else None
    if not isinstance(content, dict) or content.get("trainer") != "lora":
        return None
    try:
        AdapterBase(**content[ENTRY]).weights()
        _ = content["options"]["resolved"].items()
    except (KeyError, TypeError, AttributeError):
        raise BenchError(f"{path} is damaged: train the adapter again.") from None
    return content
