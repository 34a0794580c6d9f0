"""What can be chosen for a study."""

from typing import Annotated, Literal

from pydantic import Field

from egoactgen_bench.api.options import Cli, Options


class StudyOptions(Options):
    """How a study is made; recorded in study.json."""

    study: Annotated[
        Literal["best-of", "description"],
        Field(description="Which of K frames is best, or does a description fit."),
    ] = "best-of"
    examples: Annotated[int, Field(ge=1, description="Examples, stratified by verb.")] = 60
    raters: Annotated[int, Field(ge=1, description="Raters of each task.")] = 5
    checks: Annotated[
        int, Field(ge=0, description="Extra tasks with a known answer, never counted as votes.")
    ] = 0
    seed: Annotated[int, Field(description="Seed of the examples and orders.")] = 0
    image_base_url: Annotated[
        str | None,
        Field(
            description="Where the files of images/ are hosted; without it the batch is for "
            "preview."
        ),
        Cli(metavar="URL"),
    ] = None
    consent: Annotated[
        str | None, Field(description="Your own consent line."), Cli(metavar="TEXT")
    ] = None
