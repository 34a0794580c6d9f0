"""The conditioning of the denoiser: C = [ψ(R) ‖ σ(H_i) ‖ π(μ(H_t))], equation (1) of the paper.

R is the action's label (`labels`) or its enriched description; further feature kinds are appended.
"""

from pathlib import Path

import torch
from torch import Tensor

from egoactgen_bench.diffusion.denoiser.strict_loading import fill
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.weights.pretrained import refusing
from egoactgen_bench.weights.stored_tensors import read_tensors
from egoactgen_lego.features.conditioning_names import (
    DESCRIPTIONS,
    LABELS,
    canonical,
    kinds_of,
    paper_kinds,
)
from egoactgen_lego.features.feature_kind import FeatureKind

LARGEST_SIZE = 1 << 20  # of a width, or a number of tokens, heads or layers


class Conditioner(TextConditioner):
    """The parts of the feature kinds that `conditioning` names, under their released names.

    `sizes` are `width` (of the text embedding), `heads`, `feed_forward` and `layers` (of π), and
    each kind's width and number of tokens; the paper's by default. `dropout` is that of π.
    """

    def __init__(self, conditioning: str, *, dropout: float = 0.1, **sizes: int) -> None:
        super().__init__()
        self.conditioning = canonical(conditioning)
        self.kinds = kinds_of(conditioning)
        defaults = default_sizes(self.kinds)
        for name in sizes:
            if name not in defaults:
                raise BenchError(f"'{name}' is not a size of a conditioner.")
        self.sizes = {name: _size(name, sizes.get(name, size)) for name, size in defaults.items()}
        for kind in self.kinds:
            for name, module in kind.build(self.sizes, dropout).items():
                if name not in kind.modules or hasattr(self, name):
                    raise BenchError(
                        f"The feature kind '{kind.name}' cannot name a module '{name}'."
                    )
                self.add_module(name, module)

    @property
    def takes(self) -> tuple[str, ...]:
        """The names of the features that `forward` takes, in their order in C."""
        return tuple(kind.name for kind in self.kinds)

    @property
    def feature_sizes(self) -> dict[str, tuple[int, int]]:
        """(tokens, width) of each feature, by name."""
        return {
            kind.name: (self.sizes[kind.tokens_name], self.sizes[kind.width_name])
            for kind in self.kinds
        }

    def forward(self, prompt: Tensor, seeds: Tensor | None = None, **features: Tensor) -> Tensor:
        """(B, 77, width) ψ(R), each kind's (B, tokens, own width) by name → (B, L, width).

        For `joint` at full size, H_i is (B, 256, 5120), H_t (B, 77, 5120), and L 77 + 256 + 77.
        """
        if unknown := features.keys() - set(self.takes):
            raise TypeError(
                f"the conditioning '{self.conditioning}' has no '{min(unknown)}' features"
            )
        parts = [
            kind.embed(
                {name: getattr(self, name) for name in kind.modules}, features[kind.name], seeds
            )
            for kind in self.kinds
        ]
        return torch.cat([prompt, *parts], dim=1)

    def null(self, prompt: Tensor) -> Tensor:
        """∅: the empty prompt's (B, 77, width) embedding, then zeros, as long as `forward`'s."""
        tokens = sum(kind.context_tokens(self.sizes) for kind in self.kinds)
        return torch.cat([prompt, prompt.new_zeros(len(prompt), tokens, prompt.shape[2])], dim=1)


def default_sizes(kinds: tuple[FeatureKind, ...]) -> dict[str, int | None]:
    """All sizes of a conditioner in the order of its config.json; None: without a default."""
    sizes: dict[str, int | None] = {"width": 768}
    for kind in (*paper_kinds(), *kinds):
        sizes.setdefault(kind.width_name, kind.width)
    sizes |= {"heads": 8, "feed_forward": 2048, "layers": 2}
    for kind in (*paper_kinds(), *kinds):
        sizes.setdefault(kind.tokens_name, kind.tokens)
    return sizes


def _size(name: str, size: int | None) -> int:
    if size is None:
        raise BenchError(
            f"The conditioner's size '{name}' is unknown: state it in conditioner/config.json, or "
            f'for `bench models convert` in --config as {{"conditioner": {{"{name}": …}}}}.'
        )
    return size


def conditioner_of(
    weights: dict[str, Tensor], conditioning: str | None, **sizes: int
) -> Conditioner:
    """The conditioner with these `weights` (released names); sizes are read from their shapes.

    `sizes` are those that do not follow from shapes. Without `conditioning`, the conditioner has
    the paper's kinds whose weights are present; without any, it is `labels`.
    """
    if conditioning is None:
        present = [kind for kind in paper_kinds() if f"{kind.modules[0]}.weight" in weights]
        conditioning = "+".join(kind.name for kind in present) or LABELS
    for kind in kinds_of(conditioning):
        if f"{kind.modules[0]}.weight" in weights:
            sizes = kind.sizes_of_weights(weights) | sizes
    with torch.device("meta"):
        conditioner = Conditioner(conditioning, **sizes)
    return fill(conditioner, weights, "The checkpoint's conditioner")


def save_conditioner(conditioner: Conditioner, folder: Path) -> None:
    """Write `model.safetensors` (released names) and `config.json`."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(conditioner.state_dict(), folder / "model.safetensors")
    write_json(
        folder / "config.json", {"conditioning": conditioner.conditioning, **conditioner.sizes}
    )


def read_conditioning(folder: Path) -> tuple[str, dict[str, int]]:
    """Conditioning and sizes of a conditioner's folder; `labels` if the folder does not exist."""
    if not folder.is_dir():
        return LABELS, {}
    path = folder / "config.json"
    config = read_json(path)
    if not isinstance(config, dict):
        raise BenchError(f"{path} does not contain a JSON object: download it again.")
    conditioning = config.pop("conditioning", None)
    if not isinstance(conditioning, str):
        raise BenchError(
            f"{path}: conditioning is {conditioning!r}, not a name such as '{DESCRIPTIONS}'."
        )
    try:
        kinds, conditioning = kinds_of(conditioning), canonical(conditioning)
    except BenchError as error:
        raise BenchError(
            f"{path} names a feature kind that is unavailable: {error} Install the package that "
            "declares it, or call from the folder that contains its module."
        ) from None
    unknown = config.keys() - default_sizes(kinds).keys()
    if unknown:
        raise BenchError(f"{path}: {min(unknown)!r} is not a size of a conditioner.")
    for name, size in config.items():
        if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= LARGEST_SIZE:
            raise BenchError(
                f"{path}: {name} is {size!r}, expected a whole number from 1 to {LARGEST_SIZE}."
            )
    return conditioning, config


def load_conditioner(folder: Path, dropout: float = 0.1) -> Conditioner:
    """Read what `save_conditioner` wrote, strictly, as float32; `dropout` applies in training."""
    conditioning, sizes = read_conditioning(folder)
    with refusing(folder / "config.json"), torch.device("meta"):
        conditioner = Conditioner(conditioning, **sizes, dropout=dropout)
    if not list(conditioner.parameters()):
        return conditioner.eval()
    return fill(conditioner, read_tensors(folder / "model.safetensors"), str(folder))
