"""The frames of a split as pixels, and as latents stored by content, optionally mirrored."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import read_rgb, resize
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.row_store import (
    ABSENT,
    FeatureCache,
    RowStore,
    short_keys,
    with_revision,
)
from egoactgen_bench.support.threads import map_in_threads

BATCH = 16  # frames encoded at a time
REVISION = 1  # increase it with every change of code that changes a posterior


@dataclass(frozen=True)
class Frame:
    """A stored frame; `sha256` is the hash of its file."""

    path: Path
    sha256: str

    def key(self, mirrored: bool) -> bytes:
        """The key of its latent."""
        return hashlib.sha256(f"{self.sha256} {mirrored}".encode()).digest()


@dataclass(frozen=True)
class Pair:
    """One training sample."""

    sample_id: str
    input: Frame
    target: Frame
    prompt: str


@lru_cache(maxsize=4)  # of one split, as every path is checked
def frames_of(split: Split, role: str) -> list[Frame]:
    """The `input` or `target` frames of a split, in its order."""
    columns = zip(split.samples[f"{role}_frame"], split.samples[f"{role}_sha256"], strict=True)
    return [Frame(split.frame_path(path), sha256) for path, sha256 in columns]


def pixels(frame: Frame, size: int, mirrored: bool) -> Tensor:
    """(3, size, size) float32 in [-1, 1]: the frame squashed to a square, as methods get it."""
    squashed = np.array(resize(read_rgb(frame.path), (size, size)))
    image = torch.from_numpy(squashed).permute(2, 0, 1) / 127.5 - 1
    return image.flip(2) if mirrored else image


class StoredLatents:
    """Posteriors (mean and standard deviation) of frames, float16, in a store."""

    def __init__(self, store: RowStore, shape: tuple[int, int, int]) -> None:
        self.store, self.shape = store, shape

    def read(self, frame: Frame, mirrored: bool) -> tuple[Tensor, Tensor]:
        """Mean (the mode) and standard deviation of a frame's posterior, each (C, h, w) float32."""
        (row,) = self.store.read(self._places([frame.key(mirrored)]))
        mean, deviation = torch.from_numpy(row.astype(np.float32)).view(2, *self.shape)
        return mean, deviation

    def holds(self, frame: Frame, mirrored: bool) -> bool:
        return self.held([frame], mirrored)[0]

    def held(self, frames: Iterable[Frame], mirrored: bool) -> list[bool]:
        """Whether each frame is stored."""
        known: list[bool] = (
            self._places([frame.key(mirrored) for frame in frames]) != ABSENT
        ).tolist()
        return known

    def _places(self, keys: Sequence[bytes]) -> NDArray[np.int64]:
        return self.store.find(short_keys(keys))


def digest_of(vae: Any) -> str:
    """sha256 of weights and configuration, which is the same for every copy of an autoencoder.

    Trained weights contain a copy of the autoencoder that they started from, in whose configuration
    diffusers notes where it was loaded from.
    """
    public = {key: value for key, value in vae.config.items() if not key.startswith("_")}
    digest = hashlib.sha256(json.dumps(public, sort_keys=True).encode())
    for name, tensor in sorted(vae.state_dict().items()):
        digest.update(name.encode())
        flat = tensor.detach().cpu().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy())  # NumPy has no bfloat16
    return digest.hexdigest()


class Latents(StoredLatents):
    """The posteriors by hash of frame and VAE, and their computation."""

    def __init__(self, folder: Path, vae: Any, size: int) -> None:
        self.vae, self.size = vae, size
        side = size // 2 ** (len(vae.config.block_out_channels) - 1)
        signature = with_revision(f"{digest_of(vae)} {size}", REVISION)
        store = FeatureCache(folder / "latents").store(signature)
        super().__init__(store, (int(vae.config.latent_channels), side, side))

    def complete(self) -> StoredLatents:
        """What all processes have stored until now, for reading by any process."""
        self.store.close()
        self.store.refresh()
        return StoredLatents(self.store, self.shape)

    @torch.inference_mode()
    def encode(
        self, frames: Iterable[tuple[Frame, bool]], device: str, part: slice, progress: bool
    ) -> None:
        """Encode the missing ones of these (frame, mirrored), in the batches that `part` selects.

        Frames that cannot be read are skipped. A batch is encoded completely or not at all, so that
        a latent does not depend on where an earlier call was interrupted.
        """
        self.store.refresh()
        by_key = {frame.key(mirrored): (frame, mirrored) for frame, mirrored in frames}
        known = self._places(list(by_key)) != ABSENT
        distinct = list(zip(by_key.values(), known.tolist(), strict=True))
        batches = [distinct[i : i + BATCH] for i in range(0, len(distinct), BATCH)][part]
        missing = [[item for item, _ in batch] for batch in batches if not all(k for _, k in batch)]
        self.vae.to(device)
        shown = progress and bool(missing)
        # Later frames are decoded in threads while the device encodes.
        decoded = map_in_threads(self._read, chain.from_iterable(missing))
        with report_progress("latents", sum(map(len, missing)), "frame", shown=shown) as bar:
            for batch in missing:
                read = [found for found in islice(decoded, len(batch)) if found is not None]
                if read:
                    self._add([key for key, _ in read], torch.stack([image for _, image in read]))
                bar.update(len(batch))
        self.vae.to("cpu")

    def _read(self, item: tuple[Frame, bool]) -> tuple[bytes, Tensor] | None:
        frame, mirrored = item
        try:
            return frame.key(mirrored), pixels(frame, self.size, mirrored)
        except SampleError:
            return None

    def _add(self, keys: Sequence[bytes], images: Tensor) -> None:
        posterior = self.vae.encode(images.to(self.vae.device)).latent_dist
        rows = torch.stack([posterior.mean, posterior.std], dim=1).flatten(1)
        self.store.add(keys, rows.cpu().numpy().astype(np.float16))
