"""H_i and H_t of a frame and its description, each sample's computed alone and kept by content."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor

from egoactgen_bench.support import provenance
from egoactgen_lego.features.feature_files import TENSOR, narrowed, write_states
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.vllm_model import VLLM, load

KINDS = ("image", "text")


@dataclass(frozen=True)
class Embedder:
    """A VLLM as a function from content to features, loaded when one has to be computed.

    It computes in `dtype` and gives `features_dtype`, 16 bits. A sample's features depend on its
    frame, its label and its description alone, so those of `cache` are as good as new ones; what is
    computed is added to it with `keep`.
    """

    weights: Path
    device: str = "cpu"
    dtype: str = "float32"
    features_dtype: str = "float16"
    question: str = QUESTION
    cache: Path | None = None
    keep: bool = True

    @cached_property
    def vllm(self) -> VLLM:
        return load(self.weights, self.device, getattr(torch, self.dtype))

    @cached_property
    def digest(self) -> str:
        """sha256 of the VLLM's files."""
        return provenance.content_digest(self.weights)

    def of(
        self,
        frame: Image.Image,
        action: str,
        description: str,
        kinds: Iterable[str] = KINDS,
    ) -> dict[str, Tensor]:
        """H_i, (P, D), as `image`, and H_t, (n, D), as `text`, on the CPU.

        H_t are the states that predict the tokens of the description, and its end.
        """
        places = self.places(frame, action, description)
        found = {kind: _read(places[kind]) if places else None for kind in kinds}
        missing = [kind for kind, states in found.items() if states is None]
        fresh = self._computed(frame, action, description, missing) if missing else {}
        if self.keep and places:
            for kind, states in fresh.items():
                write_states(places[kind], states, content=places[kind].stem)
        known = {kind: states for kind, states in found.items() if states is not None}
        return known | fresh

    def places(self, frame: Image.Image, action: str, description: str) -> dict[str, Path]:
        """Where the features of this content are kept, by kind; nowhere without a cache."""
        if self.cache is None:
            return {}
        image = _sha256(str(frame.size).encode() + frame.tobytes())
        text = _sha256("\x1f".join([image, self.question.format(action), description]).encode())
        names = {"image": image, "text": text}
        return {
            kind: self._folder / kind / name[:2] / f"{name}.safetensors"
            for kind, name in names.items()
        }

    @cached_property
    def _folder(self) -> Path:
        assert self.cache is not None
        made = f"{self.digest} {self.dtype} {self.features_dtype}"
        return self.cache / "vllm" / _sha256(made.encode())[:24]

    def _computed(
        self, frame: Image.Image, action: str, description: str, kinds: list[str]
    ) -> dict[str, Tensor]:
        images = self.vllm.image_features([frame])
        states = {"image": images[0]}
        if "text" in kinds:
            question = self.question.format(action)
            (states["text"],) = self.vllm.states([question], images, [description])
        return {kind: narrowed(states[kind], self.features_dtype, action) for kind in kinds}


def _read(path: Path) -> Tensor | None:
    """What is kept there; nothing where it is not whole, or was written over through a link."""
    try:
        with safe_open(path, "pt") as file:
            known = (file.metadata() or {}).get("content") == path.stem
            return file.get_tensor(TENSOR) if known else None
    except (FileNotFoundError, SafetensorError):
        return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
