"""Ego4D FHO: the boxes in fho_main.json for the frames PRE-15 and PNR of an action."""

from collections.abc import Iterator, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from egoactgen_bench.artifacts.sample_boxes import BoxKind
from egoactgen_bench.boxes.named_boxes import Box, Boxes, Sample, normalised
from egoactgen_bench.datasets.ego4d_actions import FPS, INPUT_ROLE, TARGET_ROLE, narrated_actions
from egoactgen_bench.datasets.json_streaming import stream_items

KINDS: dict[str, BoxKind] = {
    "left_hand": "left_hand",
    "right_hand": "right_hand",
    "object_of_change": "object",
    "tool": "tool",
}
SAME_START = 1e-3  # seconds; samples.csv has fewer digits than the annotations
Key = tuple[str, int]  # video, PNR frame


def recognises(path: Path) -> bool:
    """Whether a JSON file begins like fho_main.json, without reading all of its 2 GB."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        head = stream.read(4096)
    return path.name == "fho_main.json" or '"videos"' in head


def read(path: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    """(sample id, boxes) of the samples of an Ego4D split."""
    wanted: dict[Key, list[Sample]] = {}
    for sample in samples:
        if not isnan(sample["t_target"]):
            key = sample["video_id"], round(sample["t_target"] * FPS)
            wanted.setdefault(key, []).append(sample)
    videos = {video for video, _ in wanted}
    for video in stream_items(path, "videos.item"):
        uid = video.get("video_uid") if isinstance(video, dict) else None
        if uid not in videos:
            continue
        size = video.get("video_metadata")
        for _, _, action in narrated_actions(video, uid):
            found = _sample_of(action, uid, wanted)
            boxes = _boxes(action, size) if found else None
            if found and boxes:
                yield found["sample_id"], boxes


def _sample_of(action: Any, uid: str, wanted: dict[Key, list[Sample]]) -> Sample | None:
    """The sample of an action, taken out of `wanted`; several actions may share a PNR frame."""
    try:
        frame, start = int(action["critical_frames"][TARGET_ROLE]), float(action["start_sec"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    samples = wanted.get((uid, frame), [])
    for place, sample in enumerate(samples):
        if isnan(sample["t_start"]) or abs(sample["t_start"] - start) < SAME_START:
            return samples.pop(place)
    return None


def _boxes(action: dict[str, Any], size: Any) -> Boxes:
    before, during = (
        tuple(filter(None, (_box(entry, size) for entry in _entries(action, role))))
        for role in (INPUT_ROLE, TARGET_ROLE)
    )
    return Boxes(before, during)


def _entries(action: dict[str, Any], role: str) -> list[Any]:
    """The boxes of the frame of a role; empty if anything else stands in their place."""
    found: list[Any] = []
    for frame in _list_of(action.get("frames")):
        if isinstance(frame, dict) and frame.get("frame_type") == role:
            found = _list_of(frame.get("boxes"))
    return found


def _list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _box(entry: Any, size: Any) -> Box | None:
    """One box, or None if it is invalid: the other boxes of the frame are still used."""
    try:
        x, y, width, height = (float(entry["bbox"][key]) for key in ("x", "y", "width", "height"))
        edges = (x, y, x + width, y + height)
        kind = KINDS.get(entry["object_type"])
        return normalised(_name(entry), kind, edges, float(size["width"]), float(size["height"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None


def _name(entry: dict[str, Any]) -> str:
    """`left hand`, or the noun of an object; taxonomies write `drawer_(cabinet,_desk)`."""
    kind = str(entry["object_type"]).replace("_", " ")
    noun = entry.get("structured_noun") or entry.get("freeform_noun")
    if kind.endswith("hand") or not isinstance(noun, str) or noun == "[other]":
        return "object" if kind == "object of change" else kind
    return noun.partition("_(")[0].replace("_", " ")
