"""The folder that all commands share, and how its splits and runs are looked up."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from egoactgen_bench.artifacts.manifest_base import read_versioned
from egoactgen_bench.errors import BenchError, did_you_mean


@dataclass(frozen=True)
class Workspace:
    """Paths inside one workspace folder; reading them creates nothing."""

    root: Path

    @classmethod
    def default(cls) -> "Workspace":
        """`$BENCH_WORKSPACE`, else `./workspace`."""
        return cls(Path(os.environ.get("BENCH_WORKSPACE") or "workspace").expanduser())

    @classmethod
    def of(cls, root: "Workspace | Path | str | None") -> "Workspace":
        """The workspace in the folder `root`, absolute; None is the default one.

        Raises `BenchError` if `root` is not the path of a folder.
        """
        if isinstance(root, Workspace):
            return root
        if root is not None and not (isinstance(root, str | Path) and str(root).strip()):
            raise BenchError(f"workspace must be the path of a folder, not {root!r}.")
        folder = cls.default().root if root is None else Path(root)
        # Absolute, so that objects stay valid when the process changes its folder.
        folder = folder.expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise BenchError(f"The workspace {folder} is a file: choose a folder.")
        return cls(folder)

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def cache(self) -> Path:
        """The folder of files that can be computed again."""
        return self.root / "cache"

    @property
    def logs(self) -> Path:
        """The folder of the files of experiment trackers."""
        return self.root / "logs"

    def dataset(self, name: str) -> Path:
        """The folder of the files that a synthetic data set generates."""
        return self.root / "datasets" / name

    @property
    def splits(self) -> Path:
        return self.root / "splits"

    def split(self, name: str) -> Path:
        return self.splits / name

    def runs(self, split: str) -> Path:
        return self.root / "runs" / split

    def run(self, split: str, run: str) -> Path:
        return self.runs(split) / run

    def scores(self, split: str, protocol: str) -> Path:
        return self.root / "scores" / split / protocol

    def report(self, split: str) -> Path:
        return self.root / "reports" / split

    def study(self, name: str) -> Path:
        return self.root / "studies" / name

    def ablation(self, split: str, name: str) -> Path:
        return self.root / "ablations" / split / name

    def imagined(self, context: str, method: str) -> Path:
        return self.root / "imagined" / context / method

    def find_split(self, name: str | None, train: bool = False) -> Path:
        """The folder of a finished split; by default the latest test split, or `train` split."""
        if name is None:
            return self._latest_split(train)
        folder = self.split(name)
        if not (folder / "split.json").is_file():
            raise BenchError(
                f"No finished split '{name}' was found in {self.splits}."
                + did_you_mean(name, _finished(self.splits, "split.json"))
            )
        return folder

    def find_run(self, split: str, run: str) -> Path:
        """The folder of a finished run of a split."""
        folder = self.run(split, run)
        if not (folder / "run.json").is_file():
            raise BenchError(
                f"No finished run '{run}' of split '{split}' was found in {self.runs(split)}."
                + did_you_mean(run, self.finished_runs(split))
            )
        return folder

    def finished_runs(self, split: str) -> list[str]:
        """Names of the finished runs of a split, sorted."""
        return _finished(self.runs(split), "run.json")

    def _latest_split(self, train: bool) -> Path:
        manifests = [
            self.splits / name / "split.json" for name in _finished(self.splits, "split.json")
        ]
        usable = [
            p for p in manifests if (read_versioned(p, "split").get("subset") == "train") == train
        ]
        if not usable:
            kind, option = ("training", " --subset train") if train else ("test", "")
            raise BenchError(
                f"No finished {kind} split was found in {self.splits}: "
                f"prepare one with `bench prepare-splits{option}`."
            )
        return max(usable, key=lambda path: path.stat().st_mtime_ns).parent


def _finished(folder: Path, manifest: str) -> list[str]:
    return sorted(path.parent.name for path in folder.glob(f"*/{manifest}") if path.is_file())


def folder_or_name(
    value: Path | str | None, manifest: str, find: Callable[[str | None], Path]
) -> Path:
    """The folder of `value`: a path, or a name that `find` looks up.

    A string is a path if it has several parts or if a folder there contains `manifest`.
    """
    if isinstance(value, Path):
        return value
    if value is not None:
        path = Path(value)
        if len(path.parts) > 1 or path.is_absolute() or (path / manifest).is_file():
            return path
    return find(value)
