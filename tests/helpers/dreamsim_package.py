"""Distances of the dreamsim package with small weights, and the record of them.

With dreamsim 0.2.1 installed (it has a source distribution only, and is not a dependency),

    python tests/helpers/dreamsim_package.py

records the distances that tests/metrics/test_dreamsim.py compares with.
"""

import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from egoactgen_bench.metrics.dreamsim import DreamSim
from metric_contract import drawn_items
from reference_weights import hashed
from small_dreamsim import DEPTH, WIDTH, backbone, write_small_dreamsim

RECORD = Path(__file__).parents[1] / "metrics" / "dreamsim_distances.json"
NOISE = 60


def frames() -> dict[Any, list[Any]]:
    """Six outputs and targets."""
    return drawn_items(DreamSim, noise=NOISE)  # type: ignore[arg-type]


def package_distances(folder: Path) -> list[float]:
    """The package's distances of `frames`, with the small weights that it finds in `folder`."""
    import zipfile

    from dreamsim import dreamsim

    write_small_dreamsim(folder)
    with zipfile.ZipFile(folder / "dreamsim_dino_vitb16_checkpoint.zip") as archive:
        archive.extractall(folder)
    torch.save({"student": _head()}, folder / "dino_vitb16_pretrain.pth")
    with mock.patch.object(torch.hub, "load", lambda *_, **__: _transformer()):
        model, preprocess = dreamsim(
            pretrained=True, device="cpu", cache_dir=str(folder), dreamsim_type="dino_vitb16"
        )
    items = frames()
    with torch.inference_mode():
        return [
            float(model(preprocess(output), preprocess(target)))
            for output, target in zip(items["output"], items["target"], strict=True)
        ]


def _transformer() -> Any:
    """The package's own vision transformer, narrow, in the place of the one from torch.hub."""
    from functools import partial

    from dreamsim.feature_extraction.vision_transformer import VisionTransformer

    network = VisionTransformer(
        embed_dim=WIDTH,
        depth=DEPTH,
        num_heads=1,
        qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    )
    network.load_state_dict(backbone(), strict=True)
    return network.eval()


def _head() -> dict[str, torch.Tensor]:
    """The projection head, which the package loads and, for class tokens, does not use."""
    shapes = {"last_layer.weight": (8, 4)}
    for number in (0, 2, 4):
        shapes |= {f"mlp.{number}.weight": (4, 4), f"mlp.{number}.bias": (4,)}
    return {f"module.head.{name}": hashed(name, shape, 0.1) for name, shape in shapes.items()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        found = package_distances(Path(temporary))
    RECORD.write_text(
        json.dumps({"program": "dreamsim 0.2.1", "distances": found}, indent=2) + "\n"
    )
    print(found)
