"""`bench lego enrich`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import Seed
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.shared_options import check_name
from egoactgen_lego.cli.vllm_options import (
    VllmArguments,
    checked_question,
    make_engine,
    make_writer,
    report,
)
from egoactgen_lego.vllm.sampling import Sampling


class EnrichArguments(VllmArguments, Sampling):
    """How descriptions are generated, and where they are written."""

    name: Annotated[str, Field(description="Name of the descriptions."), Cli(metavar="NAME")] = (
        "vllm"
    )
    seed: Seed = 0
    features: Annotated[
        Path | None,
        Field(description="Also save H_i and H_t here, for `bench run -o features=DIR`."),
        Cli(metavar="DIR"),
    ] = None


def enrich(asked: EnrichArguments) -> int:
    """Describe how each sample's action is done, from its frame and its label."""
    from egoactgen_lego.stages.enrich import enrich as enrich_split

    check_name(asked.name)
    engine = make_engine(asked)
    writer = make_writer(asked, asked.features) if asked.features else None
    done = enrich_split(
        engine,
        asked.name,
        sampling=Sampling(**asked.model_dump(include=set(Sampling.model_fields))),
        question=checked_question(asked.question),
        seed=asked.seed,
        features=writer,
        overwrite=asked.overwrite,
        progress=True,
    )
    table = engine.split.folder / "descriptions" / f"{asked.name}.csv"
    return report(done, engine, "described", table)
