"""Experiment trackers that a training is logged to, in addition to its loss.csv."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.options import Cli, Words
from egoactgen_bench.errors import BenchError, did_you_mean

TRACKERS = ("trackio", "wandb", "tensorboard")  # also the names of packages and of extras
PROJECT = "egoactgen-bench"

LogTo = Annotated[
    Words,
    Field(description="Also log to trackers, next to loss.csv."),
    Cli(("--log-to",), choices=TRACKERS),
]
LogProject = Annotated[
    str, Field(min_length=1, description="The trackers' project."), Cli(metavar="NAME")
]
LogFolder = Annotated[Path, Field(description="Folder of the trackers' files."), Cli(hidden=True)]


@dataclass(frozen=True)
class TrackerLog:
    """The trackers of a training, by name, their project, and the folder of their files."""

    trackers: tuple[str, ...] = ()
    project: str = PROJECT
    folder: Path = Path("workspace/logs")


def open_log(trackers: Sequence[str], project: str, folder: Path) -> TrackerLog:
    """The log to these trackers. Raises `BenchError` for an unknown one or a missing package."""
    for name in trackers:
        if name not in TRACKERS:
            raise BenchError(f"--log-to: unknown tracker '{name}'.{did_you_mean(name, TRACKERS)}")
        if find_spec(name) is None:
            raise BenchError(
                f"--log-to {name} needs the package {name}: run "
                f"pip install 'egoactgen-bench[{name}]'."
            )
    if "trackio" in trackers:
        # Read when trackio is imported; its own default lies outside the workspace.
        os.environ.setdefault("TRACKIO_DIR", str(folder.absolute() / "trackio"))
    return TrackerLog(tuple(dict.fromkeys(trackers)), project, folder)
