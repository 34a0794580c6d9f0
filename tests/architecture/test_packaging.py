"""What `pip install` makes importable, from a wheel and from the repository, and what it does not.

The environments created here use the libraries of the current one, so nothing is downloaded.
"""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from drawn_split import write_drawn_split
from egoactgen_bench import __version__

ROOT = Path(__file__).parents[2]
PACKAGES = {"egoactgen_bench", "egoactgen_baselines", "egoactgen_lego"}
FOLDERS = ("tests", "benchmarks", "splits", "results", "baselines", "lego")
METHOD = """
from egoactgen_bench.api import Method, Options

class Mine(Method):
    '''The input frame, upside down.'''

    def generate(self, requests):
        return [request.input.transpose(1) for request in requests]
"""


class Environment:
    """A virtual environment with an installation of its own."""

    def __init__(self, folder: Path, *install: object) -> None:
        venv.create(folder, with_pip=True)
        self.bin = folder / "bin"
        (self.site,) = (folder / "lib").glob("python*/site-packages")
        # The first .pth file in order, so that an editable installation finds its requirements.
        (self.site / "0_libraries.pth").write_text(sysconfig.get_path("purelib"))
        flags = ("-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
        self.call(folder, "python", "-m", "pip", "install", *flags, *install)

    def call(self, cwd: Path, program: str, *arguments: object, status: int = 0) -> str:
        """The output of a program of this environment when called in a folder."""
        unwanted = ("PYTHONPATH", "BENCH_WORKSPACE")
        done = subprocess.run(
            [self.bin / program, *map(str, arguments)],
            cwd=cwd,
            env={name: value for name, value in os.environ.items() if name not in unwanted},
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def origins(self, cwd: Path, names: tuple[str, ...]) -> list[str]:
        """Where top-level modules of these names would be imported from."""
        code = (
            "import sys; from importlib.util import find_spec\n"
            "for name in sys.argv[1:]:\n"
            "    found = find_spec(name)\n"
            "    print(found and (found.origin or list(found.submodule_search_locations)))"
        )
        return self.call(cwd, "python", "-c", code, *names).splitlines()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the sdist, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    return out


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Environment:
    (wheel,) = built.glob("*.whl")
    return Environment(tmp_path_factory.mktemp("wheel"), wheel)


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A user's folder: a workspace with a split, a method in a folder named like one of ours."""
    folder = tmp_path / "project"
    write_drawn_split(folder / "workspace" / "splits" / "drawn-val", count=2)
    (folder / "baselines").mkdir()
    (folder / "baselines" / "mine.py").write_text(METHOD)
    return folder


def test_the_wheel_contains_the_packages_and_their_data_only(built):
    (wheel,) = built.glob("*.whl")
    assert wheel.name.startswith(f"egoactgen_bench-{__version__}-")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    for needed in (
        "egoactgen_bench/py.typed",
        "egoactgen_bench/captioning/lavis-requirements.txt",
        "egoactgen_bench/toy/metric_weights/stand-ins.json",
        "egoactgen_bench/toy/denoiser_weights/vae/config.json",
        "egoactgen_baselines/toy/ip2p/unet/config.json",
        "egoactgen_lego/toy/weights/lego/unet/config.json",
        "egoactgen_lego/configs/fsdp.yaml",
        "egoactgen_lego/curation/examples.json",
    ):
        assert needed in names
    tables = {path.name for path in (ROOT / "results" / "published").iterdir()}
    folder = "egoactgen_bench/analysis/published/"
    assert {name.removeprefix(folder) for name in names if name.startswith(folder)} == tables
    templates = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "egoactgen_bench" / "stages").rglob("templates/*")
    }
    assert templates <= set(names)


def test_nothing_but_the_packages_is_importable(installed, tmp_path):
    for name in PACKAGES:
        (origin,) = installed.origins(tmp_path, (name,))
        assert Path(origin).is_relative_to(installed.site)
    for origin in installed.origins(tmp_path, FOLDERS):
        assert str(installed.site) not in origin


def test_an_editable_installation_exposes_the_packages_and_no_other_folder(
    tmp_path_factory, tmp_path
):
    environment = Environment(tmp_path_factory.mktemp("editable"), "-e", ROOT)
    for name in PACKAGES:
        (origin,) = environment.origins(tmp_path, (name,))
        assert Path(origin).is_relative_to(ROOT)
    for origin in environment.origins(tmp_path, FOLDERS):
        assert str(ROOT) not in origin
    assert "sdedit" in environment.call(tmp_path, "bench", "methods")


def test_a_method_in_a_folder_named_like_one_of_ours_runs(installed, elsewhere):
    call = ("run", "--method", "baselines.mine:Mine", "--split", "drawn-val")
    assert "2 of 2 images" in installed.call(elsewhere, "bench", *call)


def test_a_distribution_with_the_same_top_level_name_does_not_interfere(installed, elsewhere):
    """Neither to our methods nor to a user's own folder of that name."""
    theirs = installed.site / "baselines"
    theirs.mkdir(exist_ok=True)
    (theirs / "__init__.py").write_text("raise RuntimeError('theirs')")
    for method in ("baselines.mine:Mine", "copy-input"):
        call = ("run", "--method", method, "--split", "drawn-val", "--overwrite")
        assert "2 of 2 images" in installed.call(elsewhere, "bench", *call)


def test_files_in_the_current_folder_do_not_replace_modules(installed, elsewhere):
    for name in ("random", "json", "numpy", "helpers_of_mine"):
        (elsewhere / f"{name}.py").write_text("raise RuntimeError('shadowed')")
    (elsewhere / "helpers_of_mine.py").write_text("DEGREES = 180")
    mine = elsewhere / "turned.py"
    mine.write_text(f"import random, json\nimport helpers_of_mine\n{METHOD}")
    call = ("run", "--method", "turned:Mine", "--split", "drawn-val")
    assert "2 of 2 images" in installed.call(elsewhere, "bench", *call)
