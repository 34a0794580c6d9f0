"""Fetching registered weights: from the hub or the publisher, resumed, checked, then in place."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.weights_registry import (
    Weight,
    differences,
    hashes_of,
    lock,
    locked,
    published_mismatch,
)

PARTIAL = ".partial"
CHUNK = 1 << 20


def fetch(weight: Weight, folder: Path, *, overwrite: bool = False) -> bool:
    """Fetch an entry into a weights folder; False where it was there already.

    What arrives is checked before it takes its place: against the published sha256, else against
    what an earlier fetch locked; a first fetch locks what it got. An interrupted fetch goes on.
    """
    problems = None if overwrite else differences(weight, folder)
    if problems == []:
        return False
    if problems:
        raise BenchError(
            f"{folder / weight.name} is there but differs ({problems[0]}): "
            "give --overwrite to fetch it again."
        )
    partial = folder / PARTIAL / weight.name
    partial.parent.mkdir(parents=True, exist_ok=True)
    arrived = _from_hub(weight, partial) if weight.repository else _from_url(weight, partial)
    hashes = hashes_of(arrived)
    if arrived.is_file():
        hashes = {weight.name: hashes[arrived.name]}
    _check(weight, folder, hashes, partial)
    _put(arrived, folder / weight.name)
    lock(folder, weight.name, hashes)
    _clean(partial)
    return True


def _check(weight: Weight, folder: Path, hashes: dict[str, str], partial: Path) -> None:
    problems = published_mismatch(weight, hashes.get(weight.name, ""))
    before = locked(folder).get(weight.name)
    if before is not None and before != hashes:
        problems.append(f"{weight.name}: not what an earlier fetch locked")
    if problems:
        _clean(partial)
        raise BenchError(
            f"What {weight.source} sent is not as registered and was not kept ({problems[0]}). "
            "Try again; if it stays so, the publisher changed the file."
        )


def _from_hub(weight: Weight, partial: Path) -> Path:
    """A file or a folder of a hub repository, by huggingface_hub (which resumes)."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    assert weight.repository is not None
    try:
        if weight.file is not None:
            path = huggingface_hub.hf_hub_download(
                weight.repository, weight.file, revision=weight.revision, local_dir=partial
            )
            return Path(path)
        huggingface_hub.snapshot_download(
            weight.repository,
            revision=weight.revision,
            allow_patterns=list(weight.files),
            local_dir=partial,
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise _failed(weight, error) from None
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    if not any(path.is_file() for path in partial.rglob("*")):
        raise BenchError(f"{weight.source} holds none of {', '.join(weight.files)}.")
    return partial


def _from_url(weight: Weight, partial: Path) -> Path:
    """A publisher's file over http(s), going on where an earlier try broke off."""
    assert weight.url is not None
    request = urllib.request.Request(weight.url)
    have = partial.stat().st_size if partial.exists() else 0
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            if response.headers.get_content_type() == "text/html":
                raise OSError("a web page came instead of the file")
            resumed = response.status == 206
            have = have if resumed else 0
            length = response.headers.get("Content-Length")
            total = have + int(length) if length else None
            bar = tqdm(
                total=total, initial=have, unit="B", unit_scale=True, disable=None, desc=weight.name
            )
            with partial.open("ab" if resumed else "wb") as stream, bar:
                while chunk := response.read(CHUNK):
                    stream.write(chunk)
                    bar.update(len(chunk))
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing lies beyond what is here: it is whole
            return partial
        raise _failed(weight, error) from None
    except OSError as error:
        raise _failed(weight, error) from None
    if total is not None and partial.stat().st_size != total:
        raise BenchError(
            f"{weight.name} broke off at {partial.stat().st_size:,} of {total:,} bytes: "
            "the same command goes on from there."
        )
    return partial


def _failed(weight: Weight, error: Exception) -> BenchError:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return BenchError(
        f"{weight.name} could not be fetched from {weight.source}: {reason.rstrip('.')}. "
        "Put it into the weights folder by hand, or try again: what arrived is kept."
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
