"""The measurement at full size: its checkpoints' layout, and its commands on tiny weights."""

import json
import math

import pytest

from benchmarks.full_size import compvis_shapes, drawn_checkpoints, parts


def test_every_command_of_the_parts_works(bench, tmp_path):
    parts.prepare(tmp_path)
    for name in ("stable-diffusion", "training", "vllm"):  # a training starts from the first
        for title, arguments in parts.PARTS[name](tmp_path, parts.TINY):
            result = bench(*arguments, "--workspace", str(tmp_path))
            assert result.status == 0, (title, result.err)


def test_the_networks_have_their_published_numbers_of_parameters():
    sizes = compvis_shapes.Sizes()
    counts = {
        part.__name__: sum(math.prod(shape) for _, shape in part(sizes))
        for part in (compvis_shapes.unet, compvis_shapes.vae, compvis_shapes.text_encoder)
    }
    # Those of Stable Diffusion 1.5's files, with four more input channels of the UNet.
    unet = 859_520_964 + 4 * 320 * 9
    assert counts == {"unet": unet, "vae": 83_653_863, "text_encoder": 123_060_480}


@pytest.mark.shared
def test_a_checkpoint_has_the_names_and_shapes_of_the_released_code(shared):
    wanted = json.loads((shared / "golden/07_tiny_keys.json").read_text())
    found = dict(drawn_checkpoints.shapes(compvis_shapes.TINY, average=True, conditioner=True))
    assert found == {name: tuple(shape) for name, (shape, _) in wanted.items()}
