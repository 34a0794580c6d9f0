"""The `bench` program: its commands, the options they share, and how errors reach the user."""

import errno
import logging
import os
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import TyperException

from egoactgen_bench import __version__
from egoactgen_bench.api import plugins
from egoactgen_bench.cli import error_sentences
from egoactgen_bench.cli.help_pages import HelpGroup, epilog, show_help
from egoactgen_bench.cli.shared_options import DebugOption, WorkspaceOption, shared
from egoactgen_bench.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_REFUSED, BenchError
from egoactgen_bench.support.process_groups import LOST, is_lost_connection
from egoactgen_bench.support.sharding import launch_notice

EXAMPLES = (
    "bench demo",
    "bench prepare-splits && bench run lego && bench score && bench report",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"egoactgen_bench {__version__}")
        raise typer.Exit


def _root(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Benchmark egocentric action frame generation: prepare, train, run, score, user studies."""
    if notice := launch_notice(sys.argv[1:]):
        typer.echo(f"note: {notice}", err=True)
    show_help(context)


def build() -> typer.Typer:
    """The program: the core commands in the order of the daily loop, then the plug-ins."""
    from egoactgen_bench.cli import (
        agreement_command,
        demo_command,
        doctor_command,
        imagine_command,
        listing_commands,
        metrics_command,
        pack_command,
        prepare_command,
        report_command,
        run_command,
        score_command,
        setup_command,
        study_commands,
        train_command,
        verify_command,
        weights_commands,
    )

    app = typer.Typer(
        name="bench",
        cls=HelpGroup,
        invoke_without_command=True,
        epilog=epilog(EXAMPLES),
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(cls=HelpGroup, invoke_without_command=True, epilog=epilog(EXAMPLES))(_root)
    for module in (
        demo_command,
        prepare_command,
        train_command,
        run_command,
        imagine_command,
        score_command,
        report_command,
        study_commands,
        agreement_command,
        pack_command,
        doctor_command,
        weights_commands,
        setup_command,
        verify_command,
        metrics_command,
        listing_commands,
    ):
        module.register(app)
    for point in plugins.registered("commands").values():
        point.load()(app)
    return app


def main() -> None:
    """Run the program; an expected error becomes one sentence on stderr and an exit status."""
    shared.workspace, shared.debug = None, False
    # matplotlib warns where it cannot write to the home folder, as in containers; we need no cache.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        status = build()(standalone_mode=False)
    except TyperException as error:
        if not error.format_message():  # a plug-in's group without a command: its help is printed
            sys.exit(EXIT_DONE)
        _fail(error_sentences.usage_sentence(error), error)
    except BenchError as error:
        _fail(str(error), error)
    except OSError as error:
        if error.errno == errno.EPIPE:
            # The reader of stdout has exited (`bench … | head`): a normal exit would fail again
            # when flushing it.
            os._exit(1)
        _fail(error_sentences.os_sentence(error), error)
    except Exception as error:  # noqa: BLE001 - Python's own status 1 would mean "finished"
        lost = is_lost_connection(error)
        _fail(LOST if lost else error_sentences.bug_sentence(error), error)
    else:
        if status == EXIT_INTERRUPTED:  # Typer's status for KeyboardInterrupt
            typer.echo("bench: Interrupted; run the same command again to resume.", err=True)
        sys.exit(status if isinstance(status, int) else 0)


def _fail(sentence: str, error: BaseException, status: int = EXIT_REFUSED) -> None:
    if shared.debug:
        traceback.print_exception(error)
    typer.echo(f"bench: {error_sentences.one_line(sentence)}", err=True)
    sys.exit(status)
