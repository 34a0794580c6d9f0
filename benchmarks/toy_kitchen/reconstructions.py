"""How well the shipped autoencoder, and linear codes, reconstruct target frames.

    python -m benchmarks.toy_kitchen.reconstructions --workspace workspace --split toy-kitchen-1024

The linear codes are the best ones of 8 × 8 pixels: their principal components in the first half of
the split. All are measured on the second half, as are the true frames: PSNR, the mean over frames,
and the percentage of frames in which the judge sees the action, with its 95 % interval over videos.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import fold, unfold

from benchmarks.toy_kitchen.shares import share
from benchmarks.toy_kitchen.shipped import SIDE
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.support.images import read_rgb, resize, uint8_to_unit, unit_to_uint8
from egoactgen_bench.toy import DENOISER_WEIGHTS
from egoactgen_bench.toy.judge_network import load_judge

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen" / "reconstructions.csv"
PATCH = 8
LINEAR = (13, 24, 32, 48)  # channels
Code = Callable[[Tensor], Tensor]  # (N, 3, H, W) in [0, 1] → their reconstructions


def measured(split: Split, vae: Path) -> pd.DataFrame:
    """One row per code."""
    half = len(split.samples) // 2
    frames = _frames(split, "target_frame")
    judge, inputs = load_judge(), _frames(split, "input_frame")[half:]
    actions = [split.truth()[name]["action"] for name in split.samples["sample_id"]][half:]
    videos = pd.factorize(split.samples["video_id"])[0][half:]
    found = []
    for name, channels, code in _codes(frames[:half], vae):
        shown = code(frames[half:]).clamp(0, 1)
        errors = (shown - frames[half:]).square().mean((1, 2, 3))
        verdicts = judge.read([*map(_image, inputs)], [*map(_image, shown)])
        right = np.array(
            [float(each.action == action) for each, action in zip(verdicts, actions, strict=True)]
        )
        found.append(
            {
                "code": name,
                "channels": channels,
                "clips": len(actions),
                "psnr": round(float((-10 * errors.log10()).mean()), 2) if errors.all() else None,
            }
            | share(right, videos)
        )
    return pd.DataFrame(found)


def _codes(fitted: Tensor, vae: Path) -> Iterator[tuple[str, int, Code]]:
    from diffusers import AutoencoderKL

    network: Any = AutoencoderKL.from_pretrained(vae, torch_dtype=torch.float32)

    @torch.no_grad()
    def autoencoder(frames: Tensor) -> Tensor:
        parts = torch.split(frames * 2 - 1, 16)
        latents = [network.encode(part).latent_dist.mode() for part in parts]
        return torch.cat([network.decode(each).sample for each in latents]) / 2 + 0.5

    yield "true frames", 0, lambda frames: frames
    yield "autoencoder", int(network.config.latent_channels), autoencoder
    patches = unfold(fitted, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)
    mean = patches.mean(0)
    components = torch.linalg.eigh((patches - mean).T.cov()).eigenvectors.flip(1)
    for channels in LINEAR:
        kept = components[:, :channels]

        def linear(frames: Tensor, projection: Tensor = kept @ kept.T) -> Tensor:
            columns = unfold(frames, PATCH, stride=PATCH) - mean[:, None]
            return fold(projection @ columns + mean[:, None], SIDE, PATCH, stride=PATCH)

        yield "linear", channels, linear


def _frames(split: Split, column: str) -> Tensor:
    """(N, 3, SIDE, SIDE) in [0, 1]."""
    images = [
        resize(read_rgb(split.frame_path(row)), (SIDE, SIDE)) for row in split.samples[column]
    ]
    pixels = [torch.from_numpy(uint8_to_unit(np.asarray(image))) for image in images]
    return torch.stack(pixels).permute(0, 3, 1, 2)


def _image(frame: Tensor) -> Image.Image:
    return Image.fromarray(unit_to_uint8(frame.permute(1, 2, 0).numpy()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--split", default="toy-kitchen-1024")
    parser.add_argument("--vae", type=Path, default=DENOISER_WEIGHTS / "vae")
    parser.add_argument("--csv", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    table = measured(load_split(Workspace(chosen.workspace).find_split(chosen.split)), chosen.vae)
    write_csv(chosen.csv, table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
