"""Computing features with a VLLM: each sample's by themselves, cached by their content."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_lego.features.conditioning_names import paper_kinds
from egoactgen_lego.features.feature_files import TENSOR, narrowed, write_states
from egoactgen_lego.features.feature_kind import FeatureKind, Reading
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.vllm_model import VLLM, load


@dataclass(frozen=True)
class Embedder:
    """A VLLM as a function from content to features, loaded when the first one is computed.

    It computes in `dtype` and returns `features_dtype`, 16 bits. A sample's features depend on its
    frame, its label and its description alone, so those found in `cache` are used; with `keep`,
    computed ones are added to it.
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
        kinds: Sequence[FeatureKind] | None = None,
    ) -> dict[str, Tensor]:
        """The features (tokens, width) of each kind by name, on the CPU; the paper's by default."""
        kinds = paper_kinds() if kinds is None else kinds
        cached_paths = self.cached_paths(frame, action, description, kinds)
        found = {
            kind.name: _read(cached_paths[kind.name]) if cached_paths else None for kind in kinds
        }
        known = {name: states for name, states in found.items() if states is not None}
        missing = [kind for kind in kinds if kind.name not in known]
        fresh = self._computed(frame, action, description, missing) if missing else {}
        if self.keep and cached_paths:
            for name, states in fresh.items():
                write_states(cached_paths[name], states, content=cached_paths[name].stem)
        return known | fresh

    def cached_paths(
        self,
        frame: Image.Image,
        action: str,
        description: str,
        kinds: Sequence[FeatureKind] | None = None,
    ) -> dict[str, Path]:
        """The files of the cache for this content, by kind; empty without a cache."""
        if self.cache is None:
            return {}
        # The pixels rather than a file, which a frame in memory does not have; with the size, since
        # a frame of 2 × 3 pixels may have the bytes of one of 3 × 2.
        seen = sha256_bytes(str(frame.size).encode() + frame.tobytes())
        read = sha256_bytes("\x1f".join([seen, self.question.format(action), description]).encode())
        return {
            kind.name: self._cached_path(kind, read if kind.reads_description else seen)
            for kind in (paper_kinds() if kinds is None else kinds)
        }

    def _cached_path(self, kind: FeatureKind, content: str) -> Path:
        return self._folder / kind.cache_name / content[:2] / f"{content}.safetensors"

    @cached_property
    def _folder(self) -> Path:
        assert self.cache is not None
        made = f"{self.digest} {self.dtype} {self.features_dtype}"
        return self.cache / "vllm" / sha256_bytes(made.encode())[:24]

    def _computed(
        self, frame: Image.Image, action: str, description: str, kinds: Sequence[FeatureKind]
    ) -> dict[str, Tensor]:
        reading = Reading(self.vllm, frame, self.question.format(action), description)
        return {
            kind.name: narrowed(kind.compute(reading), self.features_dtype, action)
            for kind in kinds
        }


def require_computable(kinds: Sequence[FeatureKind]) -> None:
    """Raise `BenchError` for a kind that comes from files only."""
    for kind in kinds:
        if not kind.computable:
            raise BenchError(
                f"A VLLM does not compute '{kind.name}' features, which come from files only: "
                f"give -o features=DIR with DIR/{kind.name}/<sample_id>.npy instead of a VLLM."
            )


def _read(path: Path) -> Tensor | None:
    """The cached features; None if the file is damaged, or was overwritten through a hard link."""
    try:
        with safe_open(path, "pt") as file:
            known = (file.metadata() or {}).get("content") == path.stem
            return file.get_tensor(TENSOR) if known else None
    except (FileNotFoundError, SafetensorError):
        return None
