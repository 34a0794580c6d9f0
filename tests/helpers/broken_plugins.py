"""Plug-ins that each break one rule, for tests of the contract tests."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image
from pydantic import Field

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.method import Method
from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.api.trainer import Trainer
from egoactgen_bench.errors import SampleError

COUNTER = itertools.count()


class SoundMethod(Method[Options]):
    """The input frame."""

    def generate(self, requests):
        return [request.input for request in requests]


class RaisesWhenBuilt(SoundMethod):
    """Fails in __init__."""

    def __init__(self, options, context):
        raise RuntimeError("no such network")


class OfTheBatch(SoundMethod):
    """Every image is the batch's last input."""

    def generate(self, requests):
        return [requests[-1].input] * len(requests)


class Counting(SoundMethod):
    """A different grey for each generated image."""

    def generate(self, requests):
        return [Image.new("RGB", (8, 6), (next(COUNTER),) * 3) for _ in requests]


class DrawingIntoInputs(SoundMethod):
    """The input frame, changed in place."""

    def generate(self, requests):
        for request in requests:
            request.input.paste((255, 0, 0), (0, 0, 4, 4))
        return [request.input.copy() for request in requests]


class Unfinished(SoundMethod):
    """No image for one of the actions."""

    def generate(self, requests):
        return [
            SampleError("too_hard") if request.action == "take mug" else request.input
            for request in requests
        ]


class SoundMetric(Metric[Options]):
    """Mean absolute difference of the output and the target."""

    name, label, higher_is_better = "sound", "Sound", False

    def measure(self, batch):
        pairs = zip(batch.images("output"), batch.images("target"), strict=True)
        return np.array([[np.abs(np.subtract(*map(_levels, pair))).mean()] for pair in pairs])


def _levels(image):
    return np.asarray(image, float)


class OfNeighbours(SoundMetric):
    """Rows relative to the mean of the batch."""

    def measure(self, batch):
        rows = super().measure(batch)
        return rows - rows.mean()


class Remembering(SoundMetric):
    """Rows that grow with every call."""

    def measure(self, batch):
        return super().measure(batch) + next(COUNTER)


class NotFinite(SoundMetric):
    """NaN for the first sample."""

    def measure(self, batch):
        rows = super().measure(batch)
        rows[0] = np.nan
        return rows


class Flat(SoundMetric):
    """One dimension instead of two."""

    def measure(self, batch):
        return super().measure(batch)[:, 0]


class OneRowTooFew(SoundMetric):
    """The last sample's row is missing if there are several."""

    def measure(self, batch):
        rows = super().measure(batch)
        return rows[:-1] if len(rows) > 1 else rows


class Upside(SoundMetric):
    """A distance declared as higher is better."""

    higher_is_better = True


class SoundDataset(Dataset):
    """Three pictures of one video, and a rejection."""

    name = "sound"

    def clips(self):
        for number in range(3):
            yield ActionClip(
                row=f"{number}",
                sample_id=f"s{number}",
                dataset=self.name,
                video_id="video",
                action="open drawer",
                verb="open",
                noun="drawer",
                t_start=float(number),
                t_end=number + 2.0,
                t_input=float(number),
                t_target=number + 1.0,
            )
        yield Rejection("3", "bad_row", "no action")

    def locate(self, clip):
        if clip.row == "2":
            raise self.missing_video(clip.video_id)
        return FrameSource(Path("video.mp4"), clip.t_input), FrameSource(
            Path("video.mp4"), clip.t_target
        )

    def recipe(self):
        return {"annotations": {"pictures.csv": "0" * 64}, "lead": 0.25}


class _Changing(SoundDataset):
    """The sound clips with other values in the last one."""

    changes: ClassVar[dict] = {}

    def clips(self):
        for row in super().clips():
            yield replace(row, **self.changes) if row.row == "2" else row


class RepeatedId(_Changing):
    changes: ClassVar[dict] = {"sample_id": "s0"}


class UnsafeId(_Changing):
    changes: ClassVar[dict] = {"sample_id": "../s2"}


class BackwardsInTime(_Changing):
    changes: ClassVar[dict] = {"t_target": 1.0}


class ForeignClip(_Changing):
    changes: ClassVar[dict] = {"dataset": "other"}


class OtherOrder(SoundDataset):
    def clips(self):
        rows = list(super().clips())
        start = next(COUNTER) % len(rows)
        return iter([*rows[start:], *rows[:start]])


class SpokenReason(SoundDataset):
    def clips(self):
        yield from super().clips()
        yield Rejection("4", "The action is missing.")


class WithoutClips(SoundDataset):
    def clips(self):
        return iter(())


class RaisingOSError(SoundDataset):
    def locate(self, clip):
        raise FileNotFoundError(clip.video_id)


class PlacesInRecipe(SoundDataset):
    def recipe(self):
        return {"sources": [{"path": "/data/pictures"}]}


class ObjectsInRecipe(SoundDataset):
    def recipe(self):
        return {"sizes": (256, 456)}


class UnknownMetric(SoundDataset):
    metric_defaults: ClassVar[dict] = {"egovpl": {"clip_length": "16-frame"}}


class UnknownOption(SoundDataset):
    metric_defaults: ClassVar[dict] = {"egovlp": {"clip": "16-frame"}}


class UnknownChoice(SoundDataset):
    metric_defaults: ClassVar[dict] = {"egovlp": {"clip_length": "8-frame"}}


class TruthOfSome(SoundDataset):
    def truth(self):
        return {"s0": {"hand": "left"}}


class SoundTrainerOptions(Options):
    rate: float = Field(1.0, description="how fast")


class SoundTrainer(Trainer[SoundTrainerOptions]):
    """Trains nothing."""

    Options = SoundTrainerOptions
    presets: ClassVar[dict] = {"toy": {"rate": 2}}
    non_semantic_options = frozenset({"rate"})

    def train(self):
        return {}
