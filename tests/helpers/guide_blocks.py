"""Reading a command as the program reads it."""

import typer


def read(program, words):
    """(`lego ablate`, values) of a call's words; a wrong one raises."""
    path, command = [], program
    context = command.make_context("bench", list(words))
    while isinstance(command, typer.core.TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
        path.append(name)
    return " ".join(path), context.params
