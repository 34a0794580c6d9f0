"""Files that were generated elsewhere, found by sample id."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import sha256_bytes, sha256_file

Files = dict[str, list[Path]]  # sample id → its files; more than one is ambiguous


class FinishedFiles:
    """The files of a folder that are named by sample ids.

    `method` is the name of the method (`images`), which is also that of the subfolder. Files are in
    one of three layouts: FOLDER/<sample_id>.<suffix>, FOLDER/<method>/<sample_id>.<suffix>, or
    FOLDER/…/<clip>/<action>/<any name>.<suffix> for the sample <clip>_<action>.
    """

    def __init__(
        self, method: str, folder: Path, suffixes: Sequence[str], sample_ids: Iterable[str]
    ) -> None:
        if not folder.is_dir():
            raise BenchError(f"{method}:{folder}: folder not found.")
        self.folder = folder
        self.files = find_files(folder, suffixes, method, sample_ids)
        if not self.files:
            raise BenchError(
                f"{method}:{folder} contains no {', '.join(suffixes)} files, neither as "
                f"<sample_id>{suffixes[0]}, nor in {method}/, nor as "
                f"<clip>/<action>/<name>{suffixes[0]}."
            )

    def of(self, sample_id: str) -> list[Path]:
        """The files of a sample."""
        return self.files.get(sample_id, [])

    def sha256(self, sample_ids: Iterable[str] | None = None) -> str:
        """The hash of all files and their names, or of those of some samples."""
        chosen = self.files if sample_ids is None else set(sample_ids) & self.files.keys()
        files = [path for name in self.files if name in chosen for path in self.files[name]]
        names = (path.relative_to(self.folder).as_posix() for path in files)
        lines = (f"{_sha256(path)}  {name}\n" for path, name in zip(files, names, strict=True))
        return sha256_bytes("".join(lines).encode())


def _sha256(path: Path) -> str:
    """A file's sha256, or a text if it cannot be read: that costs its sample, not the run."""
    try:
        return sha256_file(path)
    except OSError:
        return "unreadable"


def find_files(
    folder: Path, suffixes: Sequence[str], subfolder: str, sample_ids: Iterable[str] = ()
) -> Files:
    """Id → the files of that name, in the layouts with a file of any of the samples.

    If there is none, in the first layout with files. `subfolder` is that of the second layout.
    """

    def flat(place: Path) -> list[tuple[str, Path]]:
        return [(path.stem, path) for path in _with_suffix(place.glob("*"), suffixes)]

    wanted = set(sample_ids)
    layouts = [flat(folder), flat(folder / subfolder)]
    if not wanted or not wanted <= {name for layout in layouts for name, _ in layout}:
        paths = _with_suffix(folder.rglob("*/*/*"), suffixes)
        layouts.append([(f"{path.parents[1].name}_{path.parent.name}", path) for path in paths])
    layouts = [layout for layout in layouts if layout]
    # A contact sheet in the folder must not hide the images in its subfolder.
    used = [layout for layout in layouts if wanted & {name for name, _ in layout}] or layouts[:1]
    return _grouped(pair for layout in used for pair in layout)


def _with_suffix(paths: Iterable[Path], suffixes: Sequence[str]) -> list[Path]:
    return sorted(path for path in paths if path.suffix.lower() in suffixes)


def _grouped(pairs: Iterable[tuple[str, Path]]) -> Files:
    files: Files = {}
    for sample_id, path in pairs:
        files.setdefault(sample_id, []).append(path)
    return files
