"""The program itself: start-up, shared options, and messages for invalid calls."""

import subprocess
import sys

from egoactgen_bench.cli.report_command import ReportArguments

HEAVY = {"torch", "pandas", "scipy", "diffusers", "transformers", "av", "numpy", "open_clip"}


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['bench', '--help']\n"
        "from egoactgen_bench.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert HEAVY.isdisjoint(done.stderr.split())


def test_version(bench):
    result = bench("--version")
    assert result.status == 0
    assert result.out.startswith("egoactgen_bench ")


def test_unknown_command_and_option_are_one_sentence(bench):
    for call in (["scor"], ["methods", "--debugg"]):
        result = bench(*call)
        assert result.status == 2
        assert result.err.startswith("bench: ")
        assert "Traceback" not in result.err
        assert result.err.count("\n") <= 2


def test_comma_list(bench):
    assert ReportArguments().ids == ()
    assert ReportArguments(ids=" a, b,,").ids == ("a", "b")
    for empty in (",", " ", ""):
        result = bench("report", "--ids", empty)
        assert result.status == 2
        assert result.err == (
            f"bench: --ids: '{empty}' is an empty list: give one name, or several as a,b,c.\n"
        )
