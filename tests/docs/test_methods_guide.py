"""docs/methods.md: layouts of images generated elsewhere."""

import pytest
from PIL import Image

from egoactgen_baselines.finished_images import find_images


@pytest.mark.parametrize("layout", ["P01_3.png", "images/P01_3.jpg", "val/P01/3/00042.webp"])
def test_each_layout_of_finished_images(tmp_path, layout):
    path = tmp_path / layout
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)
    assert find_images(tmp_path) == {"P01_3": [path]}
