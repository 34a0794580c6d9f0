"""`bench models`: published weights, and converting released checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import DryRun, WeightsDir
from egoactgen_bench.api.options import Cli, Options, Words
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import WEIGHTS, group
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.cli.wrapped_table import wrapped
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.support.waiting import report_waiting

if TYPE_CHECKING:
    from egoactgen_bench.api.published_weights import PublishedWeights
    from egoactgen_bench.weights.weights_registry import Declared

Plugins = Annotated[
    Words,
    Field(description="An unregistered plug-in whose weights to include."),
    Cli(("--plugin",), "MODULE:CLASS"),
]
Names = Annotated[
    list[str],
    Field(description="Names from `bench models list`."),
    Cli(metavar="NAME", kind=list[str], positional=True),
]


class WeightsOptions(Options):
    """The arguments of `bench models list`, and those that all commands here share."""

    weights_dir: WeightsDir = None
    plugin: Plugins = ()

    @property
    def folder(self) -> Path:
        return self.weights_dir or current_workspace().models


class ShowArguments(WeightsOptions):
    """The arguments of `bench models show`."""

    names: Names = Field(default_factory=list)


class FetchArguments(WeightsOptions):
    """The arguments of `bench models fetch`."""

    names: Names = Field(default_factory=list)
    purposes: Annotated[
        Words,
        Field(
            description="What the weights are for: a data set (its metrics), or the name of a "
            "metric, method or trainer."
        ),
        Cli(("--for",), "A,B,C", names="purposes"),
    ] = ()
    dry_run: DryRun = False
    overwrite: Annotated[
        bool, Field(description="Replace existing weights that differ."), Cli(("--overwrite",))
    ] = False


class VerifyWeightsArguments(WeightsOptions):
    """The arguments of `bench models verify`; without names, all existing weights."""

    names: Names = Field(default_factory=list)


class ConvertArguments(Options):
    """The arguments of `bench models convert`."""

    checkpoint: Annotated[
        Path,
        Field(description="A released checkpoint: a file or a folder."),
        Cli(metavar="CKPT", positional=True),
    ]
    out: Annotated[Path, Field(description="The folder to write."), Cli(metavar="DIR")]
    raw: Annotated[
        bool,
        Field(description="Use the trained weights instead of their moving average."),
        Cli(("--raw",)),
    ] = False
    config: Annotated[
        Path | None,
        Field(
            description="Settings that the checkpoint lacks: unet.num_heads, "
            "clip_text.num_attention_heads, conditioning; for a VLLM, vision_tower (the folder of "
            "its CLIP)."
        ),
        Cli(metavar="JSON"),
    ] = None
    overwrite: Annotated[
        bool, Field(description="Replace the contents of the folder."), Cli(("--overwrite",))
    ] = False


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    models = group(
        "models",
        "Published weights: list, fetch, verify; convert checkpoints.",
        ["bench models list", "bench models fetch --for epic-kitchens --dry-run"],
    )
    add_command(models, "list", list_weights, ["bench models list"])
    add_command(models, "show", show, ["bench models show egovlp.pth"])
    add_command(
        models,
        "fetch",
        fetch,
        ["bench models fetch --for epic-kitchens --dry-run", "bench models fetch egovlp.pth"],
    )
    add_command(models, "verify", verify, ["bench models verify"])
    add_command(models, "convert", convert, ["bench models convert lego.ckpt --out models/lego"])
    app.add_typer(models, name="models", rich_help_panel=WEIGHTS)


def _registry(arguments: WeightsOptions) -> "list[Declared]":
    """The weights that all plug-ins declare, whose import may take seconds."""
    from egoactgen_bench.weights.weights_registry import registry

    with report_waiting("Reading the registry"):
        return registry(arguments.plugin)


def list_weights(arguments: WeightsOptions) -> None:
    """List all published weights: size, licence, whether they are here, and what uses them."""
    declared = _registry(arguments)
    rows = [["NAME", "SIZE", "LICENCE", "HERE", ""]]
    for each in declared:
        weights = each.weights
        size = "unknown" if weights.size is None else weights.size_text
        here = "yes" if (arguments.folder / weights.name).exists() else "no"
        users = f"for {', '.join(each.used_by)}"
        rows.append([weights.name, size, weights.short_licence, here, users])
    for line in wrapped(rows):
        typer.echo(line)
    count = sum(row[3] == "yes" for row in rows)
    typer.echo(
        f"\n{count} of {len(declared)} are in {arguments.folder}.\n"
        "`bench models fetch --for PURPOSE` fetches what a data set's metrics, a metric or a\n"
        "method needs; `bench models show NAME` shows sources and hashes."
    )


def show(arguments: ShowArguments) -> None:
    """Show what weights are, with source, revision, licence and hashes (default: all)."""
    from egoactgen_bench.weights.weights_registry import find, locked

    declared = _registry(arguments)
    names = arguments.names or dict.fromkeys(each.weights.name for each in declared)
    for place, name in enumerate(names):
        weights = find(name, declared)
        users = [user for each in declared if each.weights == weights for user in each.used_by]
        here = (arguments.folder / name).exists()
        rows = [
            ["about", weights.about],
            ["for", ", ".join(users)],
            ["size", weights.size_text],
            ["licence", weights.licence],
            ["source", weights.repository or weights.source],
            ["revision", _revision(weights)] if weights.repository else ["", ""],
            ["files", ", ".join(weights.files) or weights.file or ""],
            *(["sha256", f"{file} {value}"] for file, value in weights.published_hashes.items()),
            *(
                ["locked", f"{file} {value}"]
                for file, value in locked(arguments.folder).get(name, {}).items()
            ),
            ["here", f"{'yes' if here else 'no'}, {arguments.folder / name}"],
        ]
        typer.echo("\n" * bool(place) + name)
        for line in wrapped([["", *row] for row in rows if row[1]]):
            typer.echo(line)


def _revision(weights: "PublishedWeights") -> str:
    if weights.is_pinned:
        return str(weights.revision)
    return f"{weights.revision}, not a commit: the first fetch locks the files that it receives"


def fetch(arguments: FetchArguments) -> None:
    """Download weights and check their hashes; an interrupted download resumes."""
    from egoactgen_bench.measurement.weight_purposes import weights_for
    from egoactgen_bench.weights.fetching import fetch as fetch_one
    from egoactgen_bench.weights.weights_registry import find

    if not arguments.names and not arguments.purposes:
        raise BenchError(
            "Name weights of `bench models list`, or what they are for: `--for epic-kitchens`."
        )
    folder, declared = arguments.folder, _registry(arguments)
    chosen = {name: find(name, declared) for name in arguments.names}
    for purpose in arguments.purposes:
        needed = weights_for(purpose, declared)
        if not needed:
            typer.echo(f"{purpose} needs no published weights.", err=True)
        chosen |= {weights.name: weights for weights in needed}
    if chosen:
        _announce(list(chosen.values()), folder)
    if arguments.dry_run:
        return
    for weights in chosen.values():
        fetched = fetch_one(weights, folder, overwrite=arguments.overwrite)
        typer.echo(f"{weights.name}: {'fetched' if fetched else 'here already'}, {folder}")


def _announce(chosen: "Sequence[PublishedWeights]", folder: Path) -> None:
    """Print the total size of what is missing, then a line for each of the weights."""
    from egoactgen_bench.support.byte_counts import byte_text

    missing = [weights for weights in chosen if not (folder / weights.name).exists()]
    known = [weights.size for weights in missing if weights.size is not None]
    total = byte_text(sum(known)) if known or not missing else "an unknown size"
    unknown = len(missing) - len(known)
    more = f", and {unknown} of unknown size" if unknown and known else ""
    typer.echo(f"To fetch: {len(missing)} of {len(chosen)}, {total}{more}, to {folder}", err=True)
    rows = [
        ["", w.name, w.size_text, "fetch" if w in missing else "here", w.short_licence]
        for w in chosen
    ]
    for line in wrapped(rows):
        typer.echo(line, err=True)


def verify(arguments: VerifyWeightsArguments) -> int:
    """Check that weights are complete and have the published or locked sha256."""
    from egoactgen_bench.weights.weights_registry import find, has_known_hash
    from egoactgen_bench.weights.whole_files import problems_of

    folder = arguments.folder
    wrong = False
    declared = _registry(arguments)
    names = arguments.names or dict.fromkeys(each.weights.name for each in declared)
    for weights in [find(name, declared) for name in names]:
        with report_waiting(f"Computing the hash of {weights.name}"):
            problems = problems_of(weights, folder)
        if problems is None and not arguments.names:
            continue
        known = has_known_hash(weights, folder)
        fine = "unchanged" if known else "whole; no published or locked hash to compare with"
        typer.echo(
            f"{weights.name}: {fine if problems == [] else '; '.join(problems or ['absent'])}"
        )
        wrong = wrong or problems != []
    return EXIT_PARTIAL if wrong else EXIT_DONE


def convert(arguments: ConvertArguments) -> None:
    """Convert a released checkpoint into a folder of safetensors."""
    from egoactgen_bench.weights import conversion

    with report_waiting(f"Converting {arguments.checkpoint.name}"):
        done = conversion.convert(
            arguments.checkpoint,
            arguments.out,
            raw=arguments.raw,
            config=arguments.config,
            models=current_workspace().models,
            overwrite=arguments.overwrite,
        )
    typer.echo(f"Converted {arguments.checkpoint.name} to {done}.")
