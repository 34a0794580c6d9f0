"""Folders of weights with stand-ins, which may come from anywhere."""

import json

import pytest

from egoactgen_bench.api.weights_folder import STAND_INS, open_weights_folder
from egoactgen_bench.errors import BenchError


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"name": "toy"},
        {"files": {}},
        {"name": "", "files": {}},
        {"name": 3, "files": {}},
        {"name": "toy", "files": ["clip"]},
        {"name": "toy", "files": {"clip": 1}},
        {"name": "toy", "files": {"clip": "../clip"}},
        {"name": "toy", "files": {"clip": "/etc/passwd"}},
    ],
)
def test_a_malformed_list_of_stand_ins_is_refused(tmp_path, content):
    (tmp_path / STAND_INS).write_text(json.dumps(content))
    with pytest.raises(BenchError, match=r"stand-ins\.json is not an object with a 'name' and"):
        open_weights_folder(tmp_path)


def test_a_stand_in_replaces_the_published_file(tmp_path):
    (tmp_path / STAND_INS).write_text('{"name": "toy", "files": {"big.pth": "small.pth"}}')
    for name in ("big.pth", "small.pth", "other.pth"):
        (tmp_path / name).touch()
    folder = open_weights_folder(tmp_path)
    assert folder.find(["other.pth", "big.pth"]) == tmp_path / "small.pth"
    assert folder.find(["other.pth"]) is None
    assert folder.signed(tmp_path / "small.pth") == "toy/small.pth"
