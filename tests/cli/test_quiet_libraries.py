"""No library writes to the terminal during the daily loop."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

# One new process for all commands: starting one for each would take a minute. The words of a call
# are expanded as a shell would.
PROGRAM = """
import sys
from glob import glob
from egoactgen_bench.cli import main

for call in sys.argv[1:]:
    sys.argv = ["bench", *(file for word in call.split() for file in glob(word)[:1] or [word])]
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{call} ended with {end.code}")
"""
TRAINING = (
    "prepare-splits --limit 2 --subset train",
    "train ip2p -o init=toy-ip2p -o iterations=2 -o batch_size=2",
)
LOOP = (
    "prepare-splits --limit 2",
    "run --method lego -o steps=1",
    "run ip2p -o steps=1",
    "run sdedit -o steps=2",
    "imagine workspace/splits/*/frames/*/input.png --action opening --weights toy -o steps=1",
    "lego enrich --weights toy",
    "score --metrics psnr,lpips,blip_b",
    "report",
    "verify workspace/scores/toy-kitchen/standard",
    "doctor",
    "doctor lego --metric psnr --value 20",
    "models list",
    "metrics",
    "methods lego",
    "datasets",
    "pack",
    "export-amt",
    *TRAINING,
)
OURS = re.compile(
    r"Generating the videos of |note: |([\w ]+: )?[\d,]+( of [\d,]+)? \w+|[A-Z][\w -]+ … \d+ s$"
)


def _without_fonts(folder):
    """The settings of a matplotlib whose list of fonts lacks all of its own, and any other."""
    from matplotlib.font_manager import FontManager

    fonts = FontManager.__new__(FontManager)  # without a search in the machine's folders
    lists = {"ttflist": [], "afmlist": [], "default_size": None, "_version": fonts.__version__}
    folder.mkdir()
    (folder / f"fontlist-v{fonts.__version__}.json").write_text(
        json.dumps(
            lists
            | {
                "_FontManager__default_weight": "normal",
                "defaultFamily": {"ttf": "DejaVu Sans", "afm": "Helvetica"},
                "__class__": "FontManager",
            }
        )
    )
    return {"MPLCONFIGDIR": str(folder)}


def called(folder, calls, **more):
    """The calls' process, whose environment has only these of the settings of libraries."""
    hidden = {"HF_HUB_OFFLINE", "PYTHONWARNINGS", "BENCH_WORKSPACE", "MPLCONFIGDIR"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *calls],
        cwd=folder,
        env=kept | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write to")
def test_a_home_folder_that_cannot_be_written_to_is_not_worth_a_line(tmp_path):
    calls = ("prepare-splits --limit 2", "run ip2p -o steps=1", *TRAINING)
    done = called(tmp_path, calls, HOME="/proc/none", XDG_CONFIG_HOME="", XDG_CACHE_HOME="")
    assert [line for line in done.stderr.splitlines() if not OURS.match(line)] == []


def test_only_our_own_lines_are_on_stderr(tmp_path):
    # Once, transformers warned of `past_key_values` in five commands; and once an environment was
    # removed while matplotlib listed its fonts in the home folder.
    done = called(tmp_path, LOOP, **_without_fonts(tmp_path / "matplotlib"))
    assert [line for line in done.stderr.splitlines() if not OURS.match(line)] == []
    assert "Warning" not in done.stdout
