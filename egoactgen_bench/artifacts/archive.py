"""Opening a stranger's archive: only files of known names, of honest size and promised content."""

import hashlib
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from egoactgen_bench.artifacts.archive_records import FORMAT, PackRecord, parse
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import sha256_file

MANIFEST = "pack.json"
_ID = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}"
# Known names are allowed rather than bad ones cleaned: nothing can lead out of the folder.
_NAME = re.compile(
    rf"pack\.json|split/samples\.csv|runs/{_ID}/(?:run\.json|samples\.csv|images/{_ID})"
    rf"|scores/{_ID}/(?:score\.json|scores\.csv|errors\.csv)"
)
MOST_FILES = 2_000_000
LARGEST_FILE = 2 << 30
GROWTH, SLACK = 60, 64 << 20  # unpacked bytes allowed: so many times the archive's own, and more
CHUNK = 1 << 20


def differences(path: Path) -> list[str]:
    """A sentence for each file of an archive that is not what its pack.json promises."""
    with _opened(path) as archive:
        record = _manifest(archive, path)
        return [why for why in _read(archive, record) if why]


def unpack(path: Path, parent: Path) -> tuple[PackRecord, Path]:
    """Check an archive and lay its files out under `parent`, in a folder named by its sha256.

    An archive that is not wholly as promised is a `BenchError`, and leaves nothing behind.
    """
    folder = parent / sha256_file(_existing(path))[:16]
    with _opened(path) as archive:
        record = _manifest(archive, path)
        if (folder / MANIFEST).is_file():  # written last
            return record, folder
        shutil.rmtree(folder, ignore_errors=True)
        try:
            wrong = [why for why in _read(archive, record, folder) if why]
            if wrong:
                raise BenchError(
                    f"{path} is not as it was packed ({wrong[0]}"
                    + (f" and {len(wrong) - 1} more" if len(wrong) > 1 else "")
                    + "): get it again from whoever made it."
                )
            (folder / MANIFEST).write_bytes(archive.read(MANIFEST))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return record, folder


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BenchError(f"There is no archive {path}: make one with `bench pack`.")
    return path


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(_existing(path))
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BenchError(f"{path} is not a zip archive of `bench pack` ({error}).") from None
    try:
        _check(archive, path)
    except BenchError:
        archive.close()
        raise
    return archive


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive by its directory, before anything of it is read."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if MANIFEST not in names:
        raise BenchError(f"{path} holds no {MANIFEST}: it was not made by `bench pack`.")
    if len(set(names)) < len(names) or len(names) > MOST_FILES:
        raise BenchError(f"{path} names a file twice, or more than {MOST_FILES:,} files.")
    for entry in entries:
        if why := _objection(entry):
            raise BenchError(f"{path} is refused: {entry.filename[:80]!r} {why}.")
    allowed = GROWTH * path.stat().st_size + SLACK
    # Images do not compress further, so that only a bomb grows many times when it is unpacked.
    if sum(entry.file_size for entry in entries) > allowed:
        raise BenchError(f"{path} is refused: it would unpack to more than {allowed:,} bytes.")


def _objection(entry: zipfile.ZipInfo) -> str | None:
    mode = entry.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link or no file"
    if not _NAME.fullmatch(entry.filename):
        return "is no file that `bench pack` writes"
    if entry.flag_bits & 1:
        return "is encrypted"
    return "is too large" if entry.file_size > LARGEST_FILE else None


def _manifest(archive: zipfile.ZipFile, path: Path) -> PackRecord:
    try:
        text = archive.read(MANIFEST).decode("utf-8")
    except (zipfile.BadZipFile, UnicodeDecodeError, OSError, RuntimeError) as error:
        raise BenchError(f"{path}: {MANIFEST} cannot be read ({error}).") from None
    record = parse(PackRecord, text, f"{path}: {MANIFEST}")
    if record.format != FORMAT:
        raise BenchError(
            f"{path} is of format {record.format}, this toolkit reads {FORMAT}: update it, or let "
            "the archive be packed again."
        )
    return record


def _read(
    archive: zipfile.ZipFile, record: PackRecord, folder: Path | None = None
) -> Iterator[str | None]:
    """Compare each file with its promised sha256, and write it to `folder` if there is one."""
    present = set(archive.namelist()) - {MANIFEST}
    yield from (f"{name}: is missing" for name in sorted(record.files.keys() - present))
    for name in sorted(present):
        if name not in record.files:
            yield f"{name}: in no table"
        elif _copy(archive, name, folder) != record.files[name]:
            yield f"{name}: differs from its recorded sha256"


def _copy(archive: zipfile.ZipFile, name: str, folder: Path | None) -> str | None:
    """The sha256 of a file, None if it is broken; names have been checked before."""
    digest = hashlib.sha256()
    try:
        with archive.open(name) as stream:
            if folder is None:
                while block := stream.read(CHUNK):
                    digest.update(block)
                return digest.hexdigest()
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            # "x": a name that differs only in case overwrites nothing on file systems that ignore
            # case.
            with (folder / name).open("xb") as copy:
                while block := stream.read(CHUNK):
                    digest.update(block)
                    copy.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):  # the last: unknown packing
        return None
    return digest.hexdigest()
