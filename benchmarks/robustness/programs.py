"""The commands that are disturbed, in a toy workspace, and how their files are compared."""

import argparse
import io
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

PREPARED = (
    "prepare-splits --name few --limit 8 --workers 1",
    "prepare-splits --name few-train --subset train --limit 8",
    "run --method copy-input --split few",
    "run --method ip2p --split few -o steps=2",
    "score --split few --metrics psnr,ssim,fid",
)
SAMPLE = "2abfd990-b87f-4d99-bcae-fce55751fd34_40"  # of the split `few`
# Of a manifest or table: what two uninterrupted calls do not have in common either.
NOT_COMPARED = frozenset({"timing", "device", "versions", "seconds", "checksum", "files"})


@dataclass(frozen=True)
class Program:
    """A command, and the folder of the workspace in which it writes its results."""

    call: str
    results: str

    @property
    def name(self) -> str:
        return self.call.split()[0]


PROGRAMS = (
    Program("prepare-splits --name made --limit 8 --workers 2", "splits/made"),
    Program("run --method ip2p --split few --name made -o steps=4 --batch-size 1", "runs/few/made"),
    Program(
        "train ip2p --split few-train --name made -o init=toy-ip2p -o iterations=8 -o batch_size=2 "
        "-o checkpoint_every=2",
        "models/made",
    ),
    Program("score --split few --metrics psnr,ssim,lpips,fid --reference target", "scores/few"),
    Program("report --split few", "reports/few"),
    Program("export-amt --split few --name made --checks 2", "studies/made"),
    Program("pack --split few --out {workspace}/packs/made.zip", "packs"),
    Program(
        f"imagine {SAMPLE} --action 'open drawer' --action 'close drawer' --split few "
        "--method ip2p --name made -o steps=4",
        "imagined",
    ),
)


def start(call: str, workspace: Path, log: Path, first: Callable[[], object] = lambda: None) -> int:
    """Start a call of `bench` in a forked process, which calls `first`; return its id.

    Its output goes to `log`. Its libraries are loaded already, so that it is disturbed in its work
    and not in its imports.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if process := os.fork():
        return process
    try:
        os.setsid()  # its workers are killed with it
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        from egoactgen_bench.cli import main

        words = shlex.split(call.format(workspace=workspace))
        sys.argv = ["bench", *words, "-w", str(workspace)]
        first()
        main()
    except SystemExit as stop:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(stop.code if isinstance(stop.code, int) else 0)
    finally:
        os._exit(70)


def ended(process: int, limit: float = 120) -> int:
    """The exit status of a process; it is killed after `limit` seconds, which gives -9."""
    stop = time.monotonic() + limit
    while time.monotonic() < stop:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return kill(process)


def kill(process: int) -> int:
    """Kill a process and its workers; return its exit status, -9 unless it had ended before."""
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:  # it has not begun, and not founded its group yet
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def prepare(workspace: Path) -> None:
    """Write everything that the programs need, once."""
    if (workspace / "complete").is_file():
        return
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    for call in PREPARED:
        status = ended(start(call, workspace, workspace / "log.txt"))
        if status:
            raise SystemExit((workspace / "log.txt").read_text())
    (workspace / "complete").touch()


def contents(folder: Path) -> dict[str, object]:
    """Every file by its path, without the times and devices that differ between repetitions."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): _content(path) for path in paths}


def temporaries(workspace: Path) -> list[str]:
    """Unfinished files that are still there."""
    return sorted(path.relative_to(workspace).as_posix() for path in workspace.rglob(".*.tmp"))


def _content(path: Path) -> object:
    data = path.read_bytes()
    if path.suffix == ".json":
        return _without_times(json.loads(data))
    if path.suffix == ".csv":
        table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
        return table.drop(columns=[*NOT_COMPARED & set(table)]).to_csv()
    return data


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        kept = value.keys() - NOT_COMPARED
        return {key: _without_times(value[key]) for key in value if key in kept}
    return [_without_times(each) for each in value] if isinstance(value, list) else value


def copied(template: Path, folder: Path) -> Path:
    """A fresh copy of the workspace at the same path each time, since manifests may name paths."""
    workspace = folder / "workspace"
    shutil.rmtree(workspace, ignore_errors=True)
    shutil.copytree(template, workspace, symlinks=True)
    return workspace


def load_libraries() -> None:
    """Import what the commands import, so that a forked process starts with its work."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import diffusers  # noqa: F401
    import torch
    import transformers  # noqa: F401

    import egoactgen_bench.workflow.evaluating
    import egoactgen_bench.workflow.generating
    import egoactgen_bench.workflow.user_studies  # noqa: F401

    torch.set_num_threads(1)  # threads do not survive a fork


def command_line(
    text: str,
    measure: Callable[[Program, Path, int, int], Iterable[dict[str, object]]],
    cases: tuple[str, int],
    columns: Sequence[str],
    faults: Sequence[str],
) -> None:
    """Measure the chosen programs and write their table; exits with 1 if `faults` are not all 0.

    `measure` gives the rows of a program, from a folder, the number of cases and a seed; `cases`
    are the name and default of the option for that number, `text` is for --help.
    """
    option, default = cases
    parser = argparse.ArgumentParser(description=text.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="scratch folder")
    parser.add_argument(option, type=int, default=default, dest="cases", help="of each command")
    parser.add_argument("--commands", nargs="*", choices=[program.name for program in PROGRAMS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="where the table is written")
    given = parser.parse_args()
    load_libraries()
    rows: list[dict[str, object]] = []
    for program in PROGRAMS:
        if given.commands and program.name not in given.commands:
            continue
        for row in measure(program, given.folder, given.cases, given.seed):
            print(*row.values(), sep=", ", flush=True)
            rows.append(row)
    table = pd.DataFrame(rows, columns=columns)
    if given.csv:
        given.csv.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(given.csv, index=False, lineterminator="\n")
    sys.exit(bool(table[list(faults)].sum().sum()))
