"""Options of a study."""

from typing import Annotated, Literal

from pydantic import Field

from egoactgen_bench.api.options import Cli, Options


class StudyOptions(Options):
    """How a study is made; recorded in study.json."""

    study: Annotated[
        Literal["best-of", "description"],
        Field(description="Question: which of K images is best, or does a description fit."),
        Cli(("--study", "--kind")),
    ] = "best-of"
    examples: Annotated[int, Field(ge=1, description="Number of examples, stratified by verb.")] = (
        60
    )
    raters: Annotated[int, Field(ge=1, description="Raters per task.")] = 5
    checks: Annotated[
        int,
        Field(ge=0, description="Extra tasks that check the raters; never counted as votes."),
    ] = 0
    seed: Annotated[int, Field(description="Random seed of the examples and orders.")] = 0
    image_base_url: Annotated[
        str | None,
        Field(
            description="URL under which the files of images/ are hosted; without it, the batch "
            "is only for preview."
        ),
        Cli(metavar="URL"),
    ] = None
    consent: Annotated[
        str | None, Field(description="Text of the consent, instead of ours."), Cli(metavar="TEXT")
    ] = None
