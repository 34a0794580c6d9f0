"""Cached captions: found by any process, and never incomplete."""

import hashlib
import json
from pathlib import Path

from egoactgen_bench.captioning.caption_store import CaptionStore
from egoactgen_bench.support.row_store import short_keys

KEYS = [hashlib.sha256(bytes([number])).digest() for number in range(4)]
CAPTIONS = ["a cup", "", 'the person’s "knife", cut', "a cup"]


def say(wanted: list[int]) -> list[str]:
    return [CAPTIONS[number] for number in wanted]


def refuse(wanted: list[int]) -> list[str]:
    raise AssertionError(f"asked again for {wanted}")


def test_each_image_is_captioned_only_once(tmp_path: Path) -> None:
    first = CaptionStore(tmp_path)
    assert first.get([KEYS[2], KEYS[0], KEYS[2]], lambda w: [CAPTIONS[2], CAPTIONS[0]]) == [
        CAPTIONS[2],
        CAPTIONS[0],
        CAPTIONS[2],
    ]
    second = CaptionStore(tmp_path)
    assert second.get(KEYS, lambda wanted: [CAPTIONS[1], CAPTIONS[3]]) == CAPTIONS
    assert first.get(KEYS, refuse) == CAPTIONS
    assert CaptionStore(tmp_path).find(short_keys(KEYS)) == CAPTIONS
    assert CaptionStore(tmp_path / "other").find(short_keys(KEYS)) == [""] * 4


def test_a_truncated_line_is_replaced(tmp_path: Path) -> None:
    CaptionStore(tmp_path).get(KEYS, say)
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-5])
    asked: list[int] = []
    assert CaptionStore(tmp_path).get(KEYS, lambda w: asked.extend(w) or say(w)) == CAPTIONS
    assert asked == [3]


def test_a_fresh_store_ignores_existing_captions(tmp_path: Path) -> None:
    CaptionStore(tmp_path).get(KEYS, lambda wanted: ["old"] * 4)
    fresh = CaptionStore(tmp_path, fresh=True)
    assert fresh.get(KEYS[:2], say) == CAPTIONS[:2]
    assert fresh.get(KEYS, say) == CAPTIONS
    assert fresh.find(short_keys(KEYS)) == CAPTIONS


def test_a_fresh_store_finds_captions_that_other_processes_wrote_earlier(tmp_path: Path) -> None:
    CaptionStore(tmp_path, fresh=True).get(KEYS[:2], say)
    assert CaptionStore(tmp_path, fresh=True).find(short_keys(KEYS[:2])) == CAPTIONS[:2]


def test_the_file_is_human_readable(tmp_path: Path) -> None:
    CaptionStore(tmp_path).get(KEYS, say)
    (file,) = tmp_path.glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[2] == {"frame": KEYS[2].hex(), "caption": CAPTIONS[2]}


def test_a_damaged_line_is_asked_again(tmp_path: Path) -> None:
    CaptionStore(tmp_path).get(KEYS, say)
    (file,) = tmp_path.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], b'{"frame": "x"}\n', b"[]\n", *lines[2:]]))
    asked: list[int] = []
    assert CaptionStore(tmp_path).get(KEYS, lambda w: [asked.extend(w) or CAPTIONS[1]]) == CAPTIONS
    assert asked == [1]
