"""The interface of a converter from a released checkpoint to a weights folder."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from egoactgen_bench.api.published_weights import PublishedWeights


class Converter(ABC):
    """A converter of one format of released weights, named in its first docstring line."""

    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions conversion.json records."""
    published_weights: ClassVar[tuple[PublishedWeights, ...]] = ()
    """Published weights that it may need or convert."""

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Whether `path` (file or folder) has this format; checks names without reading weights."""

    @classmethod
    @abstractmethod
    def convert(
        cls, path: Path, out: Path, *, raw: bool, config: dict[str, Any], models: Path
    ) -> dict[str, Any]:
        """Write the weights of `path` into the empty folder `out`.

        `raw` selects the trained weights instead of their moving average. `config` gives what the
        file does not contain. `models` is the folder of other weights. Returns the entries for
        conversion.json, as plain data.
        """
