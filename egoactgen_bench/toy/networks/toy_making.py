"""Training one toy model: train, evaluate on held-out clips, write the model's card."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from egoactgen_bench.support.files import write_json
from egoactgen_bench.support.provenance import versions
from egoactgen_bench.support.seeds import derive_seed, seeded
from egoactgen_bench.toy.networks.drawn_clips import draw

# In training order: a recipe may be initialised from the weights of an earlier one.
RECIPES = ("judge", "squeezenet", "clip", "dino", "egovlp", "blip", "dreamsim", "raft")
TRAIN_VIDEOS, HELD_OUT_VIDEOS = 1500, 100  # four clips each, of "train" and of "val"


def make(
    name: str,
    folder: Path,
    cache: Path,
    seed: int = 0,
    steps: int | None = None,
    videos: tuple[int, int] = (TRAIN_VIDEOS, HELD_OUT_VIDEOS),
) -> dict[str, Any]:
    """Write a model's weights and its card `<name>.json` to `folder`; returns the card."""
    recipe = import_module(f"egoactgen_bench.toy.networks.toy_{name}")
    drawn, held_out = draw("train", videos[0], cache), draw("val", videos[1], cache)
    config = recipe.TRAINING if steps is None else recipe.TRAINING.shortened(steps)
    with seeded(derive_seed(seed, name)):
        result = recipe.train(drawn, folder, config)
    card = {
        "model": name,
        "about": (recipe.__doc__ or "").strip(),
        "data": f"toy kitchen: {len(drawn):,} clips of train, {len(held_out):,} of val held out",
        "course": vars(config) | {"seed": seed},
        "cpu_seconds": result.seconds,
        "loss": result.loss,
        "scores": recipe.check(held_out, folder),
        "versions": versions(["torch", "transformers", "open_clip_torch"]),
    }
    write_json(folder / f"{name}.json", card)
    print(json.dumps({"model": name, "seconds": result.seconds} | card["scores"]))
    return card
