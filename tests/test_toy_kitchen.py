"""The drawn world: seeded, with evidence but no answer in it, and in the true formats."""

import json
from random import Random

import numpy as np
import pytest

from egoactgen_bench.datasets.toy_kitchen import actions, motion, picture, scene, world
from egoactgen_bench.datasets.toy_kitchen.boxes import boxes


def scenes(count: int) -> list[scene.Scene]:
    random = Random(3)
    return [scene.sample_scene(random, scene.sample_kitchen(random)) for _ in range(count)]


def test_every_clip_has_six_possible_actions():
    for number in range(10):
        for clip in world.video_clips("val", number):
            assert len(actions.possible(clip.scene, Random(0))) >= motion.LEAST_POSSIBLE


def test_every_action_occurs_and_no_action_dominates():
    said = [clip.action for number in range(100) for clip in world.video_clips("train", number)]
    counts = {name: said.count(name) for name in actions.ACTIONS}
    assert min(counts.values()) >= 3
    assert max(counts.values()) < 0.2 * len(said)


def test_scene_does_not_give_the_action_away():
    """Swapping the label changes nothing of a scene before the hand sets out."""
    for drawn in scenes(6):
        idle = picture.draw(actions.at_rest(drawn), picture.Camera())
        for name, plans in actions.possible(drawn, Random(0)).items():
            for plan in plans:
                moment = actions.ACTIONS[name].motion(drawn, plan, 0.0, 0.0)
                assert picture.draw(moment, picture.Camera()) == idle, name


def test_input_frame_holds_weak_evidence_and_target_shows_the_action():
    differences = []
    for clip in [clip for number in range(4) for clip in world.video_clips("val", number)]:
        start, before, after = (
            np.asarray(picture.photograph(clip.moment(frame), picture.Camera(), 32), dtype=float)
            for frame in (0, clip.pre15, motion.PNR)
        )
        differences.append([np.abs(before - start).mean(), np.abs(after - start).mean()])
    evidence, change = np.transpose(differences)
    assert change.min() > 1.0
    assert 0 < evidence.mean() < 0.6 * change.mean()


def test_progress_in_the_input_frame_is_as_declared():
    for clip in [clip for number in range(12) for clip in world.video_clips("val", number)]:
        share = motion._ease((clip.pre15 - motion.IDLE) / (motion.CONTACT - motion.IDLE))
        assert 0.05 <= share <= 0.33


def test_unease_inverts_ease():
    for value in np.linspace(0, 1, 21):
        assert motion._ease(motion._unease(value)) == pytest.approx(value, abs=1e-9)


def test_subsets_are_disjoint():
    for number in range(5):
        assert world.video_uid("val", number) != world.video_uid("train", number)
        assert world.video_clips("val", number) != world.video_clips("train", number)


def test_boxes_hold_what_they_name():
    """Painting the acting hand away changes pixels inside its box and nowhere far outside."""
    clip = world.video_clips("val", 0)[0]
    moment, camera = clip.moment(motion.PNR), clip.camera(motion.PNR)
    found = {
        box.object_type: box.corners for box in boxes(moment, clip.plan, clip.action, camera, 256)
    }
    left, top, right, bottom = found[f"{clip.plan.hand}_hand"]
    skinless = picture.draw(moment, camera).replace(moment.scene.kitchen.skin, "#00ff00")
    assert skinless != picture.draw(moment, camera)
    assert 0 <= left < right <= 256
    assert 0 <= top < bottom <= 256
    assert found["object_of_change"][2] > found["object_of_change"][0]


def test_world_is_the_same_twice_and_grows(tmp_path):
    world.make_world(tmp_path / "a", "val", 1)
    world.make_world(tmp_path / "b", "val", 2, workers=2)
    first = f"full_scale/{world.video_uid('val', 0)}.mp4"
    assert (tmp_path / "a" / first).read_bytes() == (tmp_path / "b" / first).read_bytes()
    annotations = json.loads((tmp_path / "b/annotations/fho_main.json").read_text())
    uids = [video["video_uid"] for video in annotations["videos"]]
    assert uids == [world.video_uid("val", 0), world.video_uid("val", 1)]
    actions_ = annotations["videos"][0]["annotated_intervals"][0]["narrated_actions"]
    assert [a["narration_text"] for a in actions_] == [
        f"#C C {clip.narration}" for clip in world.video_clips("val", 0)
    ]
    assert (tmp_path / "b/epic/P01/videos/P01_02.MP4").is_file()
