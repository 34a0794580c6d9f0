"""`bench lego embed`."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import (
    BatchOption,
    DebugOption,
    DeviceOption,
    DtypeOption,
    LimitOption,
    OverwriteOption,
    ShardOption,
    SplitOption,
    WorkspaceOption,
    current_workspace,
)
from lego.cli.shared import (
    FeaturesDtypeOption,
    LayoutOption,
    LlavaOption,
    QuestionOption,
    checked_question,
    make_engine,
    report,
)


def embed(
    weights: LlavaOption,
    descriptions: Annotated[
        str, typer.Option(metavar="NAME", help="Of the split's descriptions/.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where `bench run -o features=DIR` finds them.")
    ],
    split: SplitOption = None,
    question: QuestionOption = None,
    features_layout: LayoutOption = "safetensors",
    features_dtype: FeaturesDtypeOption = "float16",
    batch_size: BatchOption = 4,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    limit: LimitOption = None,
    shard: ShardOption = "1/1",
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Save a VLLM's features of each sample: of its frame, and of a description that is there."""
    from egoactgen_bench.descriptions import load_descriptions
    from lego.feature_files import FeatureWriter
    from lego.vllm.embed import embed

    engine = make_engine(weights, split, batch_size, device, dtype, limit, shard)
    done = embed(
        engine,
        load_descriptions(engine.split.folder, descriptions),
        FeatureWriter(out, features_layout, features_dtype),
        question=checked_question(question),
        cache=current_workspace().cache,
        overwrite=overwrite,
        progress=True,
    )
    return report(done, engine, "embedded", out)
