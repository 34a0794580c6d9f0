"""The features of each sample, read from files."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoactgen_bench.artifacts.descriptions import records_toy_weights
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support import kept_hashes
from egoactgen_bench.support.outside_links import refuse_outside_links
from egoactgen_bench.support.regular_files import owned_path
from egoactgen_bench.support.safe_names import is_safe_id
from egoactgen_lego.features.feature_files import SUFFIXES, read_states
from egoactgen_lego.features.feature_kind import FeatureKind, Stored


class FeatureFolder:
    """`DIR/<kind>/<sample_id>.npy` or `.safetensors` of each kind, or the released layout.

    In the released layout, the features of the sample `<clip>_<action>` are in a file
    `vllm_image_feature/…/<clip>/<action>/<frame>.npy`; kinds that were not released are in
    `DIR/<kind>/` in both layouts. Files whose names are not those of samples are ignored. Raises
    `BenchError` for a folder without either layout, and for links that lead out of it.
    """

    def __init__(self, folder: Path, kinds: Sequence[FeatureKind]) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        # Of `bench lego embed` and `enrich`, which computed the features.
        self.toy_weights = any(map(records_toy_weights, (folder / "embed", folder / "enrich")))
        own = {kind.name: folder / kind.name for kind in kinds}
        released = {kind.name: folder / (kind.released_folder or kind.name) for kind in kinds}
        for roots in (own, released):
            if all(root.is_dir() for root in roots.values()):
                for root in roots.values():
                    owned_path(folder, root.name)
                    refuse_outside_links(root)
                self.roots = roots
                return
        raise BenchError(_missing(folder, own, released))

    def read(self, name: str, sample_id: str, sizes: Mapping[str, int]) -> NDArray[np.float32]:
        """One kind of a sample: (tokens, width) float32 in a conditioner's `sizes`.

        Raises `SampleError`: `missing_features`, `ambiguous_features` or `bad_features`.
        """
        return self.kinds[name].fit(self._read(name, sample_id), sizes).astype(np.float32)

    def of(self, sample_id: str, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """All kinds of one sample, by name, as `read` returns them."""
        stored = {name: self._read(name, sample_id) for name in self.kinds}
        return fit(self.kinds.values(), stored, sizes)

    def stored(self, sample_id: str, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """All kinds of one sample as `of` returns them, but those of 16 bits in 16 bits.

        float16 tensors are mapped from the files, where these have the sizes of the conditioner.
        """
        return {
            name: _narrow(torch.from_numpy(kind.fit(self._read(name, sample_id), sizes)))
            for name, kind in self.kinds.items()
        }

    def sources(self, sample_ids: Iterable[str] | None = None) -> dict[str, str]:
        """For a manifest: a hash of the contents of these samples' files."""
        return {"features": self.digest(sample_ids)}

    def digest(self, sample_ids: Iterable[str] | None = None) -> str:
        """sha256 over the contents of the files of these samples; of all samples by default."""
        wanted = None if sample_ids is None else set(sample_ids)
        paths = [
            (kind, sample_id, path)
            for kind, named in self._files.items()
            for sample_id, files in sorted(named.items())
            for path in files
            if wanted is None or sample_id in wanted
        ]
        # By kind and sample rather than by path: the same files in the released layout are the
        # same.
        digest = hashlib.sha256()
        contents = kept_hashes.current().of([path for *_, path in paths])
        for (kind, sample_id, _), content in zip(paths, contents, strict=True):
            digest.update(f"{kind} {sample_id} {content}\n".encode())
        return digest.hexdigest()

    def sample_ids(self) -> list[str]:
        """The samples with a file of any kind, sorted."""
        return sorted({sample_id for named in self._files.values() for sample_id in named})

    def lacks(self, sample_id: str) -> str | None:
        """A reason code unless the sample has exactly one file of each kind."""
        counts = [len(named.get(sample_id, [])) for named in self._files.values()]
        if 0 in counts:
            return "missing_features"
        return "ambiguous_features" if max(counts) > 1 else None

    def sizes(self) -> dict[str, int]:
        """The sizes of a conditioner for these features, read from the first file of each kind."""
        found: dict[str, int] = {}
        for kind, named in self._files.items():
            if not named:
                raise BenchError(f"{self.roots[kind]} contains no features.")
            try:
                shape = self._read(kind, next(iter(named))).shape
                found |= self.kinds[kind].sizes_of(shape)
            except SampleError as error:
                raise BenchError(f"{self.roots[kind]}: {error}.") from None
        return found

    @cached_property
    def _files(self) -> dict[str, dict[str, list[Path]]]:
        """Kind → sample id → its files; more than one file is ambiguous."""
        found: dict[str, dict[str, list[Path]]] = {}
        for kind, root in self.roots.items():
            named: dict[str, list[Path]] = found.setdefault(kind, {})
            released = root.name != kind
            found_here = root.glob("**/*.npy") if released else root.iterdir()
            for path in sorted(path for path in found_here if path.suffix in SUFFIXES):
                above = f"{path.parent.parent.name}_{path.parent.name}"
                sample_id = above if released else path.stem
                if is_safe_id(sample_id):  # not `._name.npy`, which macOS adds
                    named.setdefault(sample_id, []).append(path)
        return found

    def _read(self, kind: str, sample_id: str) -> Stored:
        paths = self._files[kind].get(sample_id, [])
        if not paths:
            raise SampleError("missing_features", f"no {kind} features in {self.roots[kind]}")
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            raise SampleError("ambiguous_features", f"several files of {kind} features: {names}")
        (path,) = paths
        try:
            found = read_states(path)
        except BenchError as error:
            raise _wrong(str(error).rstrip(".")) from None
        if not np.issubdtype(found.dtype, np.floating):
            raise _wrong(f"{path.name} contains {found.dtype}, expected floating-point numbers")
        return found


def fit(
    kinds: Iterable[FeatureKind], states: Mapping[str, Stored], sizes: Mapping[str, int]
) -> dict[str, Tensor]:
    """Each kind's (tokens, width) float32 as a conditioner of these `sizes` takes them.

    Raises `SampleError("bad_features")` for states that do not fit.
    """
    return {
        kind.name: torch.from_numpy(kind.fit(states[kind.name], sizes)).float() for kind in kinds
    }


def _narrow(states: Tensor) -> Tensor:
    """float32 states that come from bfloat16, in which nothing is lost, as bfloat16."""
    if states.dtype != torch.float32:
        return states
    narrow = states.bfloat16()
    return narrow if torch.equal(narrow.float(), states) else states


def _missing(folder: Path, own: Mapping[str, Path], released: Mapping[str, Path]) -> str:
    """The message about a folder with neither layout."""
    missing = [name for name in own if not (own[name].is_dir() or released[name].is_dir())]
    wanted = " and ".join(f"{name}/<sample_id>.npy" for name in own)
    layout = ", ".join(root.name for root in released.values())
    alternative = "" if released == own else f", or the released layout ({layout})"
    return (
        f"{folder} contains no {' and '.join(missing or own)} features: the conditioning needs "
        f"{wanted} in it{alternative}."
    )


def _wrong(detail: str) -> SampleError:
    return SampleError("bad_features", detail)
