"""The clips of a toy kitchen's split, which are drawn again from their seeds."""

from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.toy.world.filming import video_clips, video_uid
from egoactgen_bench.toy.world.motion import LENGTH, PNR, Clip
from egoactgen_bench.toy.world.variants import Variant


def split_clips(split: Split) -> list[Clip]:
    """The clips of a split's samples, in their order."""
    found, number = {}, 0
    recipe = split.manifest.recipe
    variant = Variant(recipe.get("cue", "weak"), recipe.get("view", "first"))
    missing = set(split.samples["sample_id"])
    while missing:
        uid = video_uid(split.manifest.subset, number, variant)
        for index, clip in enumerate(video_clips(split.manifest.subset, number, variant)):
            sample_id = f"{uid}_{index * LENGTH + PNR}"
            found[sample_id] = clip
            missing.discard(sample_id)
        number += 1
    return [found[sample_id] for sample_id in split.samples["sample_id"]]
