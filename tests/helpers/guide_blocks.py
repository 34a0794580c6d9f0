"""Commands of a page: expanded by bash, and parsed as by the program."""

import re
import subprocess

import typer

# Replaces the programs: prints the words of each call, each followed by a null, the call by two.
PRINT_CALLS = """
print_call() { printf '%s\\0' "$@"; printf '\\0'; }
for program in bench torchrun accelerate cat sbatch srun; do
    eval "$program() { print_call $program \\"\\$@\\"; }"
done
"""


def calls(text, **variables):
    """The words of each call in a page's blocks, in order; whole scripts are left out."""
    blocks = re.findall(r"^```bash[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    script = PRINT_CALLS + "\n".join(each for each in blocks if not each.startswith("#!"))
    words = ["bash", "-euc", script]
    environment = {"PATH": "/usr/bin:/bin", **variables}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return [call.split("\0") for call in done.stdout.removesuffix("\0\0").split("\0\0")]


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
