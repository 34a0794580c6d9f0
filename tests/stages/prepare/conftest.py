"""The synthetic data set on disk, and splits prepared from it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from drawn_dataset import CLIPS, Drawn, draw_videos
from egoactgen_bench.stages.prepare.prepare_split import prepare
from egoactgen_bench.stages.prepare.split_plan import plan_split


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return draw_videos(tmp_path / "videos", CLIPS)


@pytest.fixture
def make(videos: Path, tmp_path: Path) -> Callable[..., object]:
    def call(folder: str = "split", *, workers: int = 1, overwrite: bool = False, **plan):
        plan = plan_split(Drawn(None, videos, "val"), size=64, **plan)
        return prepare(plan, tmp_path / folder, workers=workers, overwrite=overwrite)

    return call
