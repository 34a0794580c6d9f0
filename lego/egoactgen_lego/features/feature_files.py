"""Reading and writing files of features."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.support.placeholder_files import refuse_placeholder
from egoactgen_bench.support.replacing import replacing, temporary_folder
from egoactgen_bench.weights.pretrained import refusing
from egoactgen_bench.weights.stored_tensors import read_stored
from egoactgen_lego.features.conditioning_names import PAPER_KINDS, paper_kinds
from egoactgen_lego.features.feature_kind import FeatureKind, Stored

LAYOUTS = ("safetensors", "npy", "released")
SUFFIXES = (".safetensors", ".npy")
DTYPES = ("float16", "bfloat16")
TENSOR = "states"  # the name of the only tensor in a .safetensors file


@dataclass(frozen=True)
class FeatureWriter:
    """Writes the files that `FeatureFolder` reads, in 16 bits.

    `safetensors`, `npy`: `DIR/<kind>/<sample_id>` with that suffix; `released`:
    `DIR/vllm_image_feature/<clip>/<action>/input.npy` for the sample `<clip>_<action>`.
    """

    folder: Path
    layout: str = "safetensors"
    dtype: str = "float16"
    kinds: tuple[FeatureKind, ...] = field(default_factory=paper_kinds)

    def __post_init__(self) -> None:
        if not self.kinds:
            raise BenchError("No features to write: name at least one feature kind.")
        if self.layout not in LAYOUTS:
            raise BenchError(f"Unknown layout '{self.layout}'.{did_you_mean(self.layout, LAYOUTS)}")
        if self.dtype not in DTYPES:
            raise BenchError(f"Features are saved as float16 or bfloat16, not as {self.dtype}.")
        if self.layout != "safetensors" and self.dtype == "bfloat16":
            raise BenchError(
                "NumPy files do not support bfloat16: choose float16, or the layout safetensors."
            )

    @property
    def metadata(self) -> dict[str, str]:
        """Layout, dtype and kinds of the files, for a manifest."""
        metadata = {"layout": self.layout, "dtype": self.dtype}
        names = "+".join(kind.name for kind in self.kinds)
        return metadata if names == "+".join(PAPER_KINDS) else metadata | {"kinds": names}

    def write(
        self, sample_id: str, states: Mapping[str, Tensor], kept: Mapping[str, Path] | None = None
    ) -> None:
        """Write the features (tokens, width) of one sample, by kind, each file atomically.

        If `kept` has a file that contains the same states, it is linked where possible, and so
        takes no space twice. Raises `BenchError` for values that do not fit into the dtype.
        """
        kinds = {kind.name: kind for kind in self.kinds}
        for name, values in states.items():
            path, source = self._path(kinds[name], sample_id), (kept or {}).get(name)
            if source is not None and self.layout == "safetensors":
                _link(source, path)
            else:
                write_states(path, narrowed(values, self.dtype, sample_id))

    def _path(self, kind: FeatureKind, sample_id: str) -> Path:
        if self.layout != "released" or kind.released_folder is None:
            suffix = "npy" if self.layout == "released" else self.layout
            return self.folder / kind.name / f"{sample_id}.{suffix}"
        clip, parted, action = sample_id.rpartition("_")
        if not (clip and parted and action):
            raise BenchError(
                f"The released layout needs ids <clip>_<action>, which '{sample_id}' is not: "
                "choose --features-layout npy or safetensors."
            )
        return self.folder / kind.released_folder / clip / action / "input.npy"


def narrowed(states: Tensor, dtype: str, of: str) -> Tensor:
    """The states on the CPU in 16 bits.

    float16 ends at 65504: `BenchError` for larger values, which names `of`.
    """
    narrow = states.detach().cpu().to(getattr(torch, dtype)).contiguous()
    if not narrow.isfinite().all():
        raise BenchError(f"The features of {of} exceed the range of {dtype}: choose bfloat16.")
    return narrow


def write_states(path: Path, states: Tensor, content: str | None = None) -> None:
    """Write one tensor atomically, in the format of the suffix.

    A .safetensors file records `content`, a hash of what the states were computed from.
    """
    with replacing(path) as temporary:
        if path.suffix == ".safetensors":
            save_file({TENSOR: states}, temporary, {"content": content} if content else None)
        else:
            with temporary.open("wb") as stream:
                np.save(stream, states.numpy())


def read_states(path: Path) -> Stored:
    """The array in such a file; bfloat16, which NumPy does not support, as float32.

    Raises `BenchError` for a file of anything else.
    """
    if path.suffix == ".npy":
        if not path.is_file():  # opening a FIFO waits for somebody to write to it
            raise BenchError(f"{path} is not a regular file.")
        refuse_placeholder(path)
        with refusing(path):
            # Copied on write, which nobody does, as PyTorch warns of arrays that cannot be written.
            # The path as text, as NumPy would resolve the links in a Path.
            stored = np.load(str(path), mmap_mode="c", allow_pickle=False)
        if not isinstance(stored, np.ndarray):
            raise BenchError(f"{path} contains several arrays, expected one.")
        return stored
    tensors = read_stored(path)
    if TENSOR not in tensors:
        raise BenchError(f"{path} contains no tensor named '{TENSOR}'.")
    states = tensors[TENSOR]
    return (states.float() if states.dtype == torch.bfloat16 else states).numpy()


def _link(source: Path, path: Path) -> None:
    """Replace `path` atomically by a hard link to `source`, or by a copy of it."""
    # In a folder of its own, whose lock protects the link: the file itself is in use elsewhere.
    with temporary_folder(path.parent, path.name) as folder:
        linked = folder / path.name
        try:
            linked.hardlink_to(source)
        except OSError:  # another file system, or one that does not support links
            shutil.copyfile(source, linked)
        linked.replace(path)
