"""Tar archives: damage in one member does not affect the others."""

import io
import lzma
import resource
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support import tar_archives
from egoactgen_bench.support.tar_archives import member_names, read_members
from mutations import mutations

NAMES = [f"frame_{number:010d}.jpg" for number in range(1, 9)]
CONTENTS = {name: name.encode() * 200 for name in NAMES}


def write_archive(path: Path, mode: str = "w", *links: tarfile.TarInfo) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for link in links:
            archive.addfile(link)
        for name, data in CONTENTS.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def contents(path: Path, *names: str) -> dict[str, bytes | str]:
    found = read_members(path, names or NAMES)
    return {name: got if isinstance(got, bytes) else got.code for name, got in found}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_all_members_are_read(tmp_path: Path, mode: str) -> None:
    path = write_archive(tmp_path / "a.tar", mode)
    assert member_names(path) == (NAMES, "")
    assert contents(path) == CONTENTS
    assert contents(path, NAMES[2], "gone.jpg") == {
        NAMES[2]: CONTENTS[NAMES[2]],
        "gone.jpg": "missing_image",
    }


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_bad_links_do_not_affect_other_members(tmp_path: Path, kind: bytes) -> None:
    links = [link("self", "self", kind), link("gone", "nowhere", kind), link("good", NAMES[0])]
    path = write_archive(tmp_path / "a.tar", "w", *links)
    found = contents(path, "self", "gone", "good", *NAMES)
    assert found == CONTENTS | {
        "self": "undecodable",
        "gone": "undecodable",
        "good": CONTENTS[NAMES[0]],
    }


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_the_intact_part_of_a_truncated_archive_is_read(tmp_path: Path, mode: str) -> None:
    path = write_archive(tmp_path / "a.tar", mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    names, damage = member_names(path)
    assert damage.startswith("a.tar: ")
    assert 0 < len(names) < len(NAMES) or mode != "w"
    found = contents(path)
    assert all(got in (CONTENTS[name], "undecodable") for name, got in found.items())
    assert found[NAMES[-1]] == "undecodable"
    if mode == "w":
        assert found[NAMES[0]] == CONTENTS[NAMES[0]]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"no archive at all" * 40,
        lambda data: b"",
        lambda data: data[:20] + b"\xff" * 50 + data[70:],
        lambda data: lzma.compress(data)[:-30],
    ],
)
def test_a_corrupt_archive_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = write_archive(tmp_path / "a.tar.gz", "w:gz")
    path.write_bytes(damage(path.read_bytes()))
    for _, found in read_members(path, NAMES):
        assert isinstance(found, SampleError)
        assert found.code in ("undecodable", "missing_image")
        assert "a.tar.gz" in found.detail


def test_a_missing_archive_is_a_missing_video(tmp_path: Path) -> None:
    assert set(contents(tmp_path / "a.tar").values()) == {"missing_video"}


def test_large_members_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_archives, "LARGEST_MEMBER", 1 << 20)
    path = tmp_path / "a.tar.gz"
    entry = tarfile.TarInfo("large.jpg")
    entry.size = 64 << 20
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.addfile(entry, io.BytesIO(bytes(entry.size)))
        archive.addfile(tarfile.TarInfo("small.jpg"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = dict(read_members(path, ["large.jpg", "small.jpg"]))
    assert isinstance(found["large.jpg"], SampleError)
    assert found["large.jpg"].detail == "a.tar.gz: large.jpg: it is larger than 1 MiB"
    assert found["small.jpg"] == b""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # kilobytes


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_damage_gives_contents_or_named_errors(tmp_path: Path, mode: str) -> None:
    links = (link("self", "self"), link("good", NAMES[0]))
    data = write_archive(tmp_path / "whole.tar", mode, *links).read_bytes()
    path = tmp_path / "a.tar"
    for damaged in mutations(data, count=100, seed=mode):
        path.write_bytes(damaged)
        for name, found in read_members(path, ["self", "good", *NAMES]):
            if isinstance(found, SampleError):
                assert found.code in ("undecodable", "missing_image")
                assert path.name in found.detail
            else:
                assert name != "self"
        try:
            member_names(path)
        except SampleError as error:
            assert error.code == "undecodable"
