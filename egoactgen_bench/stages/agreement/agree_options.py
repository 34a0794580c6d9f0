"""Options of `bench agreement`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import PROTOCOLS
from egoactgen_bench.api.options import Cli, Options, Words


class AgreementOptions(Options):
    """What is compared: the scores of a study's split, or tables."""

    protocol: Annotated[
        str,
        Field(description="Protocol of the scores of the study's split."),
        Cli(choices=PROTOCOLS),
    ] = "standard"
    ratings: Annotated[
        Path | None,
        Field(
            description="A table of ratings instead of a study: item, method, rater, score, and "
            "optionally video."
        ),
        Cli(metavar="FILE.csv"),
    ] = None
    scores: Annotated[
        Path | None,
        Field(
            description="With --ratings: a table of item, method, metric, value, or a folder of "
            "`bench score`."
        ),
        Cli(metavar="FILE.csv|DIR"),
    ] = None
    lower_is_better: Annotated[
        Words,
        Field(description="Metrics in the table of scores for which lower is better."),
        Cli(metavar="A,B,C"),
    ] = ()
