"""DreamSim's network: DINO's vision transformer with an adapter (LoRA) merged into its weights."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.dreamsim_adapter import merged
from egoactgen_bench.metrics.squares import squashed
from egoactgen_bench.metrics.tensors import evaluating, one_by_one_on_cpu
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.stored_tensors import MISFITS, must_fit

HEAD_WIDTH = 64  # of DINO's networks; a narrower network has one head
# DINO's names → transformers'.
NAMES = (
    (r"^cls_token", "embeddings.cls_token"),
    (r"^pos_embed", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj", "embeddings.patch_embeddings.projection"),
    (r"^blocks\.", "layers."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.o_proj."),
    (r"\.attn\.([qkv])\.", r".attention.\1_proj."),
    (r"^norm\.", "layernorm."),
)


@dataclass(frozen=True)
class DreamSimImages(Extractor):
    """Embeds a frame, squashed to a square, as DreamSim's class token: centred, of norm 1.

    The token of the last block before the final normalisation, minus the mean of its components.
    """

    backbone: Path
    adapter: Path
    device: str

    def signature(self) -> str:
        return f"dreamsim|{content_digest(self.backbone)}|{content_digest(self.adapter)}"

    @one_by_one_on_cpu
    @evaluating()
    def extract(self, items: Sequence[tuple[Image.Image, ...]]) -> NDArray[np.float32]:
        """(n, d) float32; d is 768 for ViT-B/16."""
        network = load_dreamsim(self.backbone, self.adapter, self.device)
        pixels = squashed([frame for (frame,) in items], network.config.image_size)
        embedded: NDArray[np.float32] = embed(network, pixels.to(self.device)).cpu().numpy()
        return embedded


def embed(network: Any, pixels: Tensor) -> Tensor:
    """(n, 3, size, size), ImageNet-normalised → (n, d) embeddings, centred, of norm 1."""
    token = network(pixels, output_hidden_states=True).hidden_states[-1][:, 0]
    return torch.nn.functional.normalize(token - token.mean(dim=1, keepdim=True), dim=1)


@functools.cache
def load_dreamsim(backbone: Path, adapter: Path, device: str = "cpu") -> Any:
    """transformers' `ViTModel` of DINO's checkpoint `backbone` with the merged `adapter`.

    `adapter` is the published archive, or the folder of an adapter that peft saved. Both networks
    are loaded strictly; raises `BenchError` for a file that is damaged or of another network.
    """
    with must_fit(backbone, "DINO's vision transformer"):
        state = read_checkpoint(backbone)
        build_vit(state)  # errors that are not about the adapter
    try:
        return build_vit(merged(state, adapter)).to(device)
    except MISFITS as error:
        detail = " ".join(str(error).split())[:300].rstrip(".")
        raise BenchError(f"{adapter} does not fit {backbone}: {detail}.") from None


def build_vit(state: dict[str, Tensor]) -> Any:
    """transformers' `ViTModel` with DINO's parameters `state`, loaded strictly, in eval mode."""
    from transformers import ViTConfig, ViTModel

    width, channels, patch, _ = state["patch_embed.proj.weight"].shape
    grid = round((state["pos_embed"].shape[1] - 1) ** 0.5)
    config = ViTConfig(
        hidden_size=width,
        num_channels=channels,
        num_hidden_layers=len({name.split(".")[1] for name in state if name.startswith("blocks.")}),
        num_attention_heads=max(1, width // HEAD_WIDTH),
        intermediate_size=len(state["blocks.0.mlp.fc1.weight"]),
        image_size=grid * patch,
        patch_size=patch,
        layer_norm_eps=1e-6,
        qkv_bias=True,
    )
    with torch.device("meta"):
        network = ViTModel(config, add_pooling_layer=False)
    network.load_state_dict(renamed(state), strict=True, assign=True)
    return network.requires_grad_(False).eval()


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """DINO's parameters under transformers' names, float32."""
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if ".attn.qkv." in name:
            parts = zip("qkv", tensor.float().chunk(3), strict=True)
            found |= {_name(name.replace("qkv", part)): values for part, values in parts}
        else:
            found[_name(name)] = tensor.float()
    return found


def _name(name: str) -> str:
    for pattern, replacement in NAMES:
        name = re.sub(pattern, replacement, name)
    return name
