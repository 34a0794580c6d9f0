"""Converting released checkpoints: the converter that knows a file makes a folder of it."""

import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from egoactgen_bench import plugins, provenance
from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import read_json, sha256_file, write_json

MANIFEST = "conversion.json"


class Converter(ABC):
    """One format of released weights; its first docstring line says which."""

    packages: tuple[str, ...] = ()  # whose versions conversion.json records

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Whether `path` (file or folder) is of this format, told from names, not from weights."""

    @classmethod
    @abstractmethod
    def convert(
        cls, path: Path, out: Path, *, raw: bool, config: dict[str, Any], models: Path
    ) -> dict[str, Any]:
        """Write the weights of `path` into the empty folder `out`.

        `raw` takes the trained weights instead of their moving average; `config` says what cannot
        be read from the file; `models` is the folder where other weights may lie. Returns what
        conversion.json should say of it, plain data.
        """


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
        raise BenchError(f"{config} holds no JSON object.")
    recipe = {"source": _hashes(path), "weights": "raw" if raw else "ema", "config": stated}
    if is_conversion(out, recipe):
        return out
    if out.exists() and not overwrite and (out.is_file() or any(out.iterdir())):
        raise BenchError(
            f"{out} already holds something else: choose another --out or --overwrite."
        )
    name, converter = _converter_for(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name[:40]}.") as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        told = converter.convert(path, made, raw=raw, config=stated, models=models)
        versions = provenance.versions(converter.packages)
        write_json(made / MANIFEST, {"format": name, **recipe, **told, "versions": versions})
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)
    return out


def cached(path: Path, models: Path) -> Path:
    """The conversion of the file `path` in the folder `models`, made where it is not yet there."""
    out = models / f"{path.stem}-{sha256_file(path)[:8]}"
    return out if (out / MANIFEST).is_file() else convert(path, out, models=models, overwrite=True)


def is_conversion(folder: Path, recipe: dict[str, Any]) -> bool:
    """Whether `folder` is finished and was made by `recipe` (source, weights, config)."""
    if not (folder / MANIFEST).is_file():
        return False
    manifest = read_json(folder / MANIFEST)
    return all(manifest.get(key) == value for key, value in recipe.items())


def _converter_for(path: Path) -> tuple[str, type[Converter]]:
    points = plugins.registered("converters")
    for name, point in points.items():
        converter = point.load()
        if converter.recognises(path):
            return name, converter
    raise BenchError(
        f"{path} is of no format that can be converted (known: {', '.join(points) or 'none'})."
    )


def _hashes(path: Path) -> dict[str, str]:
    """File name → sha256, of a file or of every file in a folder."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {file.relative_to(path.parent).as_posix(): sha256_file(file) for file in files}
