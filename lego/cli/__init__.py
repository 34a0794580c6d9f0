"""`bench lego`: the stages around the visual large language model, and the paper's tables."""

import typer

from lego.cli.ablate import ablate
from lego.cli.curate import curate
from lego.cli.embed import embed
from lego.cli.enrich import enrich
from lego.cli.tune import tune


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    lego = typer.Typer(
        no_args_is_help=True,
        help="LEGO's language stages: curate, tune, enrich, embed; the paper's tables: ablate.",
    )
    for command in (curate, tune, enrich, embed, ablate):
        lego.command()(command)
    app.add_typer(lego, name="lego")
