"""The interface of a converter, which turns a released checkpoint into a weights folder."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from egoactgen_bench.api.published_weights import PublishedWeights


class Converter(ABC):
    """One format of released weights; its first docstring line says which."""

    packages: ClassVar[tuple[str, ...]] = ()  # whose versions conversion.json records
    published_weights: ClassVar[tuple[PublishedWeights, ...]] = ()  # that it may need or convert

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Whether `path` (file or folder) is of this format, told from names, not from weights."""

    @classmethod
    @abstractmethod
    def convert(
        cls, path: Path, out: Path, *, raw: bool, config: dict[str, Any], models: Path
    ) -> dict[str, Any]:
        """Write the weights of `path` into the empty folder `out`.

        `raw` takes the trained weights instead of their moving average; `config` says what cannot
        be read from the file; `models` is the folder where other weights may lie. Returns what
        conversion.json should say of it, plain data.
        """
