"""What can be chosen for a curation."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.common_options import Limit, Overwrite
from egoactgen_bench.api.options import Cli, Options

EXAMPLES = Path(__file__).parents[1] / "curation" / "examples.json"


class CurateOptions(Options):
    """What a curation is made of, and how the language model is asked."""

    boxes: Annotated[
        Path | None,
        Field(
            description="Hands and objects: Ego4D's fho_main.json, a folder of EPIC's hand-object "
            "detections or VISOR files, or JSON by sample id. Samples without are left out."
        ),
        Cli(metavar="PATH"),
    ] = None
    examples: Annotated[
        Path,
        Field(description="Worked examples (default: 8 of ours)."),
        Cli(metavar="JSON", show_default=False),
    ] = EXAMPLES
    seed: Annotated[int, Field(description="Draws each sample's question template.")] = 0
    limit: Limit = None
    concurrency: Annotated[int, Field(ge=1, description="Requests at a time.")] = 8
    attempts: Annotated[int, Field(ge=1, description="Most replies asked for per sample.")] = 3
    overwrite: Overwrite = False
