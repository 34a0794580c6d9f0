"""The toy kitchen: seeds, cues in the input frame, and the formats of real data sets."""

import hashlib
import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from PIL import Image

from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.datasets.ego4d import Ego4D
from egoactgen_bench.datasets.epic_kitchens import EpicKitchens
from egoactgen_bench.toy.world import actions, filming, moments, motion, rendering, scene
from egoactgen_bench.toy.world.drawn_boxes import boxes
from egoactgen_bench.toy.world.hands import HandPose
from egoactgen_bench.toy.world.variants import Variant


def scenes(count: int) -> list[scene.Scene]:
    random = Random(3)
    return [scene.sample_scene(random, scene.sample_kitchen(random)) for _ in range(count)]


def test_every_clip_has_six_possible_actions():
    for number in range(10):
        for clip in filming.video_clips("val", number):
            assert len(actions.possible(clip.scene, Random(0))) >= motion.LEAST_POSSIBLE


def test_every_action_occurs_and_no_action_dominates():
    drawn = [clip.action for number in range(100) for clip in filming.video_clips("train", number)]
    counts = {name: drawn.count(name) for name in actions.ACTIONS}
    assert min(counts.values()) >= 3
    assert max(counts.values()) < 0.2 * len(drawn)


def test_scene_does_not_reveal_the_action():
    """Before the hand moves, all possible actions have the same frame."""
    for drawn in scenes(6):
        idle = rendering.draw(moments.at_rest(drawn), rendering.Camera())
        for name, plans in actions.possible(drawn, Random(0)).items():
            for plan in plans:
                moment = actions.ACTIONS[name].motion(drawn, plan, 0.0, 0.0)
                assert rendering.draw(moment, rendering.Camera()) == idle, name


def test_input_frame_shows_a_weak_cue_and_target_shows_the_action():
    differences = []
    for clip in [clip for number in range(4) for clip in filming.video_clips("val", number)]:
        start, before, after = (
            np.asarray(rendering.render(clip.moment(frame), rendering.Camera(), 32), dtype=float)
            for frame in (0, clip.pre15, motion.PNR)
        )
        differences.append([np.abs(before - start).mean(), np.abs(after - start).mean()])
    evidence, change = np.transpose(differences)
    assert change.min() > 1.0
    assert 0 < evidence.mean() < 0.6 * change.mean()


def test_progress_in_the_input_frame_is_in_the_declared_range():
    for clip in [clip for number in range(12) for clip in filming.video_clips("val", number)]:
        progress = motion._ease((clip.pre15 - motion.IDLE) / (motion.CONTACT - motion.IDLE))
        assert 0.05 <= progress <= 0.33


CUES = ("none", "weak", "strong")


def test_the_cue_changes_the_input_frame_only():
    """Scene, action, plan, narration and camera path are those of the standard world."""
    for number in range(5):
        worlds = [filming.video_clips("train", number, Variant(cue)) for cue in CUES]
        assert worlds[1] == filming.video_clips("train", number)
        for none, weak, strong in zip(*worlds, strict=True):
            assert none.pre15 < motion.IDLE < weak.pre15 < strong.pre15 < motion.CONTACT
            assert replace(none, pre15=0) == replace(weak, pre15=0) == replace(strong, pre15=0)


def test_without_a_cue_the_input_frame_does_not_depend_on_the_action():
    for clip in filming.video_clips("val", 0, Variant("none")):
        shown = rendering.draw(clip.moment(clip.pre15), clip.camera(clip.pre15))
        for name, plans in actions.possible(clip.scene, Random(0)).items():
            other = replace(clip, action=name, plan=plans[-1], lean=0.5)
            frame = rendering.draw(other.moment(clip.pre15), other.camera(clip.pre15))
            assert frame == shown, name


@pytest.mark.parametrize("cue", ["none", "strong"])
def test_a_split_with_another_cue_is_another_split(bench, tmp_path, cue):
    call = ("prepare-splits", "--subset", "train", "--limit", 4, "--workers", 1)
    assert bench(*call).status == 0
    result = bench(*call, "-o", f"cue={cue}")
    assert result.status == 0, result.err
    splits = tmp_path / "workspace/splits"
    usual = load_split(splits / "toy-kitchen-train")
    other = load_split(splits / f"toy-kitchen-train-cue-{cue}")
    assert "cue" not in usual.manifest.recipe
    assert other.manifest.recipe["cue"] == cue
    assert other.fingerprint != usual.fingerprint
    assert other.truth() == usual.truth()
    same = ["sample_id", "action", "t_target", "target_sha256"]
    assert other.samples[same].equals(usual.samples[same])
    assert (other.samples["input_sha256"] != usual.samples["input_sha256"]).all()


def test_an_unknown_cue_is_refused(bench):
    result = bench("prepare-splits", "-o", "cue=loud")
    assert (result.status, result.out) == (2, "")
    assert "Data set toy-kitchen: option cue=loud" in result.err
    assert "'none', 'weak', 'strong' or 'relation'" in result.err
    result = bench("prepare-splits", "-o", "clue=weak")
    assert "Data set toy-kitchen has no option 'clue'. Did you mean 'cue'?" in result.err


def test_unease_inverts_ease():
    for value in np.linspace(0, 1, 21):
        assert motion._ease(motion._unease(value)) == pytest.approx(value, abs=1e-9)


def test_subsets_are_disjoint():
    for number in range(5):
        assert filming.video_uid("val", number) != filming.video_uid("train", number)
        assert filming.video_clips("val", number) != filming.video_clips("train", number)


def test_the_box_of_the_acting_hand_surrounds_it():
    """Removing the hand changes most pixels in its box, and none above it."""
    clip = filming.video_clips("val", 0)[0]
    moment, camera = clip.moment(motion.PNR), clip.camera(motion.PNR)
    found = {
        box.object_type: box.corners for box in boxes(moment, clip.plan, clip.action, camera, 256)
    }
    left, top, right, bottom = map(round, found[f"{clip.plan.hand}_hand"])
    assert 0 <= left < right <= 256
    assert 0 <= top < bottom <= 256
    removed = {**moment.poses, clip.plan.hand: HandPose((50.0, 500.0))}
    changed = np.any(
        np.asarray(rendering.render(moment, camera, 256))
        != np.asarray(rendering.render(replace(moment, poses=removed), camera, 256)),
        axis=-1,
    )
    assert changed[top:bottom, left:right].mean() > 0.5
    assert not changed[: top - 4].any()
    assert found["object_of_change"][2] > found["object_of_change"][0]


def test_filming_is_deterministic_and_extensible(tmp_path, monkeypatch):
    small = Variant(size=32)
    monkeypatch.setattr(filming, "CLIPS_PER_VIDEO", 2)
    filming.film(tmp_path / "a", "val", 1, variant=small)
    filming.film(tmp_path / "b", "val", 2, variant=small)
    filming.annotate(tmp_path / "b", "val", 2, small)
    first = f"full_scale/{filming.video_uid('val', 0)}.mp4"
    assert (tmp_path / "a" / first).read_bytes() == (tmp_path / "b" / first).read_bytes()
    annotations = json.loads((tmp_path / "b/annotations/fho_main.json").read_text())
    assert {video["video_metadata"]["width"] for video in annotations["videos"]} == {32}
    uids = [video["video_uid"] for video in annotations["videos"]]
    assert uids == [filming.video_uid("val", 0), filming.video_uid("val", 1)]
    actions_ = annotations["videos"][0]["annotated_intervals"][0]["narrated_actions"]
    assert [a["narration_text"] for a in actions_] == [
        f"#C C {clip.narration}" for clip in filming.video_clips("val", 0)
    ]
    assert (tmp_path / "b/epic/P01/videos/P01_02.MP4").is_file()


def test_prepare_splits_makes_the_default_split(bench, tmp_path):
    result = bench("prepare-splits", "--limit", 4, "--workers", 1)
    assert (result.status, "4 kept" in result.out) == (0, True), result
    split = load_split(tmp_path / "workspace/splits/toy-kitchen")
    clips = filming.video_clips("val", 0)
    ids = [f"{filming.video_uid('val', 0)}_{motion.LENGTH * i + motion.PNR}" for i in range(4)]
    assert split.samples.sample_id.tolist() == ids
    assert split.samples.t_input.tolist() == pytest.approx(
        [(motion.LENGTH * i + clip.pre15) / motion.FPS for i, clip in enumerate(clips)]
    )
    shown = np.asarray(Image.open(split.frame_path(split.samples.target_frame[0])), dtype=float)
    drawn = rendering.render(clips[0].moment(motion.PNR), clips[0].camera(motion.PNR), 256)
    assert np.abs(shown - np.asarray(drawn)).mean() < 3
    other = np.asarray(rendering.render(clips[0].moment(0), clips[0].camera(0), 256))
    assert np.abs(shown - other).mean() > 3


def test_the_recipes_of_ego4d_and_epic_select_the_same_frames(tmp_path):
    filming.annotate(tmp_path, "val", 2)
    ego4d = list(Ego4D(tmp_path / "annotations", None, "val").clips())
    epic = list(EpicKitchens(tmp_path / "epic", None, "val").clips())
    for first, second in zip(ego4d, epic, strict=True):
        assert int(first.t_input * 30 + 1e-6) == int(second.t_input * 30)
        assert int(first.t_target * 30 + 1e-6) == int(second.t_target * 30)


def test_times_only_films_nothing(bench, tmp_path):
    result = bench("prepare-splits", "--times-only", "--limit", 4)
    assert result.status == 0, result.err
    assert not (tmp_path / "workspace/datasets").exists()
    assert len(load_split(tmp_path / "workspace/splits/toy-kitchen").truth()) == 4


def test_dry_run_draws_nothing(bench, tmp_path):
    result = bench("prepare-splits", "--dry-run")
    assert (result.status, "32 samples" in result.out) == (0, True), result
    assert not (tmp_path / "workspace").exists()


def test_the_lamps_light_does_not_depend_on_the_processor():
    """NumPy's power differs in the last bit between instruction sets, and with it the frames."""
    kitchen = scene.sample_kitchen(Random(0))
    light = np.ascontiguousarray(rendering._light(kitchen, 256))
    assert hashlib.sha256(light.tobytes()).hexdigest()[:16] == "49ae698174ac5bd7"
