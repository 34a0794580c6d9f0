"""Several training splits as one, and how often each is drawn."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import gcd, lcm
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.descriptions import Descriptions, load_descriptions
from egoactgen_bench.artifacts.splits import Split, fingerprint, frames_fingerprint
from egoactgen_bench.errors import BenchError

FINEST = 1_000  # draws in which the weights are met exactly


@dataclass(frozen=True, repr=False, eq=False)
class JointSplit(Split):
    """Splits one after the other, by name; frames are named `<split>/<frame of the split>`.

    Of `sum(weights)` draws, `weights[i]` are of the i-th split; without weights, every sample is
    drawn equally often.
    """

    parts: tuple[Split, ...]
    weights: tuple[int, ...] | None

    def frame_path(self, relative: str) -> Path:
        name, _, frame = relative.partition("/")
        return next(part for part in self.parts if part.name == name).frame_path(frame)

    @cached_property
    def split_of(self) -> dict[str, str]:
        """Sample id → name of its split."""
        return {each: part.name for part in self.parts for each in part.samples["sample_id"]}

    def record(self, descriptions: str | None) -> list[dict[str, Any]]:
        """What train.json lists of each split."""
        texts = [load_descriptions(p.folder, descriptions) for p in self.parts if descriptions]
        return [
            {
                "name": part.name,
                "weight": self.weights[number] if self.weights else None,
                "dataset": part.manifest.dataset,
                "samples": len(part.samples),
                "fingerprint": part.fingerprint,
                "frames_fingerprint": part.frames_fingerprint,
                "descriptions_sha256": texts[number].sha256 if texts else None,
            }
            for number, part in enumerate(self.parts)
        ]


def join(splits: Sequence[Split], weights: Sequence[float | str] | None = None) -> JointSplit:
    """Several training splits as one; their order does not matter.

    Raises `BenchError` for a split that is not for training, lacks frames, or shares a sample with
    another, and for weights that are not positive.
    """
    whole = _whole(weights, len(splits)) if weights is not None else [None] * len(splits)
    order = sorted(zip(splits, whole, strict=True), key=lambda each: each[0].name)
    parts = tuple(part for part, _ in order)
    _check(parts)
    samples = pd.concat([_with_folder(part) for part in parts], ignore_index=True)
    first = parts[0].manifest
    manifest = first.model_copy(
        update={
            "name": "_".join(part.name for part in parts),
            "dataset": "+".join(dict.fromkeys(part.manifest.dataset for part in parts)),
            "licence": next(filter(None, (part.manifest.licence for part in parts)), None),
            "counts": first.counts.model_copy(update={"kept": len(samples)}),
            "fingerprint": fingerprint(samples),
            "frames_fingerprint": frames_fingerprint(samples),
        }
    )
    chosen = tuple(weight for _, weight in order if weight is not None) or None
    return JointSplit(parts[0].folder.parent / manifest.name, manifest, samples, parts, chosen)


def descriptions_by_name(split: Split, name: str) -> Descriptions:
    """The set `name` of a split, or of every part of a joint one."""
    if not isinstance(split, JointSplit):
        return load_descriptions(split.folder, name)
    found = [load_descriptions(part.folder, name) for part in split.parts]
    digest = hashlib.sha256("\n".join(each.sha256 for each in found).encode()).hexdigest()
    texts = {key: text for each in found for key, text in each.texts.items()}
    return Descriptions(name, digest, texts, any(each.toy_weights for each in found))


def parts_of(split: Split, sample_ids: Sequence[str]) -> Iterator[tuple[Split, int]]:
    """Each split of a joint one, and how many of `sample_ids`, in its order, are its."""
    assert isinstance(split, JointSplit)
    names = [split.split_of[sample_id] for sample_id in sample_ids]
    for part in split.parts:
        yield part, names.count(part.name)


def _check(parts: Sequence[Split]) -> None:
    for part in parts:
        part.require_frames()
        if part.manifest.subset != "train":
            raise BenchError(
                f"Split '{part.name}' is not a training split (its subset is "
                f"{part.manifest.subset}): several splits can only be trained on if all are."
            )
    for one, other in pairwise(parts):
        if one.name == other.name:
            raise BenchError(f"Split '{one.name}' is given twice.")
    seen: dict[str, str] = {}
    for part in parts:
        for sample_id in part.samples["sample_id"]:
            if sample_id in seen:
                raise BenchError(
                    f"Sample '{sample_id}' is in split '{seen[sample_id]}' and in '{part.name}': "
                    "train on splits that share no sample."
                )
            seen[sample_id] = part.name


def _with_folder(part: Split) -> pd.DataFrame:
    columns = ("input_frame", "target_frame")
    return part.samples.assign(**{name: f"{part.name}/" + part.samples[name] for name in columns})


def _whole(weights: Sequence[float | str], count: int) -> list[int]:
    """The smallest whole numbers in the proportions of `weights`."""
    try:
        exact = [Fraction(str(weight)[:40]) for weight in weights]
    except (ValueError, ZeroDivisionError):
        exact = []
    if len(exact) != count or min(exact) <= 0:
        raise BenchError(
            "The weights of splits are numbers above zero, one for each split, such as 2 or 0.5."
        )
    multiple = lcm(*(weight.denominator for weight in exact))
    found = [int(weight * multiple) for weight in exact]
    found = [weight // gcd(*found) for weight in found]
    if sum(found) > FINEST:
        raise BenchError(
            f"The weights of the splits are too fine: their proportions need {sum(found):,} draws, "
            f"at most {FINEST:,}; round them."
        )
    return found
