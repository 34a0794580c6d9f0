"""Small networks of the metrics' classes with random weights, in the files that metrics load."""

from pathlib import Path

import torch
from torch import nn


def small_egovlp(path: Path, frames: int) -> None:
    from egoactgen_bench.metrics.egovlp_network import SpaceTimeTransformer, VideoTower

    transformer = SpaceTimeTransformer(64, 96, depth=1, patch=16, positions=16, frames=frames)
    state = VideoTower(transformer, 16).state_dict()
    for tensor in state.values():
        if tensor.ndim > 1:
            tensor.normal_(std=0.2)
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, path)


def small_clip_state() -> dict[str, torch.Tensor]:
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    vision = CLIPVisionCfg(layers=1, width=64, patch_size=16, image_size=64)
    text = CLIPTextCfg(context_length=77, vocab_size=49408, width=64, heads=1, layers=1)
    return CLIP(16, vision, text, quick_gelu=True).state_dict()


def small_dino(folder: Path, image_size: int = 224) -> None:
    """DINOv2 with one layer for frames of 56 × 56, with positions for another `image_size`."""
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Dinov2Config(**sizes, patch_size=14, image_size=image_size)
    Dinov2Model(config).save_pretrained(folder)
    BitImageProcessor(
        size={"shortest_edge": 64},
        crop_size={"height": 56, "width": 56},
        image_mean=[0.485, 0.456, 0.406],  # as published with DINOv2
        image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)


class ScriptedInception(nn.Module):
    """The interface of clean-fid's archive: `layers` gives 2048 features of scaled pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 2048))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels)
