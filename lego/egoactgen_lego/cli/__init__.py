"""`bench lego`: the stages around the visual large language model, and the paper's tables."""

import typer

from egoactgen_bench.cli.commands import Command, add_command
from egoactgen_bench.cli.help_pages import TRAINING, group
from egoactgen_lego.cli.ablate_command import ablate
from egoactgen_lego.cli.curate_command import curate
from egoactgen_lego.cli.embed_command import embed
from egoactgen_lego.cli.enrich_command import enrich
from egoactgen_lego.cli.tune_command import tune

EXAMPLES: dict[Command, list[str]] = {
    curate: ["bench lego curate --templates", "bench lego curate --local models/chat --limit 100"],
    tune: ["bench lego tune --weights llava --data curated --dry-run"],
    enrich: ["bench lego enrich --weights vllm-toy-kitchen-train --features features/val"],
    embed: ["bench lego embed --weights llava --descriptions enriched --out features/val"],
    ablate: ["bench lego ablate --tables conditioning --seeds 0,1,2 --dry-run"],
}


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    lego = group(
        "lego",
        "LEGO's language stages: curate, tune, enrich, embed; the paper's tables: ablate.",
        ["bench lego curate --templates", "bench lego enrich --weights vllm-toy-kitchen-train"],
    )
    for command, examples in EXAMPLES.items():
        add_command(lego, command.__name__, command, examples)
    app.add_typer(lego, name="lego", rich_help_panel=TRAINING)
