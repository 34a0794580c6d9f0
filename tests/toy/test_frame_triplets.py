"""Triplets of frames whose nearer one the toy world knows."""

import pytest
import torch

from egoactgen_bench.toy.networks.drawn_clips import Drawn, draw
from egoactgen_bench.toy.networks.frame_triplets import (
    DISTORTIONS,
    NOTHING,
    SAME_CLIP,
    SAME_KITCHEN,
    SAME_MOMENT,
    TripletSampler,
    distorted,
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    return draw("train", 2, tmp_path_factory.mktemp("frames"))


@pytest.mark.parametrize("kind", range(len(DISTORTIONS)))
def test_a_stronger_distortion_changes_more(drawn: Drawn, kind: int) -> None:
    frames = torch.from_numpy(drawn.frames[:, 1]).permute(0, 3, 1, 2) / 255
    kinds = torch.full((len(frames),), kind)

    def change(strength: float) -> float:
        torch.manual_seed(0)
        found = distorted(frames, kinds, torch.full((len(frames),), strength))
        assert found.min() >= 0 and found.max() <= 1
        return float((found - frames).abs().mean())

    assert change(0.0) == pytest.approx(0, abs=1e-6)
    assert 0.001 < change(0.2) < change(0.5) < change(0.9)


def test_other_clips_share_what_they_should(drawn: Drawn) -> None:
    sampler = TripletSampler(drawn)
    kitchens = [clip.scene.kitchen for clip in drawn.clips]
    for clip in range(len(drawn)):
        assert {sampler.other_clip(shared, clip) for shared in (SAME_MOMENT, SAME_CLIP)} == {clip}
        same, other = (sampler.other_clip(shared, clip) for shared in (SAME_KITCHEN, NOTHING))
        assert same != clip and kitchens[same] == kitchens[clip] != kitchens[other]


def test_triplets_are_frames(drawn: Drawn) -> None:
    sampler = TripletSampler(drawn)
    for triplets in (sampler.distortions(6), sampler.states(6)):
        for side in (triplets.reference, triplets.near, triplets.far):
            assert side.shape == (6, 3, 64, 64)
            assert side.min() >= 0 and side.max() <= 1
