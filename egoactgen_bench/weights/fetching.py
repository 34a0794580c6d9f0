"""Fetches published weights from the hub or a URL: resumes, checks, then moves them in place."""

import shutil
import sys
import time
import urllib.error
import urllib.request
from contextlib import nullcontext
from http.client import HTTPException
from pathlib import Path
from typing import Any

from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.outside_links import refuse_outside_links
from egoactgen_bench.support.progress import BYTES, Progress, report_lines, report_progress
from egoactgen_bench.support.provenance import files_in
from egoactgen_bench.support.regular_files import append_regular, owned_path
from egoactgen_bench.weights.weights_registry import (
    differences,
    hashes_of,
    lock,
    locked,
    published_mismatches,
)

PARTIAL = ".partial"
CHUNK = 1 << 20
LARGEST = 100 << 30  # bytes, if no size is declared; the largest weights that we know take 26 GB
SLOWEST, PATIENCE = 1000, 60.0  # bytes per second on average, after the first seconds


def fetch(weights: PublishedWeights, folder: Path, *, overwrite: bool = False) -> bool:
    """Fetch weights into a weights folder; return False if they are already there.

    Before they are moved in place, their sha256 is compared with the published one, else with the
    one that an earlier fetch locked; the first fetch locks what it received. An interrupted fetch
    resumes. Raises `BenchError` if the source cannot be reached, if a hash differs, and if other
    files are in place, unless `overwrite` is set.
    """
    problems = None if overwrite else differences(weights, folder)
    if problems == []:
        return False
    if problems:
        raise BenchError(
            f"{folder / weights.name} exists but differs ({problems[0]}): "
            "fetch it again with --overwrite."
        )
    partial = owned_path(folder, f"{PARTIAL}/{weights.name}")
    refuse_outside_links(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    arrived = _from_hub(weights, partial) if weights.repository else _from_url(weights, partial)
    hashes = hashes_of(arrived)
    if arrived.is_file():
        hashes = {weights.name: hashes[arrived.name]}
    _check(weights, folder, hashes, partial)
    _put(arrived, folder / weights.name)
    lock(folder, weights.name, hashes)
    _clean(partial)
    return True


def _check(weights: PublishedWeights, folder: Path, hashes: dict[str, str], partial: Path) -> None:
    problems = published_mismatches(weights, hashes)
    before = locked(folder).get(weights.name)
    if before is not None and before != hashes:
        problems.append(f"{weights.name}: differs from what an earlier fetch locked")
    if problems:
        _clean(partial)
        raise BenchError(
            f"What {weights.source} sent differs from the known hash and was deleted "
            f"({problems[0]}). Try again; if it still differs, the publisher changed the file."
        )


def _from_hub(weights: PublishedWeights, partial: Path) -> Path:
    """A file or a folder of a hub repository, through huggingface_hub (which resumes)."""
    assert weights.repository is not None
    source: dict[str, Any] = {
        "repo_id": weights.repository,
        "revision": weights.revision,
        "local_dir": partial,
    }
    # On a terminal, the library shows bars of its own.
    shown = not sys.stderr.isatty()
    with report_lines(weights.name, weights.size or 0, BYTES) if shown else nullcontext() as lines:
        return _received(weights, partial, source | {"tqdm_class": _bounded_bar(weights, lines)})


def _received(weights: PublishedWeights, partial: Path, source: dict[str, Any]) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        if weights.file is not None:
            path = huggingface_hub.hf_hub_download(filename=weights.file, **source)
            _check_size(weights, Path(path).stat().st_size, partial)
            return Path(path)
        huggingface_hub.snapshot_download(allow_patterns=list(weights.files), **source)
    except _TooLargeError:  # caught here, after all threads of the library have ended
        raise _too_large(weights, partial) from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise _failed(weights, error) from None
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    _check_size(weights, sum(file.stat().st_size for file in files_in(partial)), partial)
    if not any(path.is_file() for path in partial.rglob("*")):
        raise BenchError(f"{weights.source} contains none of {', '.join(weights.files)}.")
    return partial


class _TooLargeError(Exception):
    """A hub sends, or announces, more bytes than expected."""


def _bounded_bar(weights: PublishedWeights, lines: Progress | None) -> type:
    """A progress bar that ends the download of more bytes than expected.

    huggingface_hub reports each chunk to it before it is written, and accepts any size otherwise.
    `lines`, if any, counts the bytes too.
    """
    from huggingface_hub import utils

    class BoundedBar(utils.tqdm):  # type: ignore[name-defined,misc]
        counted = 0.0

        def update(self, n: float | None = 1) -> bool | None:
            self.counted += n or 0
            if lines is not None:
                lines.update(int(n or 0))
            if max(self.counted, self.total or 0) > _limit(weights):
                raise _TooLargeError
            shown: bool | None = super().update(n)
            return shown

    return BoundedBar


# Our own, since torch.hub.download_url_to_file starts over after an interruption.
def _from_url(weights: PublishedWeights, partial: Path) -> Path:
    """A file from a URL; resumes an interrupted download."""
    assert weights.url is not None
    request = urllib.request.Request(weights.url)
    have = partial.stat().st_size if partial.exists() else 0
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        opener = urllib.request.build_opener(only_web(weights.url))
        with opener.open(request, timeout=60) as response:
            # Google Drive answers with a page when a file's quota for the day is exceeded.
            if response.headers.get_content_type() == "text/html":
                raise OSError("the server sent a web page instead of the file")
            resumed = response.status == 206
            have = have if resumed else 0
            length = response.headers.get("Content-Length")
            total = have + int(length) if length else None
            _check_size(weights, total or 0, partial)
            _save(weights, response, partial, have, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # range not satisfiable: the file is already complete
            return partial
        raise _failed(weights, error) from None
    except (OSError, HTTPException, ValueError) as error:  # ValueError: of a malformed header
        raise _failed(weights, error) from None
    if total is not None and partial.stat().st_size != total:
        raise BenchError(
            f"The download of {weights.name} was interrupted at {partial.stat().st_size:,} of "
            f"{total:,} bytes: run the same command again to resume."
        )
    return partial


def _save(
    weights: PublishedWeights, response: Any, partial: Path, have: int, total: int | None
) -> None:
    """Append to the part that has arrived, or start it, within the bounds of size and speed."""
    begun, arrived = time.monotonic(), 0
    if not have:
        partial.unlink(missing_ok=True)
    with (
        append_regular(partial) as stream,
        report_progress(weights.name, total or 0, BYTES, initial=have) as bar,
    ):
        # Of what is there, so that a slow server returns to this loop.
        while chunk := response.read1(CHUNK):
            stream.write(chunk)
            bar.update(len(chunk))
            arrived += len(chunk)
            _check_size(weights, have + arrived, partial)
            if arrived < SLOWEST * (time.monotonic() - begun - PATIENCE):
                raise OSError(f"the server sends less than {SLOWEST:,} bytes per second")


def _check_size(weights: PublishedWeights, size: int, partial: Path) -> None:
    """Raise `BenchError` for more than the declared size, which is approximate, or than the cap."""
    if size > _limit(weights):
        raise _too_large(weights, partial)


def _limit(weights: PublishedWeights) -> int:
    return int(weights.size * 1.2) + CHUNK if weights.size else LARGEST


def _too_large(weights: PublishedWeights, partial: Path) -> BenchError:
    _clean(partial)
    return BenchError(
        f"{weights.source} sends more than {_limit(weights):,} bytes, but {weights.name} has "
        f"{weights.size_text}: it was not kept, since it is another file."
    )


def only_web(url: str) -> urllib.request.HTTPRedirectHandler:
    """Follows redirects from `url` to http and https; from https to https only."""

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:
            target = str(arguments[-1])
            allowed = ("https://",) if url.startswith("https://") else ("https://", "http://")
            if not target.startswith(allowed):
                raise OSError(f"it redirects to {target[:200]}, which is not followed")
            return super().redirect_request(*arguments)

    return Redirects()


def _failed(weights: PublishedWeights, error: Exception) -> BenchError:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return BenchError(
        f"{weights.name} could not be fetched from {weights.source}: {reason.rstrip('.')}. "
        "Try again (the part that arrived is kept), or put it into the weights folder yourself."
    )


def _put(arrived: Path, place: Path) -> None:
    old = place.with_name(f".{place.name}.old")
    if place.exists():
        place.replace(old)
    arrived.replace(place)
    if old.is_dir():
        shutil.rmtree(old)
    old.unlink(missing_ok=True)


def _clean(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial)
    partial.unlink(missing_ok=True)
    if partial.parent.exists() and not any(partial.parent.iterdir()):
        partial.parent.rmdir()
