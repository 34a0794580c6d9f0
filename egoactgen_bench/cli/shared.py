"""The options that several commands have, and what they amount to."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.errors import BenchError
from egoactgen_bench.records import is_safe_id
from egoactgen_bench.workspace import Workspace


@dataclass
class Shared:
    """Options that may stand before or after the command's name."""

    workspace: Path | None = None
    debug: bool = False


shared = Shared()  # of this call; `main` begins it anew


def _workspace(value: Path | None) -> Path:
    """What is given here, else what stood before the command, else the default."""
    shared.workspace = value or shared.workspace or Workspace.default().root
    return shared.workspace


def _debug(value: bool) -> bool:
    shared.debug = shared.debug or value
    return shared.debug


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="DIR",
        help="Folder that all commands share (default: $BENCH_WORKSPACE, else ./workspace).",
        callback=_workspace,
        rich_help_panel="Shared options",
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Show the traceback of an error.",
        callback=_debug,
        rich_help_panel="Shared options",
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Default: the latest finished one that is not train."),
]
TrainSplitOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Default: the latest finished training split.")
]
WeightsOption = Annotated[
    str | None,
    typer.Option(metavar="PATH|NAME", help="A path, or a name in the workspace's models/."),
]
WeightsDirOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of the weights (default: the workspace's models/)."),
]
DescriptionsOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of the split's descriptions/.")
]
SoleDescriptionsOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of the split's descriptions/; default: the only ones."),
]
MetricsOption = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Default: all whose weights are there.")
]
ProtocolOption = Annotated[str, typer.Option(help="standard or lego-release.")]
CaptionerOption = Annotated[str, typer.Option(help="transformers or lavis.")]
PresetOption = Annotated[
    str, typer.Option(help="toy (small, from scratch) or sd15 (from Stable Diffusion 1.5).")
]
OwnOption = Annotated[
    list[str] | None,
    typer.Option(
        "-o", metavar="KEY=VALUE", help="The method's own options; see `bench methods NAME`."
    ),
]
SeedOption = Annotated[int, typer.Option(help="Each sample's seed derives from it and its id.")]
BatchOption = Annotated[int, typer.Option("--batch-size", min=1, help="Samples at a time.")]
MethodBatchOption = Annotated[
    int | None,
    typer.Option("--batch-size", min=1, help="Default: the method's own.", show_default=False),
]
DeviceOption = Annotated[
    str, typer.Option(help="auto (CUDA if there is one, else the CPU), cpu, cuda, cuda:1 …")
]
DtypeOption = Annotated[str, typer.Option(help="float32, float16 or bfloat16.")]
LimitOption = Annotated[
    int | None, typer.Option(min=1, help="Only the first samples of the split.")
]
ShardOption = Annotated[
    str,
    typer.Option(
        metavar="I/N", help="Only part I (1 … N) of N; all may share a folder, the last completes."
    ),
]
OutOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write here instead of the workspace.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Start anew instead of going on.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")
]


def current_workspace() -> Workspace:
    """The workspace that the options name."""
    return Workspace(shared.workspace or Workspace.default().root)


def check_name(name: str | None) -> None:
    """Refuse a --name that cannot be a file's."""
    if name is not None and not is_safe_id(name):
        raise BenchError(f"--name '{name}' is no safe file name: letters, digits, '.', '_', '-'.")


def words(option: str, text: str | None) -> list[str]:
    """The words of a comma list; none where the option is not given, else at least one."""
    found = [word.strip() for word in (text or "").split(",") if word.strip()]
    if text is not None and not found:
        raise BenchError(f"{option} '{text}' names nothing: give one name, or several as a,b,c.")
    return found


def terminal_width() -> int:
    """Letters in a line of the terminal, or of what stands for one."""
    return shutil.get_terminal_size((120, 24)).columns


def default_workers() -> int:
    """As many as the processors that this process may use (in a container, few), up to 16."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(len(affinity(0)) if affinity else os.cpu_count() or 1, 16)
