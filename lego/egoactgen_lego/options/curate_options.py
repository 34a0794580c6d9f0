"""Options of a curation."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import DrawnLimit, Overwrite
from egoactgen_bench.api.options import Cli, Options

EXAMPLES = Path(__file__).parents[1] / "curation" / "examples.json"


class CurateOptions(Options):
    """The inputs of a curation, and how the language model is called."""

    boxes: Annotated[
        Path | None,
        Field(
            description="Hands and objects: Ego4D's fho_main.json, a folder of EPIC's hand-object "
            "detections or VISOR files, or JSON by sample id. Samples without boxes are left out."
        ),
        Cli(metavar="PATH"),
    ] = None
    examples: Annotated[
        Path,
        Field(description="Worked examples (default: the 8 that come with the package)."),
        Cli(metavar="JSON", show_default=False),
    ] = EXAMPLES
    seed: Annotated[
        int, Field(description="Random seed of the question templates and of --limit's draw.")
    ] = 0
    limit: DrawnLimit = None
    concurrency: Annotated[int, Field(ge=1, description="Number of requests at a time.")] = 8
    attempts: Annotated[int, Field(ge=1, description="Maximum number of requests per sample.")] = 3
    overwrite: Overwrite = False
