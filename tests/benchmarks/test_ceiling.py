"""What the input frame and the label allow at best, in the worlds of the toy kitchen."""

from benchmarks.laboratory import ceiling
from egoactgen_bench.toy.world.variants import Variant


def test_the_state_of_the_world_predicts_more_than_the_label():
    table = ceiling.measure("relation", videos=12).set_index(["clips", "word", "guess"])["correct"]
    for clips in ("all", "label leaves the goal open"):
        assert table[clips, "hand", "world's state"] == 100
        assert table[clips, "place", "world's state"] > table[clips, "place", "label's prior"] + 20


def test_a_guess_from_another_scene_is_wrong_more_often():
    variant = Variant("relation")
    clips = [c for n in range(12) for c in ceiling.video_clips("val", n, variant)]
    words = [ceiling.true_words(clip) for clip in clips]
    guesses = [ceiling.best_guess(clip, variant) for clip in clips]
    right = sum(a == b for a, b in zip(words, guesses, strict=True))
    shifted = sum(a == b for a, b in zip(words, guesses[1:] + guesses[:1], strict=True))
    assert right > 0.8 * len(clips) > 0.4 * len(clips) > shifted
