"""What the denoiser is told: C = [ψ(R) ‖ σ(H_i) ‖ π(μ(H_t))], equation (1) of the paper."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from egoactgen_bench.diffusion.denoiser.strict_loading import fill
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.support.seeds import seeded

# The rows of the paper's Table 3: R is the action's label, or its enriched description; beside the
# latter stand the VLLM's embedding of the image (H_i), of the text (H_t), or both.
Conditioning = Literal["labels", "descriptions", "image", "text", "joint"]
FEATURES: dict[Conditioning, tuple[str, ...]] = {
    "labels": (),
    "descriptions": (),
    "image": ("image",),
    "text": ("text",),
    "joint": ("image", "text"),
}


@dataclass(frozen=True)
class ConditionerSizes:
    """The sizes of a conditioner; those of the paper by default."""

    width: int = 768
    vllm_width: int = 5120
    heads: int = 8
    feed_forward: int = 2048
    layers: int = 2
    image_tokens: int = 256
    text_tokens: int = 77


class Conditioner(TextConditioner):
    """σ, μ and π under their released names; a part that `conditioning` leaves out is absent.

    σ: `projection_img`, μ: `projection_txt`, linear; π: `self_attn_mix`, two pre-norm transformer
    encoder layers without mask or positions, so that padding takes part. `sizes` are those of
    `ConditionerSizes`.
    """

    def __init__(self, conditioning: Conditioning, *, dropout: float = 0.1, **sizes: int) -> None:
        super().__init__()
        self.conditioning, self.dropout = conditioning, dropout
        chosen = ConditionerSizes(**sizes)
        self.sizes = asdict(chosen)
        if "image" in self.takes:
            self.projection_img = nn.Linear(chosen.vllm_width, chosen.width)
        if "text" in self.takes:
            self.projection_txt = nn.Linear(chosen.vllm_width, chosen.width)
            layer = nn.TransformerEncoderLayer(
                chosen.width,
                chosen.heads,
                chosen.feed_forward,
                dropout,
                norm_first=True,
                batch_first=True,
            )
            self.self_attn_mix = nn.TransformerEncoder(
                layer, chosen.layers, enable_nested_tensor=False
            )

    @property
    def takes(self) -> tuple[str, ...]:
        """Which of the VLLM's features it takes: "image" is H_i, "text" is H_t."""
        return FEATURES[self.conditioning]

    def forward(self, prompt: Tensor, seeds: Tensor | None = None, **features: Tensor) -> Tensor:
        """(B, 77, width) ψ(R), `image` H_i, `text` H_t → (B, L, width).

        H_i is (B, 256, vllm_width), H_t (B, 77, vllm_width), and L is 77 + 256 + 77 for `joint`.
        """
        parts = [prompt]
        if "image" in self.takes:
            parts.append(self.projection_img(features["image"]))
        if "text" in self.takes:
            parts.append(self._mixed(self.projection_txt(features["text"]), seeds))
        return torch.cat(parts, dim=1)

    def _mixed(self, states: Tensor, seeds: Tensor | None) -> Tensor:
        """π; where its dropout is active, each sample's is drawn from the sample's own seed."""
        if not (self.training and self.dropout) or seeds is None:
            return self.self_attn_mix(states)
        mixed = []
        for one, seed in zip(states.split(1), seeds.tolist(), strict=True):
            with seeded(seed, str(states.device)):
                mixed.append(self.self_attn_mix(one))
        return torch.cat(mixed)

    def null(self, prompt: Tensor) -> Tensor:
        """∅: the empty prompt's (B, 77, width) embedding beside zeros, as long as `forward`'s."""
        tokens = sum(self.sizes[f"{kind}_tokens"] for kind in self.takes)
        return torch.cat([prompt, prompt.new_zeros(len(prompt), tokens, prompt.shape[2])], dim=1)


def conditioner_of(weights: dict[str, Tensor], conditioning: Conditioning | None) -> Conditioner:
    """The conditioner that holds `weights` (released names); sizes are read from their shapes.

    Without `conditioning` it is what the weights' parts allow, and `labels` where there is none.
    """
    image, text = "projection_img.weight" in weights, "projection_txt.weight" in weights
    present: Conditioning = (
        "joint" if image and text else "image" if image else "text" if text else "labels"
    )
    sizes: dict[str, Any] = {}
    if image or text:
        width, vllm_width = weights[f"projection_{'img' if image else 'txt'}.weight"].shape
        sizes = {"width": width, "vllm_width": vllm_width}
    inner = weights.get("self_attn_mix.layers.0.linear1.weight")
    if inner is not None:
        sizes["feed_forward"] = inner.shape[0]
        sizes["layers"] = len({n.split(".")[2] for n in weights if n.startswith("self_attn_mix.")})
    with torch.device("meta"):
        conditioner = Conditioner(conditioning or present, **sizes)
    return fill(conditioner, weights, "The checkpoint's conditioner")


def save_conditioner(conditioner: Conditioner, folder: Path) -> None:
    """Write `model.safetensors` (released names) and `config.json`."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(conditioner.state_dict(), folder / "model.safetensors")
    write_json(
        folder / "config.json", {"conditioning": conditioner.conditioning, **conditioner.sizes}
    )


def read_conditioning(folder: Path) -> tuple[Conditioning, dict[str, int]]:
    """Conditioning and sizes of a conditioner's folder; of an absent one, which is `labels`."""
    if not folder.is_dir():
        return "labels", {}
    path = folder / "config.json"
    config = read_json(path)
    conditioning = config.pop("conditioning", None)
    if conditioning not in FEATURES:
        raise BenchError(
            f"{path}: conditioning is {conditioning!r}, wanted one of {', '.join(FEATURES)}."
        )
    unknown = config.keys() - asdict(ConditionerSizes()).keys()
    if unknown:
        raise BenchError(f"{path}: '{min(unknown)}' is not a size of a conditioner.")
    return conditioning, config


def load_conditioner(folder: Path, dropout: float = 0.1) -> Conditioner:
    """Read what `save_conditioner` wrote, strictly, as float32; `dropout` is for training on."""
    from safetensors.torch import load_file

    conditioning, sizes = read_conditioning(folder)
    with torch.device("meta"):
        conditioner = Conditioner(conditioning, **sizes, dropout=dropout)
    if not list(conditioner.parameters()):
        return conditioner.eval()
    stored = load_file(folder / "model.safetensors")
    return fill(conditioner, {name: value.float() for name, value in stored.items()}, str(folder))
