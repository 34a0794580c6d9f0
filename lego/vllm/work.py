"""What the stages `enrich` and `embed` share: a split, a VLLM, batches and their shares."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from PIL import Image

from egoactgen_bench.devices import DTYPES, resolve_device
from egoactgen_bench.errors import BenchError, SampleError, did_you_mean
from egoactgen_bench.images import read_rgb
from egoactgen_bench.provenance import content_digest
from egoactgen_bench.sharding import Share
from egoactgen_bench.splits import Split
from lego import toy
from lego.vllm.model import VLLM, check_folder, load
from lego.vllm.parts import Parts, Row

if TYPE_CHECKING:
    from tqdm import tqdm

POLL_SECONDS = 0.2

Sample = dict[str, Any]  # a row of a split's samples.csv


@dataclass(frozen=True)
class Engine:
    """Which VLLM works on which samples, and how; nothing is loaded before it is asked for."""

    split: Split
    weights: Path
    batch_size: int = 4
    device: str = "auto"
    dtype: str = "float32"
    limit: int | None = None
    shard: str = "1/1"

    def __post_init__(self) -> None:
        check_folder(self.weights)
        if self.dtype not in DTYPES:
            raise BenchError(f"There is no dtype '{self.dtype}'.{did_you_mean(self.dtype, DTYPES)}")
        if self.split.frames_fingerprint is None:
            raise BenchError(
                f"Split '{self.split.name}' was made with --times-only and holds no frames: "
                "prepare it again with --videos DIR."
            )

    @cached_property
    def samples(self) -> list[Sample]:
        return cast("list[Sample]", self.split.samples[: self.limit].to_dict("records"))

    @property
    def batches(self) -> int:
        return -(-len(self.samples) // self.batch_size)

    @cached_property
    def share(self) -> Share:
        return Share.of_process(self.shard)

    @cached_property
    def place(self) -> str:
        """The device of this process."""
        return resolve_device(self.device, self.share.local_rank)

    @cached_property
    def vllm(self) -> VLLM:
        return load(self.weights, self.place, getattr(torch, self.dtype))

    def plan(self) -> dict[str, Any]:
        """What of this shapes the results, for a manifest."""
        files = (path for path in self.weights.iterdir() if path.is_file())
        return {
            "split": self.split.name,
            "fingerprint": self.split.fingerprint,
            "frames_fingerprint": self.split.frames_fingerprint,
            "vllm": self.weights.resolve().name,
            "weights": {path.name: content_digest(path) for path in sorted(files)},
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "limit": self.limit,
        }

    @property
    def own(self) -> range:
        """The numbers of this process's batches."""
        return self.share.of_rank(self.batches)

    @property
    def told(self) -> range:
        """Those that this process speaks for: the first one for all of its shard."""
        return self.own if self.share.rank else self.share.of_shard(self.batches)

    def work(
        self, journals: Sequence[Parts], do: Callable[[list[Sample]], list[Row]], progress: bool
    ) -> None:
        """Do those of this process's batches that one of the journals lacks.

        Under a launcher, which ends all processes when one exits with a failure, the first one
        returns when the others have done theirs.
        """
        missing = [batch for batch in self.own if not _held(journals, batch)]
        shown = progress and self.share.rank == 0
        with self._bar(self.own, missing, shown) as bar:
            for batch in missing:
                start = time.perf_counter()
                first = batch * self.batch_size
                rows = do(self.samples[first : first + self.batch_size])
                for journal in journals:
                    if not journal.holds(batch):
                        journal.record(batch, rows, time.perf_counter() - start)
                bar.update()
        if self.share.rank == 0:
            self._wait(journals, shown)

    def _wait(self, journals: Sequence[Parts], shown: bool) -> None:
        batches = self.share.of_shard(self.batches)
        missing = [batch for batch in batches if not _held(journals, batch)]
        with self._bar(batches, missing, shown and bool(missing)) as bar:
            bar.set_description("waiting for the other processes")
            while missing:
                time.sleep(POLL_SECONDS)
                left = [batch for batch in missing if not _held(journals, batch)]
                bar.update(len(missing) - len(left))
                missing = left

    def _bar(self, batches: Sequence[int], missing: Sequence[int], shown: bool) -> "tqdm[Any]":
        """A progress bar over batches on stderr, where that is a terminal."""
        from tqdm import tqdm

        done, hidden = len(batches) - len(missing), None if shown else True
        return tqdm(total=len(batches), initial=done, unit="batch", disable=hidden)

    def frames(self, samples: Sequence[Sample]) -> list[Image.Image | SampleError]:
        """The input frame of each sample, or why it cannot be read."""
        with ThreadPoolExecutor() as threads:
            return list(threads.map(self._frame, samples))

    def _frame(self, sample: Sample) -> Image.Image | SampleError:
        try:
            return read_rgb(self.split.frame_path(sample["input_frame"]))
        except SampleError as error:
            return SampleError(error.code, f"input frame {sample['input_frame']}")


def _held(journals: Sequence[Parts], batch: int) -> bool:
    return all(journal.holds(batch) for journal in journals)


def find_weights(name: str, models: Path) -> Path:
    """The folder that `--weights` names: a path, one in the folder `models`, or `toy`, shipped."""
    for path in (Path(name), models / name, *([toy.WEIGHTS / "vllm"] if name == "toy" else [])):
        if path.is_dir():
            return path
    known = [path.parent.name for path in models.glob("*/config.json")]
    raise BenchError(
        f"There is no VLLM '{name}': no such folder, and none of that name in {models}."
        + did_you_mean(name, known)
    )
