"""Damage one file of small weights and load them, many times.

    python -m benchmarks.robustness.fuzz_weights --cases 10000 \\
        --csv results/measured/fuzz-weights.csv

The folders of `weights_readers` contain safetensors, configurations, tokenizers, checkpoints, an
index of shards and TorchScript. They are damaged by `weights_damage`: bytes, headers, numbers,
members of archives, configurations, code, FIFOs. Loading them as the commands do must end with:

- results of the same shapes, all finite ("loaded"), or not ("not_finite"): numbers may be changed
  to other numbers without a trace, and NaN or infinite results become the error `not_finite` of
  their samples; or
- one sentence that names a file or folder of the weights ("refused").

Undocumented are all other exceptions, results of other shapes, hangs, code that was executed, and
files that were changed. `--seed` and `--first` repeat a case: each is drawn from its number alone.
"""

import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.robustness.fuzz_cases import Case, command_line, description, limited
from benchmarks.robustness.weights_damage import MARK, damage
from benchmarks.robustness.weights_readers import READERS, Reader
from egoactgen_bench.errors import BenchError

OUTCOMES = ("loaded", "not_finite", "refused")
GROUP = "weights"
Shapes = dict[str, list[tuple[int, ...]]]


def write_templates(folder: Path) -> Shapes:
    """Write the weights of each reader; the shapes of their results."""
    shapes = {}
    for reader in READERS:
        place = folder / reader.name
        place.mkdir()
        reader.write(place)
        shapes[reader.name] = [result.shape for result in reader.use(place)]
    return shapes


def fuzz(templates: Path, shapes: Shapes, numbers: Iterable[int], seed: int = 0) -> Iterator[Case]:
    """One case for each number; `templates` contains what `write_templates` writes."""
    home = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fuzz-weights-") as scratch:
        for number in numbers:
            source = random.Random(f"{seed} {number}")
            reader = source.choice(READERS)
            place = Path(scratch) / str(number)
            shutil.copytree(templates / reader.name, place / "weights")
            path, what = damage(place / "weights", source)
            os.chdir(place)  # where code would leave its mark
            try:
                outcome, fault = _load(reader, place, shapes[reader.name])
            finally:
                os.chdir(home)
                shutil.rmtree(place)
            name = path.relative_to(place / "weights")
            yield Case(number, reader.name, f"{reader.name}/{name} ({what})", outcome, fault)


def _load(reader: Reader, place: Path, shapes: list[tuple[int, ...]]) -> tuple[str, str]:
    before = _contents(place)
    try:
        with limited(), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = reader.use(place / "weights")
        fault = "" if [each.shape for each in results] == shapes else "other shapes"
        finite = all(np.isfinite(each).all() for each in results)
        outcome = "loaded" if finite else "not_finite"
    except BenchError as error:
        outcome, fault = "refused", _wrong_sentence(str(error), place)
    except BaseException as error:  # noqa: BLE001  whatever leaves a reader is a fault
        outcome, fault = "", description(error)
    if (place / MARK).exists():
        fault = "code was executed"
    elif _contents(place) != before:
        fault = fault or "files changed"
    return outcome, fault


def _wrong_sentence(text: str, place: Path) -> str:
    # The command line escapes the line breaks of names that a sentence quotes.
    return "" if str(place) in text else f"names no file: {text[:300]}"


def _contents(place: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in place.rglob("*"))


def _draw(numbers: Iterable[int], seed: int) -> Iterator[Case]:
    with tempfile.TemporaryDirectory(prefix="fuzz-templates-") as folder:
        yield from fuzz(Path(folder), write_templates(Path(folder)), numbers, seed)


if __name__ == "__main__":
    command_line(__doc__ or "", _draw, GROUP, OUTCOMES)
