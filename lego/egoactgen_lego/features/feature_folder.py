"""The VLLM's features of each sample, read from files: H_i of its image, H_t of its description."""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import sha256_file
from egoactgen_lego.features.feature_files import OWN, RELEASED, SUFFIXES, read_states

Array = NDArray[np.float32]


class FeatureFolder:
    """`DIR/image/<sample_id>.npy` and `DIR/text/<sample_id>.npy`, or the released layout.

    In the former, .safetensors files may stand in their place. In the latter, a file lies at
    `vllm_image_feature/…/<clip>/<action>/<frame>.npy` and serves the sample `<clip>_<action>`.
    """

    def __init__(self, folder: Path, kinds: tuple[str, ...]) -> None:
        for layout in (OWN, RELEASED):
            if all((folder / layout[kind]).is_dir() for kind in kinds):
                self.roots = {kind: folder / layout[kind] for kind in kinds}
                self.released = layout is RELEASED
                return
        wanted = " and ".join(f"{OWN[kind]}/<sample_id>.npy" for kind in kinds)
        raise BenchError(
            f"{folder} holds no features: these weights need {wanted} in it, or the released "
            f"layout ({', '.join(RELEASED[kind] for kind in kinds)})."
        )

    def image(self, sample_id: str, tokens: int, width: int) -> Array:
        """H_i: (tokens, width) float32, the image tokens after the projector."""
        return fit_image(self._read("image", sample_id), tokens, width)

    def text(self, sample_id: str, tokens: int, width: int) -> Array:
        """H_t: (tokens, width) float32, the generated tokens' states, cut or padded with zeros."""
        return fit_text(self._read("text", sample_id), tokens, width)

    def of(self, sample_id: str, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """All that is wanted of one sample, by kind, in a conditioner's `sizes`."""
        return fit({kind: self._read(kind, sample_id) for kind in self.roots}, sizes)

    def sources(self, sample_ids: Iterable[str] | None = None) -> dict[str, str]:
        """What a manifest records of them: the contents of these samples' files."""
        return {"features": self.digest(sample_ids)}

    def digest(self, sample_ids: Iterable[str] | None = None) -> str:
        """sha256 over the contents of the files of these samples, else of all that are there."""
        wanted = None if sample_ids is None else set(sample_ids)
        paths = [
            (kind, sample_id, path)
            for kind, named in self._files.items()
            for sample_id, files in sorted(named.items())
            for path in files
            if wanted is None or sample_id in wanted
        ]
        digest = hashlib.sha256()
        with ThreadPoolExecutor() as threads:
            contents = threads.map(sha256_file, [path for *_, path in paths])
            for (kind, sample_id, _), content in zip(paths, contents, strict=True):
                digest.update(f"{kind} {sample_id} {content}\n".encode())
        return digest.hexdigest()

    def sample_ids(self) -> list[str]:
        """Those with a file of any kind, sorted."""
        return sorted({sample_id for named in self._files.values() for sample_id in named})

    def lacks(self, sample_id: str) -> str | None:
        """A reason code where a sample has not one file of each kind."""
        counts = [len(named.get(sample_id, [])) for named in self._files.values()]
        if 0 in counts:
            return "missing_features"
        return "ambiguous_features" if max(counts) > 1 else None

    def sizes(self) -> dict[str, int]:
        """The sizes that a conditioner for these features has, read from their first files."""
        found: dict[str, int] = {}
        for kind, named in self._files.items():
            if not named:
                raise BenchError(f"{self.roots[kind]} holds no features.")
            try:
                shape = self._read(kind, next(iter(named))).shape
            except SampleError as error:
                raise BenchError(f"{self.roots[kind]}: {error}.") from None
            found["vllm_width"] = shape[-1]
            if kind == "image":
                found["image_tokens"] = shape[-2]
        return found

    @cached_property
    def _files(self) -> dict[str, dict[str, list[Path]]]:
        """Kind → sample id → its files, of which there should be one."""
        found: dict[str, dict[str, list[Path]]] = {}
        for kind, root in self.roots.items():
            named: dict[str, list[Path]] = found.setdefault(kind, {})
            found_here = root.glob("**/*.npy") if self.released else root.iterdir()
            for path in sorted(path for path in found_here if path.suffix in SUFFIXES):
                above = f"{path.parent.parent.name}_{path.parent.name}"
                named.setdefault(above if self.released else path.stem, []).append(path)
        return found

    def _read(self, kind: str, sample_id: str) -> NDArray[np.generic]:
        paths = self._files[kind].get(sample_id, [])
        if not paths:
            raise SampleError("missing_features", f"no {kind} features in {self.roots[kind]}")
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            raise SampleError("ambiguous_features", f"{kind} features of several frames: {names}")
        (path,) = paths
        try:
            found = read_states(path)
        except (OSError, ValueError, EOFError, KeyError, SafetensorError) as error:
            raise _wrong(f"{path.name}: {str(error).partition(chr(10))[0]}") from None
        if not np.issubdtype(found.dtype, np.floating):
            raise _wrong(f"{path.name} holds {found.dtype}, wanted floating-point numbers")
        return found


def fit(states: Mapping[str, NDArray[np.generic]], sizes: Mapping[str, int]) -> dict[str, Tensor]:
    """Features by kind as a conditioner of these `sizes` takes them; `SampleError` if it cannot."""
    fits = {"image": fit_image, "text": fit_text}
    return {
        kind: torch.from_numpy(fits[kind](found, sizes[f"{kind}_tokens"], sizes["vllm_width"]))
        for kind, found in states.items()
    }


def fit_image(found: NDArray[np.generic], tokens: int, width: int) -> Array:
    """H_i: (tokens, width) float32."""
    if found.shape == (1, tokens, width):
        found = found[0]
    if found.shape != (tokens, width):
        raise _wrong(f"image features of shape {found.shape}, wanted ({tokens}, {width})")
    return _finite(found)


def fit_text(found: NDArray[np.generic], tokens: int, width: int) -> Array:
    """H_t: (tokens, width) float32, cut or padded with zeros.

    Older files hold all layers, (n, layers, width), of which the last counts; a single token may
    come as (width,).
    """
    if found.ndim == 3:
        found = found[:, -1]
    found = np.atleast_2d(found)
    if found.ndim != 2 or found.shape[1] != width:
        raise _wrong(f"text features of shape {found.shape}, wanted (n, {width})")
    padded = np.zeros((tokens, width), dtype=np.float32)
    padded[: len(found)] = found[:tokens]
    return _finite(padded)


def _finite(values: NDArray[np.generic]) -> Array:
    numbers = np.array(values, dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise _wrong("features that are not finite")
    return numbers


def _wrong(detail: str) -> SampleError:
    return SampleError("bad_features", detail)
