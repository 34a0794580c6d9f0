"""The world of relations, the third-person view, and their splits."""

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.toy.world import actions, filming, motion, narrations, relations, rendering
from egoactgen_bench.toy.world.scene import HANDS
from egoactgen_bench.toy.world.variants import STANDARD, Variant

RELATION = Variant("relation")
THIRD = Variant("weak", "third")


def clips(variant, videos=40):
    return [
        clip for number in range(videos) for clip in filming.video_clips("val", number, variant)
    ]


def test_with_relations_the_scene_alone_determines_the_plan():
    for clip in clips(RELATION):
        plans = actions.possible(clip.scene, Random(0))[clip.action]
        again = relations.related_plan(clip.scene, clip.action, plans)
        assert (again.hand, again.target) == (clip.plan.hand, clip.plan.target)
        assert abs(again.place[0] - clip.plan.place[0]) <= 4  # places have a random part


def test_with_relations_the_input_frame_is_the_same_for_all_actions():
    for clip in clips(RELATION, videos=3):
        shown = rendering.draw(clip.moment(clip.pre15), clip.camera(clip.pre15))
        for name, plans in actions.possible(clip.scene, Random(0)).items():
            other = replace(clip, action=name, plan=plans[-1])
            frame = rendering.draw(other.moment(clip.pre15), other.camera(clip.pre15))
            assert frame == shown, name


@pytest.mark.parametrize(
    ("action", "kind", "wet"),
    [("take mug", "plate", False), ("take mug", "sink", True), ("pour water", "plate", None)],
)
def test_the_rule_takes_the_nearer_mug(action, kind, wet):
    chosen = [c for c in clips(RELATION, 200) if c.action == action]
    chosen = [c for c in chosen if wet is None or (c.scene.tap > 0.5) == wet]
    tried = 0
    for clip in chosen:
        plates = clip.scene.standing("plate")
        mugs = clip.scene.standing("mug")
        if len(mugs) < 2 or (kind == "plate" and not plates):
            continue
        x = clip.scene.kitchen.sink[0] if kind == "sink" else clip.scene.items[plates[0]].place[0]
        near = min(mugs, key=lambda index: abs(clip.scene.items[index].place[0] - x))
        found = clip.plan.place[0] if action == "pour water" else None
        if found is None:
            assert clip.plan.target == near
        else:
            assert found == clip.scene.items[near].place[0]
        tried += 1
    assert tried >= 3


def test_half_of_the_labels_leave_the_goal_open_and_chance_does_not_decide():
    every = clips(RELATION, 100)
    open_ones = [
        clip
        for clip in every
        if relations.is_open(
            clip.scene, clip.action, actions.possible(clip.scene, Random(0))[clip.action]
        )
    ]
    assert 0.4 < len(open_ones) / len(every) < 0.9
    hands = Counter(clip.plan.hand for clip in every)
    assert min(hands[hand] for hand in HANDS) > 0.3 * len(every)


def test_labels_have_a_long_tail():
    random = Random(0)
    common = actions.ACTIONS["take mug"].narrations
    drawn = Counter(narrations.long_tail(random, "take mug", common) for _ in range(4000))
    assert set(drawn) == {*common, *narrations.TAIL["take mug"]}
    assert drawn[common[0]] > 5 * drawn[narrations.TAIL["take mug"][-1]] > 0
    assert narrations.TAIL.keys() == actions.ACTIONS.keys()


def test_a_camera_outside_sees_the_person():
    for clip in clips(THIRD, videos=2):
        camera = clip.camera(motion.PNR)
        assert camera.outside and camera.zoom < 0.7
        seen = np.asarray(rendering.render(clip.moment(motion.PNR), camera, 64), dtype=float)
        own = rendering.render(clip.moment(motion.PNR), rendering.Camera(), 64)
        assert np.abs(seen - np.asarray(own)).mean() > 10


@pytest.mark.parametrize("variant", [RELATION, THIRD, Variant("relation", "third")])
def test_their_videos_are_others_than_the_standard_ones(variant):
    for number in range(3):
        assert filming.video_uid("val", number, variant) != filming.video_uid("val", number)
        mine, standard = (
            filming.video_clips("val", number, each)[0].scene.kitchen
            for each in (variant, STANDARD)
        )
        assert mine != standard


def test_splits_of_both(bench, tmp_path):
    call = ("prepare-splits", "--subset", "train", "--limit", 4, "--workers", 1)
    assert bench(*call, "-o", "cue=relation").status == 0
    assert bench(*call, "-o", "view=third").status == 0
    folder = tmp_path / "workspace/splits"
    relation = load_split(folder / "toy-kitchen-train-cue-relation")
    third = load_split(folder / "toy-kitchen-train-view-third")
    assert relation.manifest.recipe["cue"] == "relation"
    assert third.manifest.recipe["view"] == "third"
    assert not {*relation.samples["video_id"]} & {*third.samples["video_id"]}
    assert len(relation.truth()) == len(third.truth()) == 4
