"""The toy kitchen's templates in place of a language model, and its LLaVA before tuning."""

import json
import re

import pytest
import torch

from egoactgen_bench.boxes.named_boxes import Box, Boxes
from egoactgen_bench.datasets.labels import ego4d_label
from egoactgen_bench.errors import SampleError
from egoactgen_bench.toy.world.actions import ACTIONS
from egoactgen_bench.toy.world.drawn_boxes import boxes as drawn_boxes
from egoactgen_bench.toy.world.filming import video_clips
from egoactgen_bench.toy.world.motion import PNR
from egoactgen_bench.toy.world.narrations import TAIL
from egoactgen_bench.toy.world.variants import Variant
from egoactgen_lego.curation.asking import Query, description_in
from egoactgen_lego.curation.sentence_templates import PHRASES, Templates, every_sentence
from egoactgen_lego.toy import tower_training
from egoactgen_lego.toy.frame_facts import ABSENT, CHOICES, POSITIONS, facts_of
from egoactgen_lego.toy.untrained_llava import write_untrained
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.vllm_model import load

REST, REACH = (0.2, 0.8, 0.3, 0.9), (0.5, 0.5, 0.6, 0.6)


def make_query(action, thing="mug", right=REACH):
    before = (Box("left hand", REST), Box("right hand", (0.7, 0.8, 0.8, 0.9)))
    during = (Box("left hand", REST), Box("right hand", right), Box(thing, (0.5, 0.5, 0.6, 0.6)))
    return Query(action, Boxes(before, during))


def describe(query):
    return description_in(Templates().ask([{"role": "user", "content": query.text()}]).text)


def test_templates_name_the_hand_that_moves_and_the_place():
    sentence = describe(make_query("pick up the mug"))
    assert "right hand" in sentence
    assert "mug in the middle" in sentence
    assert sentence == describe(make_query("pick up the mug"))


def test_templates_cover_every_narration_of_the_world():
    for action in ACTIONS.values():
        for narration in action.narrations:
            verb, _, rest = narration.partition(" ")
            label = f"{verb.removesuffix('s')} {rest}" if verb != "washes" else f"wash {rest}"
            assert "middle" in describe(
                make_query(label.replace("pushe ", "push "), action.noun)
            ), label


def test_templates_describe_rare_narrations_like_common_ones():
    def phrases(narration):
        label = ego4d_label(f"#C C {narration}")
        return next(number for number, (p, *_) in enumerate(PHRASES) if re.match(p, label))

    for name, action in ACTIONS.items():
        assert len({*map(phrases, action.narrations), *map(phrases, TAIL[name])}) == 1, name


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (make_query("fly a kite"), "no template for 'fly a kite'"),
        (Query("take a mug", Boxes()), "box of a hand or of the object is missing"),
    ],
)
def test_templates_give_no_reply_to_unknown_queries(asked, reason):
    with pytest.raises(SampleError, match=reason):
        Templates().ask([{"role": "user", "content": asked.text()}])


def test_curate_fills_in_templates_from_boxes_of_the_toy_kitchen(bench, tmp_path):
    assert bench("prepare-splits", "toy-kitchen", "--subset", "train", "--limit", 8).status == 0
    world = tmp_path / "workspace/datasets/toy-kitchen-train"
    boxes = world / "annotations/fho_main.json"
    result = bench(
        *("lego", "curate", "--split", "toy-kitchen-train", "--boxes", boxes, "--templates")
    )
    assert (result.status, "8 of 8 samples" in result.out) == (0, True), result
    split = tmp_path / "workspace/splits/toy-kitchen-train"
    data = json.loads((split / "instructions/curated/instructions.json").read_text())
    truth = {fact["sample_id"]: fact for fact in json.loads((world / "truth.json").read_text())}
    for entry in data:
        hand = truth[entry["id"]]["hand"]
        assert f"{hand} hand" in entry["conversations"][1]["value"], entry


@pytest.mark.parametrize("view", ["first", "third"])
@pytest.mark.parametrize("cue", ["weak", "none", "strong", "relation"])
def test_templates_name_the_hand_that_acts(cue, view):
    """Also where the other hand moves more: the one with the knife, or while a drawer opens."""
    seen = set()
    for clip in (clip for n in range(300) for clip in video_clips("train", n, Variant(cue, view))):
        moments = ((clip.pre15, clip.camera(clip.pre15)), (PNR, clip.camera(PNR)))
        before, during = (
            tuple(
                Box(
                    {"object_of_change": box.noun}.get(box.object_type)
                    or box.object_type.replace("_", " "),
                    tuple(edge / 256 for edge in box.corners),
                )
                for box in drawn_boxes(clip.moment(time), clip.plan, clip.action, camera, 256)
            )
            for time, camera in moments
        )
        if len(during) == 3 and len(before) >= 2:
            label = ego4d_label(f"#C C {ACTIONS[clip.action].narrations[0]}")
            sentence = describe(Query(label, Boxes(before, during)))
            assert f"{clip.plan.hand} hand" in sentence, (clip.action, sentence)
            assert sentence in every_sentence([ACTIONS[clip.action].noun])
            seen.add(clip.action)
    assert {"cut onion", "open drawer"} <= seen


def test_facts_of_frames():
    clips = [clip for number in range(6) for clip in video_clips("val", number)]
    facts = facts_of([clip.moment(PNR) for clip in clips])
    assert facts.choices.shape == (len(clips), len(CHOICES))
    assert facts.positions.shape == (len(clips), POSITIONS)
    there = facts.positions != ABSENT
    assert facts.positions[there].min() > -0.5
    assert facts.positions[there].max() < 1.5
    opened = [clip.action == "open drawer" for clip in clips]
    assert (facts.choices[opened, 2] > 0).all()


def test_the_untrained_llava_knows_its_words_and_its_tower_trains(tmp_path):
    texts = ["The person's left hand lifts the mug.", QUESTION.format("take mug")]
    write_untrained(tmp_path / "vllm", texts, seed=0)
    vllm = load(tmp_path / "vllm", "cpu", torch.float32)
    ids = vllm.tokenizer(texts[0], add_special_tokens=False).input_ids
    assert vllm.tokenizer.decode(ids) == texts[0]
    assert vllm.tokenizer.unk_token_id not in ids
    clips = [clip for number in range(4) for clip in video_clips("val", number)]
    facts = facts_of([clip.moment(PNR) for clip in clips])
    frames = torch.randn(len(clips), 3, 64, 64, generator=torch.Generator().manual_seed(0))
    model = vllm.model.model.vision_tower
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    covered = torch.zeros(len(clips), 13, 8, 8)
    tower_training.train_tower(model, frames, facts, covered, seed=0, steps=2)
    changed = [name for name, weight in model.named_parameters() if (weight != before[name]).any()]
    assert any("layers.0" in name for name in changed)
    assert not model.training
