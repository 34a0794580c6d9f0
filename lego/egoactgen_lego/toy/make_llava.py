"""A LLaVA to tune on the toy kitchen: an untrained language model and a trained vision tower."""

from pathlib import Path
from typing import Any

from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.support.images import read_rgb
from egoactgen_bench.support.provenance import versions
from egoactgen_bench.toy.world.filming import video_clips, video_uid
from egoactgen_bench.toy.world.motion import LENGTH, PNR
from egoactgen_bench.toy.world.variants import Variant
from egoactgen_lego.toy import tower_training
from egoactgen_lego.toy.frame_facts import Facts, facts_of
from egoactgen_lego.toy.untrained_llava import write_untrained
from egoactgen_lego.vllm.prompting import QUESTIONS
from egoactgen_lego.vllm.vllm_model import load


def make(
    split_folder: Path, instructions: Path, folder: Path, seed: int = 0, steps: int | None = None
) -> dict[str, Any]:
    """Write the model's folder, and return the content of its `card.json`."""
    import torch

    split = load_split(split_folder)
    if split.manifest.dataset != "toy-kitchen" or split.manifest.subset != "train":
        raise BenchError(f"'{split.name}' is not a training split of the toy kitchen.")
    answers = [entry["conversations"][1]["value"] for entry in read_json(instructions)]
    labels = [str(action) for action in split.samples["action"]]
    write_untrained(folder, [*answers, *labels, *QUESTIONS], seed)
    vllm = load(folder, "cpu", torch.float32)
    roles = [split.samples[f"{role}_frame"] for role in ("input", "target")]
    frames = [read_rgb(split.frame_path(path)) for paths in roles for path in paths]
    seen = tower_training.normalised(vllm.image_processor, frames)
    trained = tower_training.train_tower(
        vllm.model.model.vision_tower, seen, _facts(split), seed, steps or tower_training.STEPS
    )
    vllm.model.save_pretrained(folder)
    card = {
        "about": "LLaVA of the toy kitchen, to be tuned; its vision tower is trained",
        "data": f"{len(frames):,} frames of {split.name}",
        "tower": {
            "steps": trained.config.steps,
            "cpu_seconds": trained.seconds,
            "loss": trained.loss,
        },
        "seed": seed,
        "versions": versions(["torch", "transformers"]),
    }
    write_json(folder / "card.json", card)
    return card


def _facts(split: Split) -> Facts:
    """The facts of a split's frames: of all input frames, then of all target frames."""
    clips, number = {}, 0
    recipe = split.manifest.recipe
    variant = Variant(recipe.get("cue", "weak"), recipe.get("view", "first"))
    missing = set(split.samples["sample_id"])
    while missing:
        uid = video_uid("train", number, variant)
        for index, clip in enumerate(video_clips("train", number, variant)):
            sample_id = f"{uid}_{index * LENGTH + PNR}"
            clips[sample_id] = clip
            missing.discard(sample_id)
        number += 1
    known = [clips[sample_id] for sample_id in split.samples["sample_id"]]
    return facts_of(
        [clip.moment(clip.pre15) for clip in known] + [clip.moment(PNR) for clip in known]
    )
