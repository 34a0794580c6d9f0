"""How PSNR resizes an output to its target's size."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.metrics.psnr import Psnr, PsnrOptions


def measured(options: PsnrOptions, output: Image.Image, target: Image.Image) -> float:
    rows = Psnr(options, MetricContext()).measure(Batch({"output": [output], "target": [target]}))
    return float(rows[0, 0])


def test_output_is_resized_according_to_the_protocol(
    golden: Path, frame: Callable[[int], Image.Image]
) -> None:
    narrow, target = Image.open(golden / "frames/frame_059_455x256.png"), frame(30)
    lanczos = narrow.resize(target.size, Image.Resampling.LANCZOS)
    standard, released = (Psnr.variants()[name] for name in ("standard", "lego-release"))
    assert measured(standard, narrow, target) == measured(standard, lanczos, target)

    def unit(image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255

    floats = torch.nn.functional.interpolate(unit(narrow), (256, 456), mode="bilinear")
    expected = -10 * torch.log10(torch.mean((floats - unit(target)) ** 2)).item()
    assert measured(released, narrow, target) == pytest.approx(expected, abs=1e-4)
