"""The interface of a feature kind: one kind of feature that LEGO's denoiser is conditioned on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.seeds import seeded

if TYPE_CHECKING:
    from egoactgen_lego.vllm.vllm_model import VLLM

Array = NDArray[np.float32] | NDArray[np.float16]
Stored = NDArray[np.generic]  # as in a file, of any floating-point type

INFINITY, SIGN = 0x7C00, 0x8000  # of float16; the bits of NaN are those of larger numbers


@dataclass
class Reading:
    """One sample as a VLLM reads it. Its states are computed on first use, and once.

    `question` contains the action's label; `description` is the answer to it.
    """

    vllm: "VLLM"
    frame: Image.Image
    question: str
    description: str

    @cached_property
    def image_states(self) -> Tensor:
        """H_i: (P, D), the frame's tokens after the projector."""
        return self.vllm.image_features([self.frame])[0]

    @cached_property
    def text_states(self) -> Tensor:
        """H_t: (n, D), the states that predict the description's tokens and its end."""
        images = self.image_states[None]
        return self.vllm.states([self.question], images, [self.description])[0]


class FeatureKind:
    """One kind of feature: its files, its sizes, and its part of the conditioner.

    The features of a sample are an array of shape (tokens, width). They are read from
    `DIR/<name>/<sample_id>.npy` or `.safetensors`, checked, and projected to the width of the
    text embedding; the result is appended to the denoiser's context C. A subclass needs nothing
    but a `name`. It is selected as `-o conditioning=joint+NAME` if it has an entry point in the
    group `egoactgen_lego.feature_kinds`, else as `-o conditioning=joint+module:Class`.
    """

    name: ClassVar[str]  # of the folder, and of the tensor that the conditioner takes
    # The number of tokens and the width, where neither files nor stored weights determine them.
    tokens: ClassVar[int | None] = None
    width: ClassVar[int | None] = None
    # Whether samples have different numbers of tokens: cut, or padded with zeros, to `tokens`.
    varies: ClassVar[bool] = False
    # The folder in the layout of the authors' data, if they published this kind.
    released_folder: ClassVar[str | None] = None
    # Whether `compute` depends on the question and the description, not on the frame alone.
    reads_description: ClassVar[bool] = False

    @property
    def tokens_name(self) -> str:
        """The number of tokens in conditioner/config.json."""
        return f"{self.name}_tokens"

    @property
    def width_name(self) -> str:
        """The width in conditioner/config.json; kinds that share a name share a size."""
        return f"{self.name}_width"

    @property
    def modules(self) -> tuple[str, ...]:
        """The names of what `build` returns; weights are stored under them."""
        return (f"projection_{self.name}",)

    @property
    def cache_name(self) -> str:
        """The folder of computed features in the cache.

        Override it with another name whenever `compute` gives other values than before.
        """
        return f"{self.name}-{type(self).__module__}.{type(self).__qualname__}"

    @property
    def computable(self) -> bool:
        """Whether a VLLM can compute these features; otherwise they come from files only."""
        return type(self).compute is not FeatureKind.compute

    def compute(self, reading: Reading) -> Tensor:
        """The features (tokens, width) of one sample, from a VLLM.

        Without this method, the features come from files only. Raises `BenchError` then.
        """
        raise BenchError(
            f"No VLLM computes '{self.name}' features: pass a folder with them, -o features=DIR."
        )

    def sizes_of(self, shape: tuple[int, ...]) -> dict[str, int]:
        """The sizes of a conditioner for features that are stored as an array of this shape."""
        if not shape:
            raise self.bad(f"{self.name} features of shape {shape}")
        tokens = {} if self.varies else {self.tokens_name: shape[-2] if len(shape) > 1 else 1}
        return {self.width_name: shape[-1], **tokens}

    def fit(self, stored: Stored, sizes: Mapping[str, int]) -> Array:
        """A stored array as (tokens, width) of a conditioner's `sizes`.

        float16 is kept, everything else becomes float32; an array that fits is not copied. An array
        (width,) is one token; (1, tokens, width) is accepted, too. Raises
        `SampleError("bad_features")` for other shapes, NaN and infinity.
        """
        tokens, width = sizes[self.tokens_name], sizes[self.width_name]
        found = stored[0] if stored.ndim == 3 and len(stored) == 1 else np.atleast_2d(stored)
        if found.ndim != 2 or found.shape[1] != width or not (self.varies or len(found) == tokens):
            wanted = f"({'n' if self.varies else tokens}, {width})"
            raise self.bad(f"{self.name} features of shape {stored.shape}, expected {wanted}")
        dtype = np.float16 if found.dtype == np.float16 else np.float32
        states: Any = found[:tokens]
        if len(states) < tokens or states.dtype != dtype:
            states = np.zeros((tokens, width), dtype)
            states[: len(found)] = found[:tokens]
        if not _is_finite(states):
            raise self.bad(f"{self.name} features contain NaN or infinity")
        fitting: Array = states
        return fitting

    def bad(self, detail: str) -> SampleError:
        """The error of features that cannot be used."""
        return SampleError("bad_features", detail)

    def sizes_of_weights(self, weights: Mapping[str, Tensor]) -> dict[str, int]:
        """The sizes that the weights of the `modules` determine."""
        shape = weights[f"{self.modules[0]}.weight"].shape
        return {"width": shape[0], self.width_name: shape[1]}

    def build(self, sizes: Mapping[str, int], dropout: float) -> dict[str, nn.Module]:
        """This kind's part of the conditioner, by the names in `modules`: a linear projection.

        `sizes` has `width` (of the text embedding), this kind's own width and number of tokens,
        and `heads`, `feed_forward` and `layers` of transformer layers.
        """
        return {self.modules[0]: nn.Linear(sizes[self.width_name], sizes["width"])}

    def embed(
        self, modules: Mapping[str, nn.Module], states: Tensor, seeds: Tensor | None
    ) -> Tensor:
        """(B, tokens, own width) float features → (B, context_tokens, width) to append to C.

        In training, `seeds` (B,) int64 are the seeds of each sample's dropout: see `per_sample`.
        """
        projected: Tensor = modules[self.modules[0]](states)
        return projected

    def context_tokens(self, sizes: Mapping[str, int]) -> int:
        """How many tokens `embed` appends."""
        return sizes[self.tokens_name]


def _is_finite(states: Stored) -> bool:
    """Whether no value is NaN or infinity."""
    if states.dtype != np.float16:
        return bool(np.isfinite(states).all())
    # By the bits: NumPy's isfinite takes eight times as long, and this is done for every sample.
    return bool(
        states.view(np.int16).max(initial=0) < INFINITY
        and states.view(np.uint16).max(initial=0) < SIGN + INFINITY
    )


def per_sample(module: nn.Module, states: Tensor, seeds: Tensor) -> Tensor:
    """Call `module` for each sample by itself, with the sample's own seed for its dropout.

    So what a sample's dropout draws does not depend on the others in its batch.
    """
    outputs = []
    for row, seed in enumerate(seeds.tolist()):
        with seeded(seed, str(states.device)):
            outputs.append(module(states[row : row + 1]))
    return torch.cat(outputs)
