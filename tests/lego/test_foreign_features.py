"""Folders of features from others: only their own regular files, under names of samples, count."""

import os

import numpy as np
import pytest

from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_lego.ablation import control_files
from egoactgen_lego.features.conditioning_names import kinds_of
from egoactgen_lego.features.feature_folder import FeatureFolder

SIZES = {"image_tokens": 4, "text_tokens": 4, "vllm_width": 8}
STATES = np.ones((4, 8), np.float16)


@pytest.fixture(params=["own", "released"])
def folder(request, tmp_path):
    """Features of the samples `clip_1` and `clip_2` in both layouts."""
    for kind in ("image", "text"):
        for action in ("1", "2"):
            place = tmp_path / "features" / kind / f"clip_{action}.npy"
            if request.param == "released":
                place = tmp_path / f"features/vllm_{kind}_feature/clip/{action}/input.npy"
            place.parent.mkdir(parents=True, exist_ok=True)
            np.save(place, STATES)
    return tmp_path / "features"


def opened(folder):
    return FeatureFolder(folder, kinds_of("joint"))


def first(folder):
    """The root of the image features, and the file of `clip_1` in it."""
    root = next(path for path in folder.iterdir() if "image" in path.name)
    return root, min(root.rglob("*.npy"))


@pytest.mark.parametrize("depth", ["root", "file", "between"])
def test_links_that_lead_out_are_refused(folder, tmp_path, depth):
    assert opened(folder).sample_ids() == ["clip_1", "clip_2"]
    root, file = first(folder)
    link = {"root": root, "file": file, "between": file.parent}[depth]
    link.rename(tmp_path / "elsewhere")
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BenchError, match=rf"{link} is a link that leads out of"):
        opened(folder)


def test_the_folder_itself_and_links_within_it_may_be_links(folder, tmp_path):
    before = opened(folder).digest()
    root, file = first(folder)
    file.rename(root / "clip.data")
    file.symlink_to(root / "clip.data")
    (tmp_path / "link").symlink_to(folder)
    found = opened(tmp_path / "link")
    assert found.digest() == before
    assert found.of("clip_1", SIZES)["image"].shape == (4, 8)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_regular_files_are_read(folder, make):
    _, file = first(folder)
    file.unlink()
    make(file)
    found = opened(folder)
    assert len(found.digest()) == 64
    with pytest.raises(SampleError, match="is not a regular file") as caught:
        found.read("image", "clip_1", SIZES)
    assert caught.value.code == "bad_features"
    assert found.read("image", "clip_2", SIZES).shape == (4, 8)


def test_a_pointer_of_git_lfs_is_not_read(folder):
    _, file = first(folder)
    file.unlink()  # which may be a link to the file of another sample
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(SampleError, match="is a pointer of Git LFS") as caught:
        opened(folder).read("image", "clip_1", SIZES)
    assert caught.value.code == "bad_features"


@pytest.mark.parametrize("name", ["._clip_1", "a b", "a\nb", "é", "x" * 129, "..."])
def test_files_whose_names_are_not_those_of_samples_are_ignored(tmp_path, name):
    for kind in ("image", "text"):
        (tmp_path / kind).mkdir()
        np.save(tmp_path / kind / "clip_1.npy", STATES)
    before = opened(tmp_path).digest()
    np.save(tmp_path / "image" / f"{name}.npy", STATES)
    found = opened(tmp_path)
    assert found.sample_ids() == ["clip_1"]
    assert found.digest() == before


def test_a_manifest_that_is_not_an_object_is_not_current(folder, tmp_path):
    (tmp_path / "random").mkdir()
    (tmp_path / "random/random.json").write_text("[]")
    made = control_files.randomise_features(folder, tmp_path / "random", kinds_of("joint"))
    assert opened(made).sample_ids() == ["clip_1", "clip_2"]
