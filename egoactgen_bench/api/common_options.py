"""Options of several stages, each declared once with its help text."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.options import Cli, Options, Pairs, Words
from egoactgen_bench.support.devices import DTYPES

PROTOCOLS = ("standard", "lego-release")
REFERENCE_NAMES = ("target", "copy-input", "other-target")
CAPTIONERS = ("transformers", "lavis")

# The data.
SplitName = Annotated[
    str | None,
    Field(description="Name of the split (default: the latest finished test split)."),
    Cli(metavar="NAME", names="splits"),
]
TrainSplitName = Annotated[
    str | None,
    Field(description="Name of the split (default: the latest finished training split)."),
    Cli(metavar="NAME", names="splits"),
]
TrainSplits = Annotated[
    Words,
    Field(
        description="Name of the split (default: the latest finished training split). Several, "
        "repeated or as A,B, are trained on together; A=2,B=1 draws two samples of A for each of B."
    ),
    Cli(metavar="NAME[=WEIGHT]", names="splits"),
]
Limit = Annotated[
    int | None,
    Field(
        ge=1,
        description="Only the first N samples of the split, which may all be of one video.",
    ),
    Cli(metavar="N"),
]
DrawnLimit = Annotated[
    int | None,
    Field(ge=1, description="Only N samples, drawn from all videos of the split."),
    Cli(metavar="N"),
]
Shard = Annotated[
    str,
    Field(
        description="Only part I of N, counted from 1 (Slurm: --array=1-N), in one folder that the "
        "last part completes."
    ),
    Cli(metavar="I/N"),
]
DescriptionsName = Annotated[
    str | None,
    Field(description="Name of a set in the split's descriptions/."),
    Cli(metavar="NAME"),
]
SoleDescriptionsName = Annotated[
    str | None,
    Field(description="Set in the split's descriptions/ (default: the only one, if complete)."),
    Cli(metavar="NAME"),
]

# The computation.
Seed = Annotated[
    int,
    Field(description="Random seed; each sample's seed is derived from it and the sample's id."),
]
Device = Annotated[
    str,
    Field(description="auto: CUDA if available, else the CPU."),
    Cli(metavar="[auto|cpu|cuda|cuda:N]"),
]
Dtype = Annotated[str, Field(description="Type of the numbers."), Cli(choices=DTYPES)]
MethodDtype = Annotated[
    str,
    Field(
        description="Type of the numbers; auto: float32, or bfloat16 for diffusers: on a GPU that "
        "supports it."
    ),
    Cli(choices=("auto", *DTYPES)),
]
BatchSize = Annotated[int, Field(ge=1, description="Samples per batch.")]
MethodBatchSize = Annotated[
    int | None,
    Field(ge=1, description="Samples per batch (default: the method's own)."),
    Cli(show_default=False),
]
MethodOptions = Annotated[
    Pairs, Field(description="The method's own options; see `bench methods NAME`.")
]

# Weights and scoring.
WeightsName = Annotated[
    str | None,
    Field(description="A path or a name in models/; toy: the small weights of the toy kitchen."),
    Cli(metavar="PATH|NAME"),
]
WeightsDir = Annotated[
    Path | None,
    Field(description="Folder of the weights (default: the workspace's models/)."),
    Cli(("--weights-dir",), "DIR"),
]
Preset = Annotated[
    str,
    Field(description="Size: toy (small), sd15 (from Stable Diffusion 1.5), editor (for lora)."),
    Cli(metavar="[toy|sd15|editor|…]"),
]
Metrics = Annotated[
    Words | None,
    Field(description="Metrics to compute (default: all whose weights are available)."),
    Cli(metavar="A,B,C", names="metrics"),
]
Protocol = Annotated[
    str,
    Field(description="Of this toolkit, or that of the released code (docs/metrics.md)."),
    Cli(choices=PROTOCOLS),
]
CaptionerName = Annotated[
    str, Field(description="Program that captions for the BLIP metrics."), Cli(choices=CAPTIONERS)
]

# The results.
RunName = Annotated[str | None, Cli(metavar="NAME")]
Out = Annotated[
    Path | None,
    Field(description="Folder to write to instead of the workspace."),
    Cli(metavar="DIR"),
]
Overwrite = Annotated[
    bool, Field(description="Start over instead of resuming."), Cli(("--overwrite",))
]
DryRun = Annotated[
    bool,
    Field(description="Show what would be done without doing it."),
    Cli(("--dry-run",)),
]


AllowUpload = Annotated[
    bool,
    Field(
        description="Allow sending frames, labels and boxes of a licensed data set to a server on "
        "another machine."
    ),
    Cli(("--allow-upload",)),
]


class PlaceOptions(Options):
    """Folders of a workspace that a stage uses; commands set those of the current workspace."""

    models: Annotated[Path, Field(description="Folder of named weights."), Cli(hidden=True)] = Path(
        "workspace/models"
    )
    cache: Annotated[
        Path | None,
        Field(description="Folder for data that can be computed again."),
        Cli(hidden=True),
    ] = None
