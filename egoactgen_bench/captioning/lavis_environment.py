"""The virtual environment of LAVIS, which pins libraries of 2022–23 that cannot share ours."""

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
PYTHON = "3.11"  # the last for which the pinned tokenizers are built
TORCH = ("torch", "torchvision")
MANIFEST = "environment.json"


class EnvironmentManifest(Manifest):
    """environment.json: of what LAVIS's environment is made."""

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
        """Whether it is whole, and made of what this release and our torch ask for."""
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
    """Make the environment in a workspace; False where it is there already.

    What an interrupted call left is made anew. `python` names an interpreter of the right version;
    by default ours, or the one on the PATH. `say` is told what begins.
    """
    environment = Environment.of(workspace.absolute())
    if not overwrite and environment.ready:
        return False
    interpreter = _interpreter(python)
    if environment.folder.exists():
        shutil.rmtree(environment.folder)
    environment.folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"Making a virtual environment in {environment.folder}")
    _call(
        [interpreter, "-m", "venv", environment.folder],
        f"{interpreter} could not make a virtual environment (on Debian, python{PYTHON}-venv)",
    )
    pip = [environment.python, "-m", "pip", "install", "--no-input", "-q"]
    say(f"Installing {REQUIREMENTS.name}")
    # LAVIS also declares libraries of its demos and data sets, some of which no longer install; the
    # list names what captioning imports.
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
    """Lend it ours where the Python is the same, else install the same releases."""
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
    # What a .pth file names is looked at after the environment's own packages.
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
            f"LAVIS needs Python {PYTHON}, and there is no python{PYTHON} on the PATH: "
            "install it, or name one with --python PATH."
        )
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    release = _call([found, "-c", asked], f"{found} is not a Python that can be run").strip()
    if release != PYTHON:
        raise BenchError(f"{found} is Python {release}; LAVIS needs Python {PYTHON}.")
    return Path(found)


def _call(command: list[Any], failure: str) -> str:
    """Run a program and return what it prints; its last words go into the error."""
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
    """The last line of a program's log that says something."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1][:300]
