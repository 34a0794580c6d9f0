"""Opens archives from untrusted sources: allows only known names, sizes and hashes."""

import errno
import hashlib
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from egoactgen_bench.artifacts.archive_records import FORMAT, PackRecord, parse
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import sha256_file

MANIFEST = "pack.json"
_ID = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}"
# An allow-list, not a filter of bad names: no name can point outside the folder.
_NAME = re.compile(
    rf"pack\.json|split/(?:samples|boxes)\.csv|runs/{_ID}/(?:run\.json|samples\.csv|images/{_ID})"
    rf"|scores/{_ID}/(?:score\.json|scores\.csv|errors\.csv)"
)
MOST_FILES = 2_000_000
LARGEST_FILE = 2 << 30
# Limit of the unpacked bytes: GROWTH × the archive's size + SLACK. Tables are packed to about a
# tenth, images not at all, and they are most of an archive.
GROWTH, SLACK = 8, 16 << 20
LARGEST_MANIFEST = 4 << 20  # of all but pack.json, which lists the files
CHUNK = 1 << 20
# What zipfile raises for a damaged archive, in addition to OSError.
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError)


def differences(path: Path) -> list[str]:
    """A sentence for each file of an archive that differs from its pack.json."""
    with opened(path) as (archive, record):
        return [why for why in _read(archive, record) if why]


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, PackRecord]]:
    """Open an archive after checking its directory and its manifest.

    Raises `BenchError` for an archive that `bench pack` did not write.
    """
    with _opened(path) as archive:
        yield archive, _manifest(archive, path)


def unpack(path: Path, parent: Path) -> tuple[PackRecord, Path]:
    """Check an archive and unpack it under `parent`, in a folder named by its sha256.

    Raises `BenchError` if any file differs from pack.json; nothing is left on disk then.
    """
    folder = parent / sha256_file(_existing(path))[:16]
    with opened(path) as (archive, record):
        if (folder / MANIFEST).is_file():  # written last
            return record, folder
        shutil.rmtree(folder, ignore_errors=True)
        try:
            wrong = [why for why in _read(archive, record, folder) if why]
            if wrong:
                raise BenchError(
                    f"{path} was changed after it was packed ({wrong[0]}"
                    + (f" and {len(wrong) - 1} more" if len(wrong) > 1 else "")
                    + "): obtain it again from its authors."
                )
            (folder / MANIFEST).write_bytes(archive.read(MANIFEST))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return record, folder


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BenchError(f"The archive {path} was not found: create one with `bench pack`.")
    return path


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(_existing(path))
    except (*DAMAGED, OSError) as error:
        raise BenchError(f"{path} is not a zip archive made by `bench pack` ({error}).") from None
    try:
        _check(archive, path)
    except BenchError:
        archive.close()
        raise
    return archive


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive because of its directory, before any of its files is read."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if MANIFEST not in names:
        raise BenchError(f"{path} contains no {MANIFEST}: it was not made by `bench pack`.")
    if len(set(names)) < len(names) or len(names) > MOST_FILES:
        raise BenchError(f"{path} lists a file twice or has more than {MOST_FILES:,} files.")
    for entry in entries:
        if why := _objection(entry):
            raise BenchError(f"{path} is refused: {entry.filename[:80]!r} {why}.")
    allowed = GROWTH * path.stat().st_size + SLACK
    # Images are already compressed, so that only a zip bomb grows by such a factor.
    if sum(entry.file_size for entry in entries) > allowed:
        raise BenchError(f"{path} is refused: it would unpack to more than {allowed:,} bytes.")


def _objection(entry: zipfile.ZipInfo) -> str | None:
    mode = entry.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link or not a regular file"
    if not _NAME.fullmatch(entry.filename):
        return "is not a file that `bench pack` writes"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed by another method than `bench pack` uses"
    if entry.flag_bits & 1:
        return "is encrypted"
    small = entry.filename.endswith(".json") and entry.filename != MANIFEST
    largest = LARGEST_MANIFEST if small else LARGEST_FILE
    return "is too large" if entry.file_size > largest else None


def _manifest(archive: zipfile.ZipFile, path: Path) -> PackRecord:
    try:
        text = archive.read(MANIFEST).decode("utf-8")
    except (*DAMAGED, OSError) as error:  # UnicodeDecodeError is a ValueError
        raise BenchError(f"{path}: {MANIFEST} cannot be read ({error}).") from None
    record = parse(PackRecord, text, f"{path}: {MANIFEST}")
    if record.format != FORMAT:
        raise BenchError(
            f"{path} has format {record.format}, and this version of egoactgen_bench reads format "
            f"{FORMAT}: update egoactgen_bench, or have the archive packed again."
        )
    for name in record.files:
        if not _NAME.fullmatch(name):
            raise BenchError(
                f"{path} is refused: its {MANIFEST} lists {name[:80]!r}, which is not a file that "
                "`bench pack` writes."
            )
    return record


def _read(
    archive: zipfile.ZipFile, record: PackRecord, folder: Path | None = None
) -> Iterator[str | None]:
    """Compare each file with its recorded sha256, and write it to `folder` if given."""
    present = set(archive.namelist()) - {MANIFEST}
    yield from (f"{name}: is missing" for name in sorted(record.files.keys() - present))
    for name in sorted(present):
        if name not in record.files:
            yield f"{name}: not listed in {MANIFEST}"
        elif _copy(archive, name, folder) != record.files[name]:
            yield f"{name}: differs from its recorded sha256"


def _copy(archive: zipfile.ZipFile, name: str, folder: Path | None) -> str | None:
    """The sha256 of a file, or None if it is damaged; its name has already been checked."""
    digest = hashlib.sha256()
    try:
        with archive.open(name) as stream:
            if folder is None:
                while block := stream.read(CHUNK):
                    digest.update(block)
                return digest.hexdigest()
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            # Mode "x": on a case-insensitive file system, a name that differs only in case must not
            # overwrite another file.
            with (folder / name).open("xb") as copy:
                while block := stream.read(CHUNK):
                    digest.update(block)
                    copy.write(block)
    except DAMAGED:
        return None
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # of the disk, not of the archive
            raise
        return None
    return digest.hexdigest()
