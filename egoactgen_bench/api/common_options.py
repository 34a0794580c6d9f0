"""Options that several stages have: each declared once, with its help."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.options import Cli, Options, Pairs, Words

# What is worked on.
SplitName = Annotated[
    str | None,
    Field(description="Default: the latest finished one that is not train."),
    Cli(metavar="NAME"),
]
TrainSplitName = Annotated[
    str | None,
    Field(description="Default: the latest finished training split."),
    Cli(metavar="NAME"),
]
Limit = Annotated[int | None, Field(ge=1, description="Only the first samples of the split.")]
Shard = Annotated[
    str,
    Field(description="Only part I (1 … N) of N; all may share a folder, the last completes."),
    Cli(metavar="I/N"),
]
DescriptionsName = Annotated[
    str | None, Field(description="Of the split's descriptions/."), Cli(metavar="NAME")
]
SoleDescriptionsName = Annotated[
    str | None,
    Field(description="Of the split's descriptions/; default: the only ones."),
    Cli(metavar="NAME"),
]

# How it is computed.
Seed = Annotated[
    int, Field(description="Random seed: each sample's seed derives from it and the sample's id.")
]
Device = Annotated[
    str, Field(description="auto (CUDA if there is one, else the CPU), cpu, cuda, cuda:1 …")
]
Dtype = Annotated[str, Field(description="float32, float16 or bfloat16.")]
BatchSize = Annotated[int, Field(ge=1, description="Samples at a time.")]
MethodBatchSize = Annotated[
    int | None,
    Field(ge=1, description="Samples at a time (default: the method's own)."),
    Cli(show_default=False),
]
MethodOptions = Annotated[
    Pairs, Field(description="The method's own options; see `bench methods NAME`.")
]

# With which weights, and how it is scored.
WeightsName = Annotated[
    str | None,
    Field(description="A path, or a name in the workspace's models/."),
    Cli(metavar="PATH|NAME"),
]
WeightsDir = Annotated[
    Path | None,
    Field(description="Folder of the weights (default: the workspace's models/)."),
    Cli(("--weights-dir",), "DIR"),
]
Preset = Annotated[
    str, Field(description="toy (small, from scratch) or sd15 (from Stable Diffusion 1.5).")
]
Metrics = Annotated[
    Words | None,
    Field(description="Default: all whose weights are there."),
    Cli(metavar="A,B,C", kind=str),
]
Protocol = Annotated[str, Field(description="standard or lego-release.")]
CaptionerName = Annotated[str, Field(description="transformers or lavis.")]

# Where results go.
RunName = Annotated[str | None, Cli(metavar="NAME")]
Out = Annotated[
    Path | None, Field(description="Write here instead of the workspace."), Cli(metavar="DIR")
]
Overwrite = Annotated[
    bool, Field(description="Start over instead of resuming."), Cli(("--overwrite",))
]
DryRun = Annotated[
    bool,
    Field(description="Show what would be done without doing it."),
    Cli(("--dry-run",)),
]


class PlaceOptions(Options):
    """The folders of a workspace that a stage reads from; the command line takes its own."""

    models: Annotated[Path, Field(description="Where weights lie by name."), Cli(hidden=True)] = (
        Path("workspace/models")
    )
    cache: Annotated[
        Path | None,
        Field(description="Keeps anything that can be computed again."),
        Cli(hidden=True),
    ] = None
