"""The input of a metric: frames, texts and features of some samples of one run."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.api.plugin_calls import checked_array, reporting
from egoactgen_bench.api.plugin_code import signed_code
from egoactgen_bench.errors import did_you_mean
from egoactgen_bench.support import images
from egoactgen_bench.support.row_store import FeatureCache, Revised

# against: the image of another run that the metric names
ImageRole = Literal["output", "target", "input", "against"]
# truth and boxes: JSON; boxes as `Split.boxes` gives those of one sample
TextRole = Literal["action", "description", "truth", "boxes"]
Role = ImageRole | TextRole
Item = Image.Image | str
Size = tuple[int, int]
Fit = Callable[[Image.Image, Size], Image.Image]
T = TypeVar("T")


class Extractor(Revised):
    """A network that computes feature vectors of items (tuples of frames or texts).

    Extractors of equal signature share features across metrics. Build the network in a cached
    function, so that they share it, too.
    """

    @abstractmethod
    def extract(self, items: Sequence[tuple[Any, ...]]) -> NDArray[np.float32]:
        """(n, d) features of n items; an item is a tuple of RGB images or texts, one per role.

        A feature depends only on its own item. Items of one call may differ in size.
        """

    def kept_as(self) -> str:
        """The key of cached features; it includes the code of an extractor outside of packages."""
        return signed_code(super().kept_as(), type(self))

    def fit(self, output: Image.Image, size: Size) -> Image.Image:
        """Resize an output to its target's `size`; by default with `support.images.resize`."""
        return images.resize(output, size)


class Batch:
    """Samples of one run, in split order: RGB frames and texts by role, all of equal length n."""

    def __init__(
        self,
        items: Mapping[Role, Sequence[Item]],
        cache: FeatureCache | None = None,
        across_runs: dict[str, Any] | None = None,
    ) -> None:
        self._items = items
        self._cache = cache or FeatureCache()
        self._across_runs: dict[str, Any] = {} if across_runs is None else across_runs
        self._once: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(next(iter(self._items.values())))

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that the batch has: those that any of its metrics needs."""
        return frozenset(self._items)

    def single(self, index: int) -> "Batch":
        """A batch of only one of the samples."""
        return Batch({role: [items[index]] for role, items in self._items.items()}, self._cache)

    def changed(
        self, change: Callable[[dict[str, Image.Image]], Mapping[str, Image.Image]]
    ) -> "Batch":
        """A batch in which `change` has replaced each sample's frames (by role)."""
        roles = [role for role, items in self._items.items() if isinstance(items[0], Image.Image)]
        frames = [
            change({role: self._items[role][index] for role in roles})  # type: ignore[misc]
            for index in range(len(self))
        ]
        replaced = {role: [each[role] for each in frames] for role in roles}
        return Batch({**self._items, **replaced}, self._cache)

    def images(self, role: ImageRole, fit: Fit | None = images.resize) -> list[Image.Image]:
        """The frames of a role, uint8 RGB; outputs are resized to their targets by `fit`.

        With `fit` None, outputs keep the size that the run stored.
        """
        frames: list[Any] = list(self._of(role))
        if role == "output" and fit is not None and "target" in self._items:
            targets: Sequence[Any] = self._items["target"]
            return [fit(frame, target.size) for frame, target in zip(frames, targets, strict=True)]
        return frames

    def texts(self, role: TextRole) -> list[str]:
        """The texts of a role."""
        return [str(text) for text in self._of(role)]

    def features(self, extractor: Extractor, *roles: Role) -> NDArray[np.float32]:
        """(n, d) features of one item per sample, which consists of the named roles.

        `features(network, "target")`, `features(clip_network, "input", "output")`. Features that do
        not depend on an output are computed once and cached on disk by content.
        """

        def compute() -> NDArray[np.float32]:
            columns = [self._column(role, extractor.fit) for role in roles]
            return self.encode(extractor, list(zip(*columns, strict=True)), "output" not in roles)

        key = "\x1f".join([extractor.kept_as(), *roles])
        return self.once(key, compute) if "output" in roles else self.across_runs(key, compute)

    def _column(self, role: Role, fit: Fit) -> Sequence[Item]:
        return self.images(role, fit) if role == "output" else self._of(role)

    def _of(self, role: Role) -> Sequence[Item]:
        """The items of a role. Raises `ValueError` for one that the metric does not need."""
        if role not in self._items:
            raise ValueError(
                f"no role '{role}' among the metric's `needs`.{did_you_mean(role, self._items)}"
            )
        return self._items[role]

    def encode(
        self, extractor: Extractor, items: Sequence[tuple[Item, ...]], keep: bool = False
    ) -> NDArray[np.float32]:
        """(n, d) features of items that the metric itself creates, such as captions."""
        return self._cache.get(
            extractor.kept_as(),
            [content_key(item) for item in items],
            lambda wanted: _extracted(extractor, [items[index] for index in wanted]),
            keep,
        )

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """Compute something for this batch once and share it between metrics (captions …)."""
        if key not in self._once:
            self._once[key] = compute()
        value: T = self._once[key]
        return value

    def across_runs(self, key: str, compute: Callable[[], T]) -> T:
        """Like `once`, but shared by all runs: for what depends only on the split."""
        if key not in self._across_runs:
            self._across_runs[key] = compute()
        value: T = self._across_runs[key]
        return value


def _extracted(extractor: Extractor, items: list[tuple[Item, ...]]) -> NDArray[np.float32]:
    with reporting(extractor, "extract", samples=True):
        features = extractor.extract(items)
    checked: NDArray[np.float32] = checked_array(
        extractor, "extract", features, (len(items), "width")
    )
    return checked


def content_key(item: tuple[Item, ...]) -> bytes:
    """sha256 over the pixels and sizes of frames and over texts."""
    digest = hashlib.sha256()
    for part in item:
        if isinstance(part, str):
            # A digest, so that each text has the same length and two texts cannot be confused with
            # their concatenation.
            digest.update(b"text" + hashlib.sha256(part.encode()).digest())
        else:
            digest.update(f"image {part.size}".encode() + part.tobytes())
    return digest.digest()


def grouped_by_size(frames: Sequence[Image.Image]) -> list[tuple[list[int], NDArray[np.uint8]]]:
    """Group frames by size: their positions, and their pixels (k, height, width, 3) uint8."""
    groups: dict[Size, list[int]] = {}
    for index, frame in enumerate(frames):
        groups.setdefault(frame.size, []).append(index)
    return [
        (indices, np.stack([np.asarray(frames[index]) for index in indices]))
        for indices in groups.values()
    ]
