"""`bench lego enrich`."""

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
    SeedOption,
    ShardOption,
    SplitOption,
    WorkspaceOption,
    check_name,
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


def enrich(
    weights: LlavaOption,
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the descriptions.")] = "vllm",
    split: SplitOption = None,
    temperature: Annotated[float, typer.Option(min=0, help="0: greedy.")] = 0.2,
    top_k: Annotated[int, typer.Option(min=1, help="Draw from so many likeliest words.")] = 50,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = 1024,
    seed: SeedOption = 0,
    question: QuestionOption = None,
    features: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Save H_i and H_t too, for `bench run -o features=DIR`."),
    ] = None,
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
    """Describe how the action of each sample is done, from its frame and its label."""
    from lego.feature_files import FeatureWriter
    from lego.vllm.enrich import enrich
    from lego.vllm.generating import Sampling

    check_name(name)
    engine = make_engine(weights, split, batch_size, device, dtype, limit, shard)
    writer = FeatureWriter(features, features_layout, features_dtype) if features else None
    done = enrich(
        engine,
        name,
        sampling=Sampling(temperature, top_k, max_new_tokens),
        question=checked_question(question),
        seed=seed,
        features=writer,
        overwrite=overwrite,
        progress=True,
    )
    table = engine.split.folder / "descriptions" / f"{name}.csv"
    return report(done, engine, "described", table)
