"""Ego4D FHO: broken files, malformed JSON, and files larger than memory."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ego4d_annotations import UID, action, interval, video, write_main
from egoactgen_bench.api.records import ActionClip, Rejection
from egoactgen_bench.datasets.ego4d import Ego4D
from egoactgen_bench.errors import BenchError


def test_truncated_file_is_refused_with_the_position(tmp_path: Path) -> None:
    path = write_main(tmp_path, video(interval(action())), video(interval(action())))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    sentence = rf"fho_main\.json is not readable JSON near byte {len(data) * 3 // 4} .* 1 complete"
    with pytest.raises(BenchError, match=sentence):
        list(Ego4D(path, None, "val").clips())


@pytest.mark.parametrize("text", ["", "[]", '{"videos": []}', '{"clips": [1]}', "\xff"])
def test_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fho_main.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BenchError, match=r"fho_main\.json"):
        list(Ego4D(path, None, "val").clips())


def test_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"does not contain fho_main\.json"):
        list(Ego4D(tmp_path, None, "val").clips())


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["#C C folds", "#C C", "pre_15", "pnr_frame"])
)


VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


ODD_ACTIONS = VALUES | st.fixed_dictionaries(
    {},
    optional={key: VALUES | st.just(value) for key, value in action().items()}
    | {"critical_frames": VALUES | st.fixed_dictionaries({"pre_15": LEAVES, "pnr_frame": LEAVES})},
)


@settings(max_examples=150, deadline=None)
@given(odd=ODD_ACTIONS, changes=st.dictionaries(st.sampled_from(sorted(interval())), VALUES))
def test_any_json_yields_a_clip_or_a_rejection(odd: Any, changes: dict[str, Any]) -> None:
    changes.pop("narrated_actions", None)
    reader = Ego4D(None, None, "val")
    reader.__dict__["_splits"] = None
    [result] = reader._clips_of(UID, video(interval(odd, **changes)))
    if isinstance(result, ActionClip):
        assert 0 <= result.t_input < result.t_target
        assert result.action.strip()
    else:
        assert result.reason


@settings(max_examples=100, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(video())), VALUES))
def test_no_json_of_a_video_raises(changes: dict[str, Any]) -> None:
    reader = Ego4D(None, None, "val")
    reader.__dict__["_splits"] = None
    for result in reader._clips_of(UID, video(interval(action()), **changes) | changes):
        assert isinstance(result, ActionClip | Rejection)


MEASURE = """
import resource, sys
from pathlib import Path
from egoactgen_bench.datasets.ego4d import Ego4D
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in Ego4D(Path(sys.argv[1]), None, "val").clips())
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """60 MB of annotations, which would take several times as much memory if loaded."""
    action_text = json.dumps(action(note="x" * 20_000))
    path = tmp_path / "fho_main.json"
    with path.open("w") as stream:
        stream.write('{"videos": [')
        for index in range(60):
            intervals = json.dumps(video(interval("ACTIONS"), video_uid=f"v{index}"))
            stream.write("," * (index > 0))
            stream.write(intervals.replace('"ACTIONS"', ",".join([action_text] * 50)))
        stream.write("]}")
    assert path.stat().st_size > 60e6
    run = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120)
    count, kilobytes = map(int, done.stdout.split())
    assert count == 3000
    assert kilobytes < 30_000


def test_a_byte_order_mark_is_skipped_and_utf_16_is_named(tmp_path: Path) -> None:
    path = write_main(tmp_path, video(interval(action())))
    data = path.read_bytes()
    expected = list(Ego4D(path, None, "val").clips())
    path.write_bytes(b"\xef\xbb\xbf" + data)
    assert list(Ego4D(path, None, "val").clips()) == expected
    for encoding in ("utf-16-le", "utf-16-be"):
        path.write_bytes(f"\ufeff{data.decode()}".encode(encoding))
        with pytest.raises(BenchError, match=r"fho_main\.json is encoded in UTF-16: save it as"):
            list(Ego4D(path, None, "val").clips())
