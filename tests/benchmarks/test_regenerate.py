"""The script that makes everything of the toy kitchen again."""

import importlib.util
import subprocess
import sys

import pytest

from benchmarks import regenerate


def test_all_programs_exist_and_know_their_arguments():
    for programs in regenerate.PIECES.values():
        for module, *arguments in programs:
            assert importlib.util.find_spec(module), module
            help_text = subprocess.run(
                [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True
            ).stdout
            for word in arguments:
                assert not word.startswith("--") or word in help_text, (module, word)


def test_pieces_run_in_order_and_a_failed_one_ends_the_call(monkeypatch, capsys, tmp_path):
    called = []

    def run(words):
        called.append(words[2])
        return subprocess.CompletedProcess(words, int(words[2].endswith("ship_weights")))

    monkeypatch.setattr(regenerate.subprocess, "run", run)
    assert regenerate.main(["--workspace", str(tmp_path), "weights", "shown"]) == 1
    assert called == ["benchmarks.toy_kitchen", "benchmarks.toy_kitchen.ship_weights"]
    assert "ended with status 1; call this again to resume" in capsys.readouterr().out
    called.clear()
    assert regenerate.main(["--dry-run"]) == 0
    assert not called
    with pytest.raises(SystemExit):
        regenerate.main(["weight"])
    assert "unknown piece 'weight'" in capsys.readouterr().err
