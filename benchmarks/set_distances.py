"""Processor seconds per frame of the networks of FD-DINOv2, CMMD and DreamSim, on one thread.

Full-size networks with random weights, frames of 456 × 256, one at a time, as on a CPU:

    python benchmarks/set_distances.py
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from egoactgen_bench.metrics.clip_network import build_clip, square
from egoactgen_bench.metrics.dreamsim_network import embed
from egoactgen_bench.metrics.fd_dinov2 import SIZE
from egoactgen_bench.metrics.squares import squashed

Embed = Callable[[Image.Image], torch.Tensor]
FRAME = (456, 256)


def fd_dinov2() -> Embed:
    """DINOv2 ViT-L/14, on 224 × 224."""
    from transformers import Dinov2Config, Dinov2Model

    sizes = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
    network = Dinov2Model(Dinov2Config(**sizes, image_size=518, patch_size=14)).eval()
    return lambda frame: network(squashed([frame], SIZE)).pooler_output


def cmmd() -> Embed:
    """CLIP ViT-L/14, on 336 × 336."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    vision = CLIPVisionCfg(layers=24, width=1024, patch_size=14, image_size=336)
    text = CLIPTextCfg(layers=1, width=64, heads=1)  # not used
    network = build_clip(CLIP(768, vision, text, quick_gelu=True).state_dict())
    return lambda frame: network.encode_image(square(frame, 336, "cropped")[None], normalize=True)


def dreamsim() -> Embed:
    """DINO ViT-B/16, on 224 × 224; a merged adapter costs nothing."""
    from transformers import ViTConfig, ViTModel

    network = ViTModel(ViTConfig(), add_pooling_layer=False).eval()
    return lambda frame: embed(network, squashed([frame], network.config.image_size))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=5)
    frames = parser.parse_args().frames
    torch.set_num_threads(1)
    pixels = np.random.default_rng(0).integers(0, 256, (*FRAME[::-1], 3), dtype=np.uint8)
    for build in (fd_dinov2, cmmd, dreamsim):
        with torch.inference_mode():
            embedding, frame = build(), Image.fromarray(pixels)
            embedding(frame)
            start = time.process_time()
            for _ in range(frames):
                embedding(frame)
        seconds = (time.process_time() - start) / frames
        print(f"{build.__name__}: {seconds:.2f} s per frame")


if __name__ == "__main__":
    main()
