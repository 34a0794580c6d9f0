"""Damage one file of a workspace and run a command that reads it, many times.

    python -m benchmarks.robustness.fuzz --cases 10000 --csv results/measured/fuzz.csv

Manifests, tables, images and archives are damaged by `hostile_values`: bytes, values, types, names
that lead out of their folder, links, FIFOs. Allowed outcomes are exit status 0, 1, or 2 with one
sentence; nothing outside of the workspace may change, and nothing of it may be in a result.
`--seed` and `--first` repeat a case: each is drawn from its number alone.
"""

import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from benchmarks.robustness.fuzz_cases import Case, command_line, description, limited
from benchmarks.robustness.fuzz_workspace import COLOUR, Outcome, bench, readers, write_workspace
from benchmarks.robustness.hostile_values import SECRET, damage

SLOW = ("report", "doctor")  # drawn less often
SUFFIXES = (".json", ".csv", ".zip", ".png", ".key")
OUTCOMES = ("done", "partial", "refused")
GROUP = "folder"  # each kind of folder in a workspace


def fuzz(template: Path, numbers: Iterable[int], seed: int = 0) -> Iterator[Case]:
    """One case for each number; `template` contains what `write_workspace` writes."""
    home = Path.cwd()
    files = sorted(
        path.relative_to(template / "workspace").as_posix()
        for path in (template / "workspace").rglob("*")
        if path.suffix in SUFFIXES and not path.is_relative_to(template / "workspace/cache")
        and not path.is_relative_to(template / "workspace/images")
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        for number in numbers:
            place = Path(scratch) / str(number)
            shutil.copytree(template, place, symlinks=True)
            os.chdir(place)
            try:
                yield _case(number, place, files, random.Random(f"{seed} {number}"))
            finally:
                os.chdir(home)
                shutil.rmtree(place, ignore_errors=True)


def _case(number: int, place: Path, files: list[str], source: random.Random) -> Case:
    # Each kind of folder is equally likely, whatever the number of its files.
    kind = source.choice(sorted({file.partition("/")[0] for file in files}))
    file = source.choice([each for each in files if each.partition("/")[0] == kind])
    command = source.choice(readers(file))
    if command[0] in SLOW and source.random() < 0.7:
        command = source.choice(readers(file))
    done = damage(place / "workspace" / file, place / "outside", source)
    before = _outside(place)
    present = set((place / "workspace").rglob("*"))
    fault, outcome = "", Outcome(-1, "", "")
    try:
        with limited(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = bench(*command)
    except BaseException as error:  # noqa: BLE001  whatever leaves the program is a fault
        fault = description(error)
    fault = fault or _fault(outcome)
    if _outside(place) != before:
        fault = fault or "a file outside of the workspace changed"
    # The user's own data may be linked from anywhere; what others prepared from it may not.
    if kind != "datasets" and _leaks(place, present):
        fault = fault or "content of a file outside is in a result"
    what = f"{file} ({done}), bench {' '.join(command)}"
    return Case(number, kind, what, "" if fault else OUTCOMES[outcome.status], fault)


def _fault(outcome: Outcome) -> str:
    sentences = [line for line in outcome.err.splitlines() if line.startswith("bench: ")]
    if outcome.status not in (0, 1, 2):
        return f"exit status {outcome.status}"
    if "Traceback" in outcome.err or "An unexpected error" in outcome.err:
        return outcome.err.strip()[-400:]
    if outcome.status == 2 and (len(sentences) != 1 or not outcome.err.endswith("\n")):
        return f"{len(sentences)} sentences: {outcome.err[-300:]}"
    if outcome.status == 2 and outcome.err.splitlines()[-1] != sentences[0]:
        return f"a sentence of several lines: {outcome.err[-300:]}"
    if SECRET in outcome.out + outcome.err:
        return "content of a file outside was printed"
    return ""


def _outside(place: Path) -> list[tuple[str, bytes | str]]:
    """Everything next to the workspace."""
    return sorted(
        (str(path.relative_to(place)), path.read_bytes() if path.is_file() else "")
        for path in place.rglob("*")
        if not path.is_relative_to(place / "workspace") and not path.is_fifo()
    )  # fmt: skip


def _leaks(place: Path, present: set[Path]) -> bool:
    """Whether a new file contains what only files outside of the workspace contain."""
    for path in (place / "workspace").rglob("*"):
        if path in present or path.is_symlink() or not path.is_file():
            continue
        if SECRET.encode() in path.read_bytes():
            return True
        if path.suffix in (".png", ".webp") and "figures" not in path.parts:
            with Image.open(path) as image:
                if image.convert("RGB").resize((1, 1)).getpixel((0, 0)) == COLOUR:
                    return True
    return False


def _draw(numbers: Iterable[int], seed: int) -> Iterator[Case]:
    home = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fuzz-template-") as template:
        write_workspace(Path(template))
        os.chdir(home)
        yield from fuzz(Path(template), numbers, seed)


if __name__ == "__main__":
    command_line(__doc__ or "", _draw, GROUP, OUTCOMES)
