"""Which samples of a split a limit selects for a VLLM."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from PIL import Image

from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import read_rgb
from egoactgen_bench.support.sample_drawing import (
    draw_samples,
    drawing_record,
    drawing_sentence,
    first_samples,
)

Sample = dict[str, Any]  # a row of a split's samples.csv


@dataclass(frozen=True)
class SampleChoice:
    """The samples of a split, or with a limit, some of them."""

    split: Split
    limit: int | None

    @cached_property
    def samples(self) -> list[Sample]:
        table = self.split.samples
        # Not the seed of `enrich`: `embed`, which has none, reads the descriptions of the same
        # samples.
        chosen = draw_samples(table, self.limit) if self._draws else table[: self.limit]
        return cast("list[Sample]", chosen.to_dict("records"))

    @property
    def _draws(self) -> bool:
        """Whether a limit draws samples; of a test split, runs and features need the same ones."""
        return self.split.manifest.subset == "train"

    @property
    def drawn(self) -> dict[str, Any] | None:
        """How the samples were drawn, for a manifest; None if they were not."""
        return drawing_record(len(self.split.samples), self.limit) if self._draws else None

    @property
    def selection(self) -> str:
        """Which samples a limit selects, as a phrase; empty if all."""
        count, total = len(self.samples), len(self.split.samples)
        if self.drawn:
            return drawing_sentence(self.drawn)
        return first_samples(count, total) if count < total else ""


def input_frame(split: Split, sample: Sample) -> Image.Image | SampleError:
    """The input frame of a sample, or the error if it cannot be read."""
    try:
        return read_rgb(split.frame_path(sample["input_frame"]))
    except SampleError as error:
        return SampleError(error.code, f"input frame {sample['input_frame']}")
