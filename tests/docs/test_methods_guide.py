"""docs/methods.md: layouts of images and videos generated elsewhere."""

import pytest
from PIL import Image

from egoactgen_baselines.finished.finished_files import find_files
from egoactgen_baselines.finished.finished_images import SUFFIXES as IMAGES
from egoactgen_baselines.finished.finished_videos import SUFFIXES as VIDEOS


@pytest.mark.parametrize("layout", ["P01_3.png", "images/P01_3.jpg", "val/P01/3/00042.webp"])
def test_each_layout_of_finished_images(tmp_path, layout):
    path = tmp_path / layout
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)
    assert find_files(tmp_path, IMAGES, "images") == {"P01_3": [path]}


@pytest.mark.parametrize("layout", ["P01_3.mp4", "videos/P01_3.webm", "val/P01/3/00042.MKV"])
def test_each_layout_of_finished_videos(tmp_path, layout):
    path = tmp_path / layout
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert find_files(tmp_path, VIDEOS, "videos") == {"P01_3": [path]}
