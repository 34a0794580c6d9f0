"""The virtual environment of LAVIS, whose pinned libraries of 2022–23 conflict with ours."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from egoactgen_bench.artifacts.manifest_base import Manifest, read_manifest
from egoactgen_bench.captioning.package_links import link_packages
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import sha256_file

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "lavis-requirements.txt"
WORKER = HERE / "lavis_worker.py"
PYTHON = "3.11"  # the last version with wheels of the pinned tokenizers
TORCH = ("torch", "torchvision")
MANIFEST = "environment.json"


class EnvironmentManifest(Manifest):
    """environment.json: the contents of LAVIS's environment."""

    noun: ClassVar[str] = "LAVIS environment"
    made_by: ClassVar[str] = "bench setup lavis --overwrite"
    requirements: str  # sha256 of the list of requirements
    python: str
    torch: dict[str, str]
    borrowed: list[str]


@dataclass(frozen=True)
class Environment:
    """The folder of the environment; `environment.json` in it is written last."""

    folder: Path

    @classmethod
    def of(cls, workspace: Path) -> "Environment":
        return cls(workspace / "environments" / "lavis")

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def ready(self) -> bool:
        """Whether it is complete and matches the requirements and PyTorch of this release."""
        manifest = self.folder / MANIFEST
        if not manifest.is_file() or not self.python.exists():
            return False
        made = read_manifest(manifest, EnvironmentManifest)
        links = self.folder / "borrowed"
        return bool(
            made.requirements == sha256_file(REQUIREMENTS)
            and made.torch == _torch_versions()
            and all(link.exists() for link in links.glob("*"))
        )


def setup(
    workspace: Path,
    python: Path | None = None,
    *,
    overwrite: bool = False,
    say: Callable[[str], Any] = lambda sentence: None,
) -> bool:
    """Create the environment in a workspace; False if it already exists.

    After an interruption it is created again from scratch. `python` is an interpreter of the right
    version; the default is this one, or the one on the PATH. `say` is called with a sentence about
    each step.
    """
    environment = Environment.of(workspace.absolute())
    if not overwrite and environment.ready:
        return False
    interpreter = _interpreter(python)
    if environment.folder.exists():
        shutil.rmtree(environment.folder)
    environment.folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"Creating a virtual environment in {environment.folder}")
    _call(
        [interpreter, "-m", "venv", environment.folder],
        f"{interpreter} could not create a virtual environment (Debian needs python{PYTHON}-venv)",
    )
    pip = [environment.python, "-m", "pip", "install", "--no-input", "-q"]
    say(f"Installing {REQUIREMENTS.name}")
    # LAVIS also requires libraries of its demos and data sets, some of which can no longer be
    # installed; the list has only those that captioning imports.
    _call([*pip, "--no-deps", "-r", REQUIREMENTS], "pip could not install LAVIS")
    borrowed = _provide_torch(environment, pip, say)
    say("Importing LAVIS")
    _call([environment.python, "-I", WORKER, "--check"], "LAVIS cannot be imported")
    manifest = EnvironmentManifest(
        requirements=sha256_file(REQUIREMENTS),
        python=str(interpreter),
        torch=_torch_versions(),
        borrowed=borrowed,
    )
    manifest.save(environment.folder / MANIFEST)
    return True


def _provide_torch(
    environment: Environment, pip: list[Any], say: Callable[[str], Any]
) -> list[str]:
    """Link our PyTorch if the Python version is the same, else install the same releases."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" != PYTHON:
        say("Installing torch and torchvision")
        pins = [
            f"{name}=={release.partition('+')[0]}" for name, release in _torch_versions().items()
        ]
        _call([*pip, *pins], "pip could not install torch and torchvision")
        return []
    links = environment.folder / "borrowed"
    own = [
        line.partition("==")[0] for line in REQUIREMENTS.read_text().splitlines() if "==" in line
    ]
    names = link_packages(TORCH, links, except_for=own)
    packages = environment.folder / "lib" / f"python{PYTHON}" / "site-packages"
    # Folders in a .pth file are searched after the environment's own packages.
    (packages / "borrowed.pth").write_text(f"{links}\n")
    return names


def _torch_versions() -> dict[str, str]:
    return {name: version(name) for name in TORCH}


def _interpreter(named: Path | None) -> Path:
    """A Python of the version that LAVIS needs."""
    if named is None and f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON:
        return Path(sys.executable)
    found = str(named) if named else shutil.which(f"python{PYTHON}")
    if found is None:
        raise BenchError(
            f"LAVIS needs Python {PYTHON}, and python{PYTHON} is not on the PATH: "
            "install it, or give its path with --python PATH."
        )
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    release = _call([found, "-c", asked], f"{found} is not a working Python interpreter").strip()
    if release != PYTHON:
        raise BenchError(f"{found} is Python {release}; LAVIS needs Python {PYTHON}.")
    return Path(found)


def _call(command: list[Any], failure: str) -> str:
    """Run a program and return its output. Raises `BenchError` with the last line of its log."""
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BenchError(f"{failure}: {error.strerror}.") from None
    if done.returncode:
        raise BenchError(f"{failure}: {last_words(done.stderr or done.stdout)}")
    return done.stdout


def last_words(log: str) -> str:
    """The last error in a program's log, or its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it printed nothing"])[-1][:300]
