"""The gallery's data for each sample: texts, images and the value of every metric."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.errors import SampleError
from egoactgen_bench.measurement.sources import ImageFile
from egoactgen_bench.stages.report.report_contents import Contents
from egoactgen_bench.stages.report.thumbnails import name_of

ROLES = ("input", "target")


def frames(contents: Contents, positions: Sequence[int]) -> list[ImageFile]:
    """Every image that the gallery shows: frames of the split and outputs of the runs."""
    split, samples = contents.split, contents.split.samples.iloc[list(positions)]
    own = [
        ImageFile(split.frame_path(path), sha256)
        for role in ROLES
        if f"{role}_frame" in samples
        for path, sha256 in zip(samples[f"{role}_frame"], samples[f"{role}_sha256"], strict=True)
    ]
    outputs = (
        candidate.output(position) for candidate in contents.candidates for position in positions
    )
    return own + [found for found in outputs if isinstance(found, ImageFile)]


def gallery(
    contents: Contents, positions: Sequence[int], failed: Mapping[str, str]
) -> dict[str, Any]:
    """The gallery's data by column, for the page's script, of the samples at `positions`.

    An image is the name of its thumbnail, or `!` and the reason code if it is missing; `failed` has
    the codes of thumbnails that could not be created. A value is a number in the paper's unit,
    null, or the string `inf` or `-inf`.
    """
    samples = contents.split.samples.iloc[list(positions)]
    texts = {
        column: samples[column].tolist() if column in samples else [""] * len(samples)
        for column in ("sample_id", "action", "verb", "video_id")
    }
    ids: list[str] = texts["sample_id"]
    images = {
        role: [_checked(sha256[:16], failed) for sha256 in samples[f"{role}_sha256"]]
        for role in ROLES
        if f"{role}_frame" in samples
    }
    return {
        "ids": ids,
        "actions": texts["action"],
        "verbs": _coded(texts["verb"]),
        "videos": _coded(texts["video_id"]),
        "descriptions": [contents.descriptions.get(sample_id, "") for sample_id in ids]
        if contents.descriptions
        else [],
        "pictures": images,
        "runs": [
            {
                "name": candidate.label,
                "ranked": not any(candidate.name in each.unranked for each in contents.scores),
                "pictures": [_image(candidate.output(position), failed) for position in positions],
            }
            for candidate in contents.candidates
        ],
        "metrics": [
            metric for scores in contents.scores for metric in _metrics(contents, scores, ids)
        ],
    }


def _image(found: ImageFile | SampleError | None, failed: Mapping[str, str]) -> str:
    if isinstance(found, ImageFile):
        return _checked(name_of(found), failed)
    return "!not_in_run" if found is None else f"!{found.code}"


def _checked(name: str, failed: Mapping[str, str]) -> str:
    return f"!{failed[name]}" if name in failed else name


def _coded(values: list[str]) -> dict[str, Any]:
    """The distinct values, and for each sample the index of its value."""
    known = {value: number for number, value in enumerate(sorted(set(values)))}
    return {"names": list(known), "codes": [known[value] for value in values]}


def _metrics(contents: Contents, scores: Scores, ids: list[str]) -> list[dict[str, Any]]:
    names = [name for name, about in scores.metrics.items() if about.per_sample]
    cube = scores.per_sample(ids, names)
    several = len(contents.scores) > 1
    rows = [
        scores.runs.index(candidate.name) if candidate.name in scores.runs else None
        for candidate in contents.candidates
    ]
    found = []
    for number, name in enumerate(names):
        about = scores.metrics[name]
        found.append(
            {
                "label": f"{about.title} ({scores.protocol})" if several else about.title,
                "up": about.higher_is_better,
                "primary": about.primary,
                "decimals": about.decimals,
                "values": [
                    [None] * len(ids)
                    if row is None
                    else _numbers(cube[:, row, number] * about.factor, about.decimals)
                    for row in rows
                ],
            }
        )
    return found


def _numbers(values: np.ndarray, decimals: int) -> list[float | str | None]:
    """Numbers for JSON, with one more decimal than is shown, for sorting."""
    return [
        None
        if np.isnan(value)
        else round(value, decimals + 1)
        if np.isfinite(value)
        else str(value)
        for value in values.tolist()
    ]
