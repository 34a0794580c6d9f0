"""Parsing of commands as by the program."""

import typer


def read(program, words):
    """(name such as `lego ablate`, values) of a call's words; an invalid call raises."""
    path, command = [], program
    context = command.make_context("bench", list(words))
    while isinstance(command, typer.core.TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
        path.append(name)
    return " ".join(path), context.params
