"""Help pages, examples, lists, names given either way, and shell completion."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import typer

from egoactgen_bench.captioning.captioner import CAPTIONERS
from egoactgen_bench.cli import commands
from egoactgen_bench.cli.app import build
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.protocols import PROTOCOLS
from egoactgen_bench.support.devices import DTYPES

PROGRAM = typer.main.get_command(build())
GROUPS = {(): PROGRAM} | {
    (name,): each for name, each in PROGRAM.commands.items() if hasattr(each, "commands")
}
COMMANDS = {
    (*path, name): each
    for path, group in GROUPS.items()
    for name, each in group.commands.items()
    if not hasattr(each, "commands")
}
LISTED = ("methods", "datasets", "trainers", "converters")
PARSED = "the options are valid"


def examples(command):
    return (command.epilog or "").splitlines()[1:]


def words_of(example):
    assert example.startswith("bench ")
    return [shlex.split(part)[1:] for part in example.split(" && ")]


@pytest.mark.parametrize("path", [*GROUPS, *COMMANDS], ids=" ".join)
def test_help_is_readable_in_80_columns_and_ends_with_examples(bench, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", "80")
    shown = bench(*path, "--help")
    assert shown.status == 0
    assert max(map(len, shown.out.splitlines())) <= 80
    assert not re.search(r"<(str|int|bool|float|list|path)|x>=|--[\w-]*…", shown.out)
    ours = examples((GROUPS | COMMANDS)[path])
    assert ours
    assert [line.strip() for line in shown.out.splitlines() if line.strip()][-len(ours) :] == ours


@pytest.mark.parametrize("path", [*GROUPS, *COMMANDS], ids=" ".join)
def test_examples_are_valid_calls(bench, monkeypatch, path):
    def parse(*call):
        validate(*call)
        raise BenchError(PARSED)

    validate = commands.validated
    monkeypatch.setattr(commands, "validated", parse)
    for example in examples((GROUPS | COMMANDS)[path]):
        for words in words_of(example):
            assert tuple(words[: len(path)]) == path
            if words[0] in LISTED:  # these have no options to validate
                PROGRAM.commands[words[0]].make_context(words[0], words[1:])
            else:
                assert bench(*words).err == f"bench: {PARSED}\n"


@pytest.mark.parametrize("path", GROUPS, ids=" ".join)
def test_a_group_alone_prints_its_help(bench, path):
    alone = bench(*path)
    assert (alone.status, alone.err) == (0, "")
    assert alone.out == bench(*path, "--help").out


def test_a_plug_in_s_group_alone_prints_its_help(bench, monkeypatch):
    def extended():
        app = build()
        group = typer.Typer(no_args_is_help=True, help="Look at kitchens.")
        group.command("look")(lambda: None)
        group.command("leave")(lambda: None)
        app.add_typer(group, name="kitchens")
        return app

    monkeypatch.setattr("egoactgen_bench.cli.app.build", extended)
    alone = bench("kitchens")
    assert (alone.status, alone.err) == (0, "")
    assert "Look at kitchens." in alone.out


def test_commands_are_grouped(bench):
    titles = re.findall(r"╭─ ([A-Z].*?) ─", bench("--help").out)
    assert titles[2:] == [
        "Daily loop",
        "Training",
        "Results",
        "User studies",
        "Weights",
        "Information",
    ]


def test_choices_on_the_command_line_are_those_of_the_stages():
    shown = {
        option.name: option.metavar.replace("\n", "")
        for option in COMMANDS[("score",)].params
        if option.name in ("protocol", "captioner", "family")
    }
    assert shown == {
        "protocol": "[standard|lego-release]",
        "captioner": "[transformers|lavis]",
        "family": "[metric|table]",
    }
    assert set(PROTOCOLS) == {"standard", "lego-release"}
    assert set(CAPTIONERS) == {"transformers", "lavis"}
    (dtype,) = (option for option in COMMANDS[("run",)].params if option.name == "dtype")
    assert dtype.metavar.replace("\n", "") == f"[auto|{'|'.join(DTYPES)}]"


def lists():
    """(path, parameter) of each option that is a list of names."""
    for path, command in COMMANDS.items():
        for option in command.params:
            free_text = option.name in ("action", "description") or "-o" in option.opts
            if option.param_type_name == "option" and option.multiple and not free_text:
                yield path, option


@pytest.mark.parametrize(
    ("path", "option"), [pytest.param(*each, id=f"{each[0]}{each[1].opts[0]}") for each in lists()]
)
def test_every_list_is_accepted_with_commas_and_by_repeating(bench, monkeypatch, path, option):
    given = []

    def keep(options, values, named):
        given.append(getattr(options.model_validate(values), option.name))
        raise BenchError(PARSED)

    monkeypatch.setattr(commands, "validated", keep)
    choices = re.match(r"\[(.*)\]", (option.metavar or "").replace("\n", ""))
    first, second = choices[1].split("|")[:2] if choices else NAMES.get(option.name, ("a", "b"))
    start = words_of(examples(COMMANDS[path])[0])[0]
    for call in ([f"{first},{second}"], [first, second]):
        flags = [word for value in call for word in (option.opts[0], value)]
        bench(*without(start, option.opts), *flags)
    assert [each[-2:] for each in given] == [(first, second)] * 2


NAMES = {"metrics": ("psnr", "lpips")}


def without(words, flags):
    """The words of a call without an option and its value."""
    place = next((n for n, word in enumerate(words) if word in flags), None)
    return words if place is None else words[:place] + words[place + 2 :]


def test_there_are_lists_to_test():
    found = {option.opts[0] for _, option in lists()}
    assert {"--metrics", "--reference", "--ids", "--run", "--tables", "--log-to"} <= found


@pytest.mark.parametrize(("command", "name"), [("run", "copy-input"), ("train", "ip2p")])
def test_a_method_is_an_argument_or_an_option(bench, command, name):
    either = [bench(command, name), bench(command, "--method", name)]
    assert either[0] == either[1]
    assert "split was found" in either[0].err
    assert bench(command, name, "--method", name) == either[0]
    twice = bench(command, name, "--method", "lego")
    assert twice.err == f"bench: METHOD is given twice: '{name}' and 'lego'.\n"
    missing = bench(command)
    assert (missing.status, missing.err) == (2, "bench: Missing METHOD. --help shows an example.\n")


def test_aliases(bench, drawn_split, runs):
    called = bench("export-amt", "--kind", "best-of", "--run", "near,far", "--name", "one")
    assert (called.status, called.err) == (0, "")
    assert bench("export-amt", "near", "far", "--study", "best-of", "--name", "two").status == 0
    assert bench("agreement", "--study", "one").err == bench("agreement", "one").err


WRONG = {
    "run legoo": "Unknown method 'legoo'. Did you mean 'lego'?",
    "train legoo": "Unknown trainer 'legoo'. Did you mean 'lego'?",
    "score --metrics psnr,psnrr": "Unknown metric 'psnrr'. Did you mean 'psnr'?",
    "score --protocol standart": "Unknown protocol 'standart'. Did you mean 'standard'?",
    "score --captioner lavi": "Unknown captioner 'lavi'. Did you mean 'lavis'?",
    "run lego --dtype float33": "Unknown dtype 'float33'. Did you mean 'float32'?",
    "run lego --split vall": "No finished split 'vall' was found",
    "score absent": "No finished run 'absent'",
    "score --metrics psnr -o lpips.network=vgg": "does not name a metric of this call",
    "score -o lpips.netwrk=vgg": "lpips has no option 'netwrk'. Did you mean 'network'?",
    "score --reference taget": "Unknown reference 'taget'. Did you mean 'target'?",
    "score --weights-dir absent": "--weights-dir absent does not exist",
    "score --bootstrap -5": "--bootstrap -5: must be at least 0.",
    "score --seed x": "No such option: --seed. See `bench score --help`.",
    "run lego --seed x": "'--seed': must be an integer. See `bench run --help`.",
    "export-amt --study best": "'best' is not one of 'best-of', 'description'.",
    "prepare-splits --name ../a": "--name '../a' is not a safe file name",
    "lego enrich": "Give --weights DIR, or --model NAME",
    "score --metricss psnr": "No such option: --metricss",
    "imagine absent.png --action go": "absent.png does not exist",
    "verify absent": "absent contains no finished split",
}


def test_wrong_names_are_reported_before_pytorch_is_imported(drawn_split, runs):
    code = (
        "import json, sys\n"
        "from egoactgen_bench.cli import main\n"
        "for call in json.loads(sys.argv[1]):\n"
        "    sys.argv = ['bench', *call.split()]\n"
        "    try: main()\n"
        "    except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([*WRONG])],
        env=os.environ | {"BENCH_WORKSPACE": str(drawn_split.parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["2 False"] * len(WRONG), done.stderr
    for line, sentence in zip(done.stderr.splitlines(), WRONG.values(), strict=True):
        assert line.startswith("bench: ")
        assert sentence in line


def completions(words, incomplete, workspace):
    """What bash is offered; in a process of its own, as in a shell."""
    line = shlex.join(["bench", *words, incomplete])
    code = "from egoactgen_bench.cli.app import build; build()(prog_name='bench')"
    completing = {
        "_BENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": line if incomplete else f"{line[:-2]}",
        "COMP_CWORD": str(len(words) + 1),
        "BENCH_WORKSPACE": str(workspace),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | completing, capture_output=True, text=True
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        (["run"], "leg", ["lego"]),
        (["run", "--method"], "ip", ["ip2p"]),
        (["train"], "lor", ["lora"]),
        (["score", "--metrics"], "psnr,lpips_h", ["psnr,lpips_hands"]),
        (["score", "--protocol"], "st", ["standard"]),
        (["export-amt", "--study"], "b", ["best-of"]),
        (["score", "--split"], "dr", ["drawn-val"]),
        (["score"], "n", ["near"]),
        (["score", "--split", "other", "--run"], "n", []),
    ],
)
def test_the_shell_completes(drawn_split, runs, words, incomplete, expected):
    assert completions(words, incomplete, drawn_split.parents[1]) == expected
