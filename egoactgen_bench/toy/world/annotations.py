"""The toy kitchen's annotations in the formats of Ego4D FHO and EPIC-KITCHENS-100."""

from typing import Any

from egoactgen_bench.toy.world.actions import ACTIONS
from egoactgen_bench.toy.world.drawn_boxes import boxes
from egoactgen_bench.toy.world.motion import CONTACT, FPS, LENGTH, PNR, Clip
from egoactgen_bench.toy.world.scene import Scene

EPIC_COLUMNS = (
    "narration_id",
    "participant_id",
    "video_id",
    "narration_timestamp",
    "start_timestamp",
    "stop_timestamp",
    "start_frame",
    "stop_frame",
    "narration",
    "verb",
    "verb_class",
    "noun",
    "noun_class",
    "all_nouns",
    "all_noun_classes",
)


def fho_video(uid: str, clips: list[Clip], size: int) -> dict[str, Any]:
    """One entry of `videos` in fho_main.json."""
    frames = LENGTH * len(clips)
    actions = [_fho_action(uid, index, clip, size) for index, clip in enumerate(clips)]
    return {
        "video_uid": uid,
        "video_metadata": {
            "fps": float(FPS),
            "num_frames": frames,
            "width": size,
            "height": size,
            "duration_sec": frames / FPS,
            "video_start_pts": 0,
            "video_base_numerator": 1,
            "video_base_denominator": 15360,
            "rotation": None,
        },
        "annotated_intervals": [
            {
                "clip_id": 0,
                "clip_uid": None,
                "start_sec": 0.0,
                "end_sec": frames / FPS,
                "start_frame": 0,
                "end_frame": frames,
                "redacted": False,
                "narrated_actions": actions,
            }
        ],
    }


def _fho_action(uid: str, index: int, clip: Clip, size: int) -> dict[str, Any]:
    first = index * LENGTH
    roles = {
        "pre_45": None,
        "pre_30": None,
        "pre_15": first + clip.pre15,
        "pre_frame": first + clip.pre15 + 15,
        "contact_frame": first + CONTACT,
        "pnr_frame": first + PNR,
        "post_frame": first + LENGTH - 2,
    }
    action = ACTIONS[clip.action]
    return {
        "uid": f"{uid}-{index}",
        "start_sec": first / FPS,
        "end_sec": (first + LENGTH) / FPS,
        "start_frame": first,
        "end_frame": first + LENGTH,
        "narration_timestamp_sec": (first + CONTACT) / FPS,
        "narration_text": f"#C C {clip.narration}",
        "structured_verb": action.verb,
        "freeform_verb": None,
        "state_transition": None,
        "is_valid_action": True,
        "is_rejected": False,
        "is_invalid_annotation": False,
        "is_partial": False,
        "stage": "post",
        "critical_frames": roles,
        "clip_critical_frames": None,
        "frames": [
            _fho_frame(clip, role, frame, first, size)
            for role, frame in roles.items()
            if frame is not None
        ],
    }


def _fho_frame(clip: Clip, role: str, frame: int, first: int, size: int) -> dict[str, Any]:
    moment, camera = clip.moment(frame - first), clip.camera(frame - first)
    return {
        "frame_type": role,
        "frame_number": frame,
        "boxes": [
            {
                "object_type": box.object_type,
                "structured_noun": box.noun,
                "freeform_noun": None,
                "bbox": {
                    "x": box.corners[0],
                    "y": box.corners[1],
                    "width": round(box.corners[2] - box.corners[0], 2),
                    "height": round(box.corners[3] - box.corners[1], 2),
                },
            }
            for box in boxes(moment, clip.plan, clip.action, camera, size)
        ],
    }


def epic_rows(video_id: str, clips: list[Clip]) -> list[dict[str, Any]]:
    """The rows of one video in EPIC_100_validation.csv.

    Start and stop are chosen such that 0.25 s before the start is in the PRE-15 frame and 60 % of
    the action is in the PNR frame, so both data sets' recipes select the same two frames.
    """
    verbs = sorted({action.verb for action in ACTIONS.values()})
    nouns = sorted({action.noun for action in ACTIONS.values()})
    rows = []
    for index, clip in enumerate(clips):
        first, action = index * LENGTH, ACTIONS[clip.action]
        start = (first + clip.pre15 + 0.5) / FPS + 0.25
        stop = start + ((first + PNR + 0.5) / FPS - start) / 0.6
        values = (
            f"{video_id}_{index}",
            video_id.partition("_")[0],
            video_id,
            _timestamp(start + 0.1),
            _timestamp(start),
            _timestamp(stop),
            round(start * FPS) + 1,
            round(stop * FPS) + 1,
            clip.action,
            action.verb,
            verbs.index(action.verb),
            action.noun,
            nouns.index(action.noun),
            str([action.noun]),
            str([nouns.index(action.noun)]),
        )
        rows.append(dict(zip(EPIC_COLUMNS, values, strict=True)))
    return rows


def truth(uid: str, index: int, clip: Clip) -> dict[str, Any]:
    """The ground truth of a clip that its annotations lack; x, y as fractions of the sides."""
    return {
        "sample_id": f"{uid}_{index * LENGTH + PNR}",
        "action": clip.action,
        "hand": clip.plan.hand,
        "x": round(_where(clip.scene, clip)[0] / 100, 4),
        "y": round(_where(clip.scene, clip)[1] / 100, 4),
    }


def _where(scene: Scene, clip: Clip) -> tuple[float, float]:
    return clip.plan.place if clip.plan.place != (0.0, 0.0) else clip.plan.goal


def _timestamp(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"00:{int(minutes):02d}:{rest:05.2f}"
