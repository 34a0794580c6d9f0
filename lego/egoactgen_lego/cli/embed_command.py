"""`bench lego embed`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.support.waiting import report_waiting
from egoactgen_lego.cli.vllm_options import (
    VLLM_WEIGHTS,
    VllmArguments,
    checked_question,
    make_engine,
    make_writer,
    report,
)


class EmbedArguments(VllmArguments):
    """Which descriptions are embedded, and where the features are written."""

    weights: Annotated[str, Field(description=VLLM_WEIGHTS), Cli(metavar="PATH|NAME")]
    descriptions: Annotated[
        str, Field(description="A name in the split's descriptions/."), Cli(metavar="NAME")
    ]
    out: Annotated[
        Path,
        Field(description="Folder to write, for `bench run -o features=DIR`."),
        Cli(metavar="DIR"),
    ]


def embed(asked: EmbedArguments) -> int:
    """Save a VLLM's features of each sample's frame and of its existing description."""
    from egoactgen_bench.artifacts.descriptions import load_descriptions
    from egoactgen_lego.stages.embed import embed as embed_split

    engine = make_engine(asked, asked.weights)
    with report_waiting("Loading the VLLM"):
        done = embed_split(
            engine,
            load_descriptions(engine.split.folder, asked.descriptions),
            make_writer(asked, asked.out),
            question=checked_question(asked.question),
            cache=current_workspace().cache,
            overwrite=asked.overwrite,
            progress=True,
        )
    return report(done, engine, "embedded", asked.out)
