"""Exact frames, read back from videos with a counter drawn into each frame."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video import frames_at


def test_the_real_clip_gives_the_golden_bytes(shared: Path) -> None:
    clip = next((shared / "data" / "ego4d").glob("*.mp4"))
    files = json.loads((shared / "golden" / "frames" / "frames.json").read_text())["files"]
    numbers = (0, 15, 30, 45, 59)
    for number, (time, image) in zip(
        numbers, frames_at(clip, [n / 30 for n in numbers]), strict=True
    ):
        assert time == number / 30
        assert not isinstance(image, SampleError)
        digest = hashlib.sha256(np.asarray(image).tobytes()).hexdigest()
        assert digest == files[f"frame_{number:03d}_384x288.png"]["sha256_rgb"]


@pytest.mark.parametrize(("content", "code"), [(None, "missing_video"), (b"x", "undecodable")])
def test_a_video_that_does_not_open(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    answers = dict(frames_at(path, [1.0, 0.5, 1.0]))
    assert list(answers) == [0.5, 1.0]
    assert all(isinstance(e, SampleError) and e.code == code for e in answers.values())
