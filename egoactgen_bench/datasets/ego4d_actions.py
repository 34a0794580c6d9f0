"""Reads a narrated action of Ego4D FHO: its two frames and its label, or why it is rejected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from egoactgen_bench.datasets.labels import ego4d_label
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.safe_names import is_safe_id

FPS = 30  # of canonical videos and clips, to which all frame numbers refer
INPUT_ROLE = "pre_15"
TARGET_ROLE = "pnr_frame"

_LARGEST = 1e9  # seconds or frames; far above any video, far below where floats lose integers


@dataclass(frozen=True, slots=True)
class FrameNumbers:
    """0-based frame numbers of one action, in the canonical video and in the clip file.

    Those in the clip file are None if the annotations do not state them.
    """

    input: int
    target: int
    clip_uid: str | None
    clip_input: int | None
    clip_target: int | None


@dataclass(frozen=True, slots=True)
class NarratedAction:
    """A valid action; times in seconds of the canonical video."""

    action: str
    verb: str
    noun: str
    t_start: float
    t_end: float
    frames: FrameNumbers


def narrated_actions(video: dict[str, Any], name: str) -> Iterator[tuple[str, Any, Any]]:
    """(row id, interval, action) of everything in the place of an action, well formed or not.

    Row ids are the actions' uids; an action without one gets an id made from `name`, the video's.
    """
    for place, interval in enumerate(_listed(video, "annotated_intervals")):
        if not isinstance(interval, dict):
            yield f"{name}:{place}", interval, None
        for index, action in enumerate(_listed(interval, "narrated_actions")):
            uid = _field(action, "uid")
            named = isinstance(uid, str) and is_safe_id(uid)
            yield uid if named else f"{name}:{place}:{index}", interval, action


def read_action(
    action: Any, interval: Any, redacted: Sequence[tuple[float, float]], frame_count: int | None
) -> NarratedAction:
    """Validate one action.

    `redacted`: (start, end) in seconds of passages that are blank in the video. `frame_count`: None
    if unknown. Raises `SampleError` with the reason code of the rejection, whatever the JSON
    contains.
    """
    if not isinstance(action, dict) or not isinstance(interval, dict):
        raise SampleError("bad_row", f"{type(action).__name__} in the place of an action")
    if interval.get("redacted"):
        raise SampleError("redacted", "the whole interval")
    _refuse_invalid(action)
    label = _label(action)
    t_start, t_end = _seconds(action, "start_sec"), _seconds(action, "end_sec")
    if t_end <= t_start:
        raise SampleError("bad_row", f"end_sec {t_end:g} is not after start_sec {t_start:g}")
    frames = _frame_numbers(action, interval)
    if frames.input < 0:
        raise SampleError("input_before_start", f"{INPUT_ROLE} = {frames.input}")
    if frames.target <= frames.input:
        numbers = f"{INPUT_ROLE} = {frames.input}, {TARGET_ROLE} = {frames.target}"
        raise SampleError("target_not_after_input", numbers)
    if frame_count is not None and frames.target >= frame_count:
        raise SampleError("target_after_end", f"frame {frames.target} of {frame_count}")
    for number in (frames.input, frames.target):
        if any(start <= number / FPS <= end for start, end in redacted):
            raise SampleError("redacted", f"frame {number}")
    verb = _word(action, "structured_verb", "freeform_verb") or label.partition(" ")[0]
    return NarratedAction(label, verb, _noun(action), t_start, t_end, frames)


def _refuse_invalid(action: dict[str, Any]) -> None:
    """Check the flags; null means unset.

    `is_partial` does not count: it only means that no frames but the critical ones were annotated.
    """
    for flag, bad in (
        ("is_rejected", True),
        ("is_invalid_annotation", True),
        ("is_valid_action", False),
    ):
        value = action.get(flag)
        if value is bad:
            reason = action.get("reject_reason")
            why = f" ({reason[:80]})" if isinstance(reason, str) and reason else ""
            raise SampleError("invalid_action", f"{flag} is {str(bad).lower()}{why}")
        if value is not None and not isinstance(value, bool):
            raise SampleError(
                "bad_row", f"{flag} is a {type(value).__name__}, expected true or false"
            )


def _label(action: dict[str, Any]) -> str:
    narration = action.get("narration_text")
    if not isinstance(narration, str):
        raise SampleError("bad_row", f"narration_text is a {type(narration).__name__}")
    label = ego4d_label(narration)
    if label is None:
        raise SampleError("not_camera_wearer", "narration_text does not begin with #C C")
    if not label or not label.isprintable():
        raise SampleError("bad_row", "narration_text contains no readable action")
    return label


def _frame_numbers(action: dict[str, Any], interval: dict[str, Any]) -> FrameNumbers:
    first, last = _roles(action, "critical_frames")
    if first is None:
        raise SampleError("no_pre15", f"critical_frames has no {INPUT_ROLE}")
    if last is None:
        raise SampleError("no_pnr", f"critical_frames has no {TARGET_ROLE}")
    clip_uid = interval.get("clip_uid")
    safe_uid = clip_uid if isinstance(clip_uid, str) and is_safe_id(clip_uid) else None
    return FrameNumbers(first, last, safe_uid, *_in_clip(action, interval, first, last))


def _in_clip(
    action: dict[str, Any], interval: dict[str, Any], first: int, last: int
) -> tuple[int | None, int | None]:
    """The same frames in the clip file; None if invalid, since full videos do not need them."""
    try:
        clip_first, clip_last = _roles(action, "clip_critical_frames")
        offset = _frame(interval, "clip_parent_start_frame")
    except SampleError:
        return None, None
    if offset is None:
        return clip_first, clip_last
    return (
        first - offset if clip_first is None else clip_first,
        last - offset if clip_last is None else clip_last,
    )


def _roles(action: dict[str, Any], key: str) -> tuple[int | None, int | None]:
    roles = action.get(key)
    if roles is None:
        return None, None
    if not isinstance(roles, dict):
        raise SampleError("bad_row", f"{key} is a {type(roles).__name__}, expected an object")
    return _frame(roles, INPUT_ROLE), _frame(roles, TARGET_ROLE)


def _frame(record: dict[str, Any], key: str) -> int | None:
    if record.get(key) is None:
        return None
    number = _number(record, key)
    if number != int(number):
        raise SampleError("bad_row", f"{key} = {number} is not a frame number")
    return int(number)


def _seconds(record: dict[str, Any], key: str) -> float:
    return float(_number(record, key))


def _number(record: dict[str, Any], key: str) -> int | float:
    value = record.get(key)
    # True and False are ints in Python, but not numbers in JSON.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SampleError("bad_row", f"{key} is a {type(value).__name__}, expected a number")
    if not abs(value) < _LARGEST:
        raise SampleError("bad_row", f"{key} is out of range")
    return value


def _noun(action: dict[str, Any]) -> str:
    """The first noun annotated for the object of change in any frame; empty if there is none."""
    for frame in _listed(action, "frames"):
        for box in _listed(frame, "boxes"):
            if _field(box, "object_type") == "object_of_change":
                noun = _word(box, "structured_noun", "freeform_noun")
                if noun:
                    return noun
    return ""


def _word(record: dict[str, Any], *keys: str) -> str:
    """The first readable word of these fields; `[other]` refers to the next, freeform field."""
    for key in keys:
        value = record.get(key)
        if isinstance(value, str) and value.isprintable() and value.strip() not in ("", "[other]"):
            return value.strip()
    return ""


def _field(record: Any, key: str) -> Any:
    return record.get(key) if isinstance(record, dict) else None


def _listed(record: Any, key: str) -> list[Any]:
    """The list under a key, empty for null; any other value as its only item, to be rejected."""
    value = _field(record, key)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
