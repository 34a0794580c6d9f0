"""Converting released checkpoints: the converter that knows a file makes a folder of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.api.converter import Converter
from egoactgen_bench.artifacts.manifests import CONVERSION, ConversionManifest
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import read_json, replacing_folder, sha256_file


def convert(
    path: Path,
    out: Path,
    *,
    raw: bool = False,
    config: Path | None = None,
    models: Path = Path("workspace/models"),
    overwrite: bool = False,
) -> Path:
    """Convert the checkpoint `path` into the folder `out`, which appears when it is whole.

    A folder that already holds this very conversion is left as it is. Raises `BenchError` for a
    file of no known format, and for an `out` that holds anything else (unless `overwrite`).
    """
    if not path.exists():
        raise BenchError(f"{path} does not exist.")
    stated = read_json(config) if config else {}
    if not isinstance(stated, dict):
        raise BenchError(f"{config} does not contain a JSON object.")
    source = provenance.hashes(provenance.files_in(path), path.parent)
    work = _work_folder(
        out, {"source": source, "weights": "raw" if raw else "ema", "config": stated}
    )
    if not overwrite:
        work.check()
        if work.finished:
            return out
    name, converter = _converter_for(path)
    with replacing_folder(out) as new:
        told = converter.convert(path, new, raw=raw, config=stated, models=models)
        versions = provenance.versions(converter.packages)
        content = {"converter": name, **told, "versions": versions}
        work.finish(content, new / CONVERSION)
    return out


def cached(path: Path, models: Path) -> Path:
    """The conversion of the file `path` in the folder `models`, made where it is not yet there."""
    # By content: another checkpoint under the same name is another folder.
    out = models / f"{path.stem}-{sha256_file(path)[:8]}"
    return (
        out if (out / CONVERSION).is_file() else convert(path, out, models=models, overwrite=True)
    )


def _work_folder(out: Path, recipe: Mapping[str, Any]) -> WorkFolder[ConversionManifest]:
    return WorkFolder(out / CONVERSION, ConversionManifest, recipe, out / PLAN, elsewhere="--out")


def _converter_for(path: Path) -> tuple[str, type[Converter]]:
    points = plugins.registered("converters")
    for name, point in points.items():
        converter = point.load()
        if converter.recognises(path):
            return name, converter
    raise BenchError(
        f"{path} is of no format that can be converted (known: {', '.join(points) or 'none'})."
    )
