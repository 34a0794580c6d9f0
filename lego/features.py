"""The VLLM's features of each sample, in files: H_i of its image, H_t of its description."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from egoactgen_bench.errors import BenchError, SampleError, did_you_mean
from egoactgen_bench.files import replacing

Array = NDArray[np.float32]

# Our layout, by sample id; the released one, by the path of the sample's input frame.
OWN = {"image": "image", "text": "text"}
RELEASED = {"image": "vllm_image_feature", "text": "vllm_text_feature"}
SUFFIXES = {"safetensors": ".safetensors", "npy": ".npy"}
TENSOR = "states"  # the name of the one tensor in a .safetensors file


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
        found = self._read("image", sample_id)
        if found.shape == (1, tokens, width):
            found = found[0]
        if found.shape != (tokens, width):
            raise _wrong(f"image features of shape {found.shape}, wanted ({tokens}, {width})")
        return _finite(found)

    def text(self, sample_id: str, tokens: int, width: int) -> Array:
        """H_t: (tokens, width) float32, the generated tokens' states, cut or padded with zeros.

        Older files hold all layers, (n, layers, width), of which the last counts; a single token
        may come as (width,).
        """
        found = self._read("text", sample_id)
        if found.ndim == 3:
            found = found[:, -1]
        found = np.atleast_2d(found)
        if found.ndim != 2 or found.shape[1] != width:
            raise _wrong(f"text features of shape {found.shape}, wanted (n, {width})")
        padded = np.zeros((tokens, width), dtype=np.float32)
        padded[: len(found)] = found[:tokens]
        return _finite(padded)

    def fingerprint(self) -> str:
        """sha256 over the files' names and sizes: the files themselves may be 500 GB."""
        digest = hashlib.sha256()
        for kind, files in self._files.items():
            for path in chain.from_iterable(files.values()):
                name = path.relative_to(self.roots[kind]).as_posix()
                digest.update(f"{kind}\x1f{name}\x1f{path.stat().st_size}\n".encode())
        return digest.hexdigest()

    def of(self, sample_id: str, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """All that is wanted of one sample, by kind, in a conditioner's `sizes`."""
        read = {"image": self.image, "text": self.text}
        width = sizes["vllm_width"]
        return {
            kind: torch.from_numpy(read[kind](sample_id, sizes[f"{kind}_tokens"], width))
            for kind in self.roots
        }

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
            for path in sorted(path for path in found_here if path.suffix in SUFFIXES.values()):
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
            found = _load(path)
        except (OSError, ValueError, EOFError, KeyError, SafetensorError) as error:
            raise _wrong(f"{path.name}: {str(error).partition(chr(10))[0]}") from None
        if not np.issubdtype(found.dtype, np.floating):
            raise _wrong(f"{path.name} holds {found.dtype}, wanted floating-point numbers")
        return found


@dataclass(frozen=True)
class FeatureWriter:
    """Writes what `FeatureFolder` reads, as .safetensors or as .npy, 16 bit wide."""

    folder: Path
    layout: str = "safetensors"
    dtype: str = "float16"

    def __post_init__(self) -> None:
        if self.layout not in SUFFIXES:
            raise BenchError(
                f"There is no layout '{self.layout}'.{did_you_mean(self.layout, SUFFIXES)}"
            )
        if self.dtype not in ("float16", "bfloat16"):
            raise BenchError(f"Features are saved as float16 or bfloat16, not {self.dtype}.")
        if (self.layout, self.dtype) == ("npy", "bfloat16"):
            raise BenchError("NumPy's files know no bfloat16: save float16, or as safetensors.")

    @property
    def told(self) -> dict[str, str]:
        """What a manifest says of the files."""
        return {"layout": self.layout, "dtype": self.dtype}

    def write(self, sample_id: str, image: Tensor, text: Tensor) -> None:
        """Write H_i, (P, D), and H_t, (n, D), of one sample, each atomically.

        Raises `BenchError` where a value does not fit: float16 ends at 65504.
        """
        for kind, states in (("image", image), ("text", text)):
            narrow = states.detach().cpu().to(getattr(torch, self.dtype)).contiguous()
            if not narrow.isfinite().all():
                raise BenchError(f"H of {sample_id} does not fit into {self.dtype}: take bfloat16.")
            path = self.folder / OWN[kind] / f"{sample_id}{SUFFIXES[self.layout]}"
            with replacing(path) as temporary:
                if self.layout == "safetensors":
                    save_file({TENSOR: narrow}, temporary)
                else:
                    with temporary.open("wb") as stream:
                        np.save(stream, narrow.numpy())


def _load(path: Path) -> NDArray[np.generic]:
    if path.suffix == SUFFIXES["npy"]:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    return load_file(path)[TENSOR].float().numpy()


def _finite(values: NDArray[np.generic]) -> Array:
    numbers = np.array(values, dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise _wrong("features that are not finite")
    return numbers


def _wrong(detail: str) -> SampleError:
    return SampleError("bad_features", detail)
