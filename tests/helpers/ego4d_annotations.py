"""Ego4D's FHO annotations in the published format, one action in one video, for tests to vary."""

import json
from pathlib import Path
from typing import Any

UID = "00000000-aaaa-bbbb-cccc-000000000001"


CLIP = "00000000-aaaa-bbbb-cccc-0000000000c1"


def action(**changes: Any) -> dict[str, Any]:
    """One narrated action in the published format."""
    box = {"object_type": "object_of_change", "structured_noun": "napkin_(cloth)"}
    usual = {
        "uid": "action-1",
        "start_sec": 100.0,
        "end_sec": 108.0,
        "start_frame": 3000,
        "end_frame": 3240,
        "narration_timestamp_sec": 104.1,
        "narration_text": "#C C folds a napkin",
        "structured_verb": "fold",
        "freeform_verb": None,
        "state_transition": None,
        "is_valid_action": True,
        "is_rejected": False,
        "is_invalid_annotation": False,
        "is_partial": False,
        "stage": "labelling",
        "critical_frames": {"pre_45": 3050, "pre_15": 3080, "pnr_frame": 3101, "post_frame": None},
        "clip_critical_frames": {"pre_15": 80, "pnr_frame": 101},
        "frames": [{"frame_type": "pre_15", "frame_number": 3080, "boxes": [box]}],
    }
    return usual | changes


def interval(*actions: Any, **changes: Any) -> dict[str, Any]:
    usual = {
        "clip_id": 7,
        "clip_uid": CLIP,
        "start_sec": 100.0,
        "end_sec": 400.0,
        "clip_parent_start_frame": 3000,
        "redacted": False,
        "narrated_actions": list(actions),
    }
    return usual | changes


def video(*intervals: Any, **changes: Any) -> dict[str, Any]:
    metadata = {"fps": 30, "num_frames": 18000, "duration_sec": 600.0, "rotation": None}
    usual = {"video_uid": UID, "video_metadata": metadata, "annotated_intervals": list(intervals)}
    return usual | changes


def write_main(folder: Path, *videos: Any) -> Path:
    path = folder / "v2" / "annotations" / "fho_main.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": "v2", "metadata": {}, "videos": list(videos)}))
    return path
