"""What the stages `enrich` and `embed` share: a split, a VLLM, and batches for each process."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from egoactgen_bench.api.common_options import BatchSize, Device, Dtype, Shard
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.toy_weights import are_toy, is_toy_dataset
from egoactgen_bench.artifacts.batch_journal import BatchWork, Row
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.devices import check_dtype, resolve_device
from egoactgen_bench.support.provenance import hashes
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_lego.options.vllm_limit import VllmLimit
from egoactgen_lego.vllm.sample_choice import Sample, SampleChoice, input_frame
from egoactgen_lego.vllm.vllm_model import VLLM, check_folder, load
from egoactgen_lego.vllm.vllm_result import VllmResult


class EngineOptions(Options):
    """How a VLLM is applied to a split."""

    batch_size: BatchSize = 4
    device: Device = "auto"
    dtype: Dtype = "float32"
    limit: VllmLimit = None
    shard: Shard = "1/1"


@dataclass(frozen=True)
class Engine:
    """A VLLM that processes the samples of a split in batches; it is loaded on first use."""

    split: Split
    weights: Path
    options: EngineOptions = field(default_factory=EngineOptions)

    def __post_init__(self) -> None:
        check_folder(self.weights)
        check_dtype(self.options.dtype)
        self.split.require_frames()

    @cached_property
    def choice(self) -> SampleChoice:
        """The samples of the split that the limit selects."""
        return SampleChoice(self.split, self.options.limit)

    @property
    def samples(self) -> list[Sample]:
        return self.choice.samples

    @property
    def selection(self) -> str:
        """Which samples a limit selects, as a phrase; empty if all."""
        return self.choice.selection

    @property
    def batches(self) -> int:
        return -(-len(self.samples) // self.options.batch_size)

    @cached_property
    def share(self) -> ProcessShard:
        return ProcessShard.of_process(self.options.shard)

    @cached_property
    def place(self) -> str:
        """The device of this process."""
        return resolve_device(self.options.device, self.share.local_rank)

    @cached_property
    def vllm(self) -> VLLM:
        return load(self.weights, self.place, getattr(torch, self.options.dtype))

    def plan(self) -> dict[str, Any]:
        """The settings that the results depend on, for a manifest."""
        files = sorted(path for path in self.weights.iterdir() if path.is_file())
        return {
            "split": self.split.name,
            "fingerprint": self.split.fingerprint,
            "frames_fingerprint": self.split.frames_fingerprint,
            "vllm": self.weights.resolve().name,
            "weights": hashes(files),
            "dtype": self.options.dtype,
            "batch_size": self.options.batch_size,
            "limit": self.options.limit,
            "drawn": self.choice.drawn,
        }

    @cached_property
    def toy_weights(self) -> bool:
        """Whether the VLLM knows only the toy kitchen and the split is of another data set."""
        return are_toy(self.weights) and not is_toy_dataset(self.split.manifest.dataset)

    @property
    def own(self) -> range:
        """The numbers of this process's batches."""
        return self.share.of_rank(self.batches)

    @property
    def reported(self) -> range:
        """The batches that this process reports; the first process reports all of its shard."""
        return self.own if self.share.rank else self.share.of_shard(self.batches)

    def work(
        self,
        results: Sequence[VllmResult[Any]],
        do: Callable[[list[Sample]], list[Row]],
        progress: bool,
    ) -> None:
        """Process those batches of this process that one of the results lacks."""
        open_results = [result for result in results if not result.work.finished] or results
        work = BatchWork(
            self.share,
            self.batches,
            open_results[0].journal.folder,
            lambda batch: all(result.holds(batch) for result in results),
            lambda: all(result.work.finished for result in results),
        )

        def make(batch: int) -> None:
            start = time.perf_counter()
            first = batch * self.options.batch_size
            rows = do(self.samples[first : first + self.options.batch_size])
            for result in results:
                if not result.holds(batch):
                    result.journal.record(batch, rows, seconds=time.perf_counter() - start)

        work.run(make, progress)

    def frames(self, samples: Sequence[Sample]) -> list[Image.Image | SampleError]:
        """The input frame of each sample, or the error if it cannot be read."""
        with ThreadPoolExecutor() as threads:
            return list(threads.map(partial(input_frame, self.split), samples))
