"""Logs each step of a training to experiment trackers, through accelerate; only rank 0 logs."""

import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from egoactgen_bench.api.tracker_log import TrackerLog
from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.pretrained import first_sentence


def new_run(folder: Path) -> str:
    """The name of a training that starts from its first step; another one for each start."""
    name = folder.name.removesuffix(".parts")
    return f"{name}-{secrets.token_hex(3)}"


class StepLog:
    """The trackers of a training in progress; empty without any, and in all ranks but 0."""

    def __init__(self, trackers: list[Any]) -> None:
        self.trackers = trackers

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Log the values of a step, counted from 1.

        A tracker that fails is left out from then on: it must not end a training of days.
        """
        for tracker in list(self.trackers):
            try:
                tracker.log(dict(values), step=step)
            except Exception as error:  # noqa: BLE001  of any library
                self.trackers.remove(tracker)
                print(
                    f"note: {tracker.name} failed ({first_sentence(error)}): the training "
                    "continues without it; loss.csv is complete.",
                    file=sys.stderr,
                )


@contextmanager
def open_trackers(
    accelerator: Any, log: TrackerLog, run: str, settings: Mapping[str, Any], done: int
) -> Iterator[StepLog]:
    """The trackers in `log`, for a training with these settings that has `done` steps.

    A resumed training continues the run of the same name. Raises `BenchError` for a tracker that
    cannot be started.
    """
    # accelerate starts trackers in the main process only, but some of them would log in all.
    if not (log.trackers and accelerator.is_main_process):
        yield StepLog([])
        return
    found = [_tracker(name, log, run, done) for name in log.trackers]
    log.folder.mkdir(parents=True, exist_ok=True)
    accelerator.log_with = found
    config = {key: _plain(value) for key, value in settings.items()}
    try:
        accelerator.init_trackers(log.project, config)
    except Exception as error:
        raise BenchError(
            f"--log-to {','.join(log.trackers)}: a tracker cannot be started "
            f"({first_sentence(error)}); for wandb, run `wandb login`, or set WANDB_MODE=offline."
        ) from error
    opened = StepLog(list(found))
    try:
        yield opened
    finally:
        # Not accelerator.end_training(), which would also end the process group.
        for tracker in opened.trackers:
            tracker.finish()


def _tracker(name: str, log: TrackerLog, run: str, done: int) -> Any:
    """accelerate's tracker, not yet started."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    kind: Any = LOGGER_TYPE_TO_CLASS[name]
    if name == "tensorboard":
        # Steps after the last checkpoint are computed again: their first values are hidden.
        return kind(run, log.folder / name, purge_step=done + 1)
    if name == "wandb":
        return kind(log.project, name=run, id=run, resume="allow", dir=str(log.folder))
    return kind(log.project, name=run, resume="allow")


def _plain(value: Any) -> Any:
    """A setting as the trackers accept it: a number or a text."""
    return value if isinstance(value, bool | int | float | str) else str(value)
