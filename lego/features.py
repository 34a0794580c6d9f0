"""The VLLM's features of each sample, from .npy files: H_i of its image, H_t of its description."""

import hashlib
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.errors import BenchError, SampleError

Array = NDArray[np.float32]

# Our layout, by sample id; the released one, by the path of the sample's input frame.
OWN = {"image": "image", "text": "text"}
RELEASED = {"image": "vllm_image_feature", "text": "vllm_text_feature"}


class FeatureFolder:
    """`DIR/image/<sample_id>.npy` and `DIR/text/<sample_id>.npy`, or the released layout.

    There a file lies at `vllm_image_feature/…/<clip>/<action>/<frame>.npy`, and serves the sample
    `<clip>_<action>`.
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

    @cached_property
    def _files(self) -> dict[str, dict[str, list[Path]]]:
        """Kind → sample id → its files, of which there should be one."""
        found: dict[str, dict[str, list[Path]]] = {}
        for kind, root in self.roots.items():
            named: dict[str, list[Path]] = found.setdefault(kind, {})
            for path in sorted(root.glob("**/*.npy" if self.released else "*.npy")):
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
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise _wrong(f"{path.name}: {str(error).partition(chr(10))[0]}") from None
        if not np.issubdtype(found.dtype, np.floating):
            raise _wrong(f"{path.name} holds {found.dtype}, wanted floating-point numbers")
        return found


def _finite(values: NDArray[np.generic]) -> Array:
    numbers = np.array(values, dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise _wrong("features that are not finite")
    return numbers


def _wrong(detail: str) -> SampleError:
    return SampleError("bad_features", detail)
