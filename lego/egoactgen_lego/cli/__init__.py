"""`bench lego`: the stages around the visual large language model, and the paper's tables."""

import typer

from egoactgen_bench.cli.commands import add_command
from egoactgen_lego.cli.ablate_command import ablate
from egoactgen_lego.cli.curate_command import curate
from egoactgen_lego.cli.embed_command import embed
from egoactgen_lego.cli.enrich_command import enrich
from egoactgen_lego.cli.tune_command import tune


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    lego = typer.Typer(
        no_args_is_help=True,
        help="LEGO's language stages: curate, tune, enrich, embed; the paper's tables: ablate.",
    )
    for command in (curate, tune, enrich, embed, ablate):
        add_command(lego, command.__name__, command)
    app.add_typer(lego, name="lego")
