"""Ego4D FHO: the boxes in fho_main.json for the frames PRE-15 and PNR of an action."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from egoactgen_bench.datasets.ego4d_actions import FPS, INPUT_ROLE, TARGET_ROLE, narrated_actions
from egoactgen_bench.datasets.json_streaming import stream_items
from egoactgen_lego.curation.named_boxes import Box, Boxes, Sample, normalised

Key = tuple[str, int, float]  # video, PNR frame, start of the action: one video may share a PNR


def recognises(path: Path) -> bool:
    """Whether a JSON file begins like fho_main.json, without reading all of its 2 GB."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        head = stream.read(4096)
    return path.name == "fho_main.json" or '"videos"' in head


def read(path: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    """(sample id, boxes) of the samples of an Ego4D split."""
    wanted = {_key_of(sample): sample["sample_id"] for sample in samples}
    videos = {key[0] for key in wanted}
    for video in stream_items(path, "videos.item"):
        uid = video.get("video_uid") if isinstance(video, dict) else None
        if uid not in videos:
            continue
        size = video.get("video_metadata") or {}
        for _, _, action in narrated_actions(video, uid):
            key = _key(uid, action)
            boxes = _boxes(action, size) if key in wanted else None
            if key and boxes:
                yield wanted[key], boxes


def _key_of(sample: Sample) -> Key:
    return sample["video_id"], round(sample["t_target"] * FPS), round(sample["t_start"], 3)


def _key(uid: str, action: Any) -> Key | None:
    try:
        frame = action["critical_frames"][TARGET_ROLE]
        return uid, int(frame), round(float(action["start_sec"]), 3)
    except (KeyError, TypeError, ValueError):
        return None


def _boxes(action: dict[str, Any], size: dict[str, Any]) -> Boxes:
    frames = [frame for frame in action.get("frames") or () if isinstance(frame, dict)]
    roles = {frame.get("frame_type"): frame.get("boxes") or () for frame in frames}
    before, during = (
        tuple(filter(None, (_box(entry, size) for entry in roles.get(role, ()))))
        for role in (INPUT_ROLE, TARGET_ROLE)
    )
    return Boxes(before, during)


def _box(entry: Any, size: dict[str, Any]) -> Box | None:
    """One box, or None if it is invalid: the other boxes of the frame are still used."""
    try:
        x, y, width, height = (float(entry["bbox"][key]) for key in ("x", "y", "width", "height"))
        edges = (x, y, x + width, y + height)
        return normalised(_name(entry), edges, float(size["width"]), float(size["height"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _name(entry: dict[str, Any]) -> str:
    """`left hand`, or the noun of an object; taxonomies write `drawer_(cabinet,_desk)`."""
    kind = str(entry["object_type"]).replace("_", " ")
    noun = entry.get("structured_noun") or entry.get("freeform_noun")
    if kind.endswith("hand") or not isinstance(noun, str) or noun == "[other]":
        return "object" if kind == "object of change" else kind
    return noun.partition("_(")[0].replace("_", " ")
