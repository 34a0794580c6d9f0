"""A LLaVA to tune on the toy kitchen: an untrained language model and a trained vision tower."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egoactgen_bench.api.toy_weights import UNTRAINED
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.support.images import read_rgb
from egoactgen_bench.support.provenance import versions
from egoactgen_bench.toy.networks.object_maps import object_map
from egoactgen_bench.toy.world.actions import ACTIONS
from egoactgen_lego.curation.sentence_templates import every_sentence
from egoactgen_lego.toy import tower_training
from egoactgen_lego.toy.frame_facts import facts_of
from egoactgen_lego.toy.split_clips import split_clips
from egoactgen_lego.toy.untrained_llava import write_untrained
from egoactgen_lego.vllm.prompting import QUESTIONS
from egoactgen_lego.vllm.vllm_model import load


def make(
    splits: Sequence[Path],
    instructions: Path,
    folder: Path,
    seed: int = 0,
    steps: int | None = None,
) -> dict[str, Any]:
    """Write the model's folder, and return the content of its `card.json`.

    The vision tower is trained on the input frames of `splits`. The vocabulary are the words of
    their labels, of the answers in `instructions`, and of all sentences that the templates can
    give: another world's answers may have words that these do not have.
    """
    import torch

    loaded = [_training_split(path) for path in splits]
    answers = [entry["conversations"][1]["value"] for entry in read_json(instructions)]
    labels = [str(action) for split in loaded for action in split.samples["action"]]
    possible = every_sentence(action.noun for action in ACTIONS.values())
    write_untrained(folder, [*answers, *labels, *possible, *QUESTIONS], seed)
    vllm = load(folder, "cpu", torch.float32)
    frames = [
        read_rgb(split.frame_path(path))
        for split in loaded
        for path in split.samples["input_frame"]
    ]
    seen = tower_training.normalised(vllm.image_processor, frames)
    clips = [clip for split in loaded for clip in split_clips(split)]
    facts = facts_of([clip.moment(clip.pre15) for clip in clips])
    covered = torch.tensor(np.array([object_map(clip, clip.pre15) for clip in clips], np.float16))
    tower = vllm.model.model.vision_tower
    trained = tower_training.train_tower(
        tower, seen, facts, covered, seed, steps or tower_training.STEPS
    )
    vllm.model.save_pretrained(folder)
    card = {
        "about": "LLaVA of the toy kitchen, to be tuned; its vision tower is trained",
        "data": f"{len(frames):,} input frames of {', '.join(split.name for split in loaded)}",
        "tower": {
            "steps": trained.config.steps,
            "cpu_seconds": trained.seconds,
            "loss": trained.loss,
        },
        "seed": seed,
        "versions": versions(["torch", "transformers"]),
    }
    write_json(folder / UNTRAINED, {})  # marks it as toy weights
    write_json(folder / "card.json", card)
    return card


def _training_split(path: Path) -> Split:
    split = load_split(path)
    if split.manifest.dataset != "toy-kitchen" or split.manifest.subset != "train":
        raise BenchError(f"'{split.name}' is not a training split of the toy kitchen.")
    return split
