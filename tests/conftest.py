"""Fixtures that all tests share."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference outputs and real files beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the reference files (../shared) are not beside this checkout")
    return SHARED


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


Bench = Callable[..., Result]


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Bench:
    """Call the `bench` program in this process, with a workspace of the test's own."""
    from egoactgen_bench.cli import main

    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capfd.readouterr()
        status = stop.value.code
        return Result(status if isinstance(status, int) else 0, captured.out, captured.err)

    return call
