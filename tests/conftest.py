"""Fixtures that all tests share."""

import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import forked_trials

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Failed assertions in the contracts show the compared values.
pytest.register_assert_rewrite(
    "dataset_contract", "method_contract", "metric_contract", "plugin_contract"
)
# A shell's background jobs ignore Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Libraries that log some deprecations instead of issuing a warning.
LOGGERS = ("accelerate", "diffusers", "huggingface_hub", "peft", "transformers")
SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(autouse=True)
def _quick_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """TorchScript archives are tried in forks, not in new processes of Python."""
    monkeypatch.setattr("egoactgen_bench.weights.torchscript.execute", forked_trials.execute)


class DeprecationLog(logging.Handler):
    """Messages of libraries about deprecated calls."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "deprecat" in message or "will be removed" in message:
            self.messages.append(f"{record.name}: {message}")


@pytest.fixture(scope="session", autouse=True)
def deprecation_log() -> Iterator[DeprecationLog]:
    """Attached for the whole session, to include calls in module fixtures."""
    log = DeprecationLog()
    for name in LOGGERS:
        logging.getLogger(name).addHandler(log)
    yield log
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(log)


@pytest.fixture(autouse=True)
def no_deprecation_is_logged(deprecation_log: DeprecationLog) -> Iterator[None]:
    """Fail a test whose calls are logged as deprecated, as pyproject.toml does for warnings."""
    yield
    messages, deprecation_log.messages = deprecation_log.messages, []
    assert messages == []


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ../shared, with reference outputs and real files."""
    if not SHARED.is_dir():
        pytest.skip("the reference files (../shared) are missing")
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
    """Call the `bench` program in this process, with a separate workspace for each test."""
    from egoactgen_bench.cli import main

    monkeypatch.setenv("BENCH_WORKSPACE", str(tmp_path / "workspace"))
    # stderr must not depend on how busy the machine is.
    monkeypatch.setattr("egoactgen_bench.support.progress.FIRST", 600.0)
    monkeypatch.setattr("egoactgen_bench.support.waiting.FIRST_LINE", 600.0)

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capfd.readouterr()
        status = stop.value.code
        return Result(status if isinstance(status, int) else 0, captured.out, captured.err)

    return call


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A browser tab without network; a failing script fails the test."""
    context = browser.new_context(accept_downloads=True, offline=True)
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    assert failures == []
    context.close()


@pytest.fixture(params=["disk", "loopback"])
def site(request: pytest.FixtureRequest, page: "Page") -> Iterator[Callable[[Path], str]]:
    """URLs of a folder for `page`: of its files, and served on this machine only."""
    if request.param == "disk":
        yield lambda folder: folder.as_uri()
        return
    page.context.set_offline(False)
    page.route(lambda url: not url.startswith((LOOPBACK, "blob:")), lambda route: route.abort())
    with ExitStack() as servers:
        yield lambda folder: servers.enter_context(served(folder))


LOOPBACK = "http://127.0.0.1:"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL at which a folder is served."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"{LOOPBACK}{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def publish() -> Iterator[Callable[[Path], str]]:
    """`publish(folder)`: the URL at which a folder is served until the test ends."""
    with ExitStack() as servers:
        yield lambda folder: servers.enter_context(served(folder))


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with small random networks for all metrics; tests do not change it."""
    from small_weights import write_small_weights

    folder = tmp_path_factory.mktemp("small-weights")
    write_small_weights(folder)
    return folder


@pytest.fixture
def drawn_split(tmp_path: Path) -> Path:
    """A finished split of 6 synthetic samples from 3 videos, in the workspace of `bench`."""
    from drawn_split import write_drawn_split

    return write_drawn_split(tmp_path / "workspace" / "splits" / "drawn-val", count=6)


@pytest.fixture
def runs(drawn_split: Path) -> dict[str, Path]:
    """Two finished runs of the drawn split, one nearer to the targets than the other."""
    from drawn_runs import write_run

    return {name: write_run(drawn_split, name, noise) for name, noise in (("near", 5), ("far", 40))}
