"""The registry of weights, fetched from loopback servers that fail in several ways."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import progress
from egoactgen_bench.weights import fetching, weights_registry

CONTENT = bytes(range(256)) * 8000
FOLDER = {"config.json": b'{"hidden_size": 8}', "model.safetensors": CONTENT[:4096]}
REVISION = "0123456789abcdef0123456789abcdef01234567"


class Publisher(BaseHTTPRequestHandler):
    """Serves one file at /file.pth, and a hub repository `them/model`."""

    breaks_after: int | None = None
    content = CONTENT
    target = ""
    declares = ""  # the Content-Length of /endless
    pause = 0.0
    floods = False  # whether files of the hub are endless, too
    sent = 0
    requests: list[tuple[str, str | None]] = []  # noqa: RUF012 reset by the fixture

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self.answer(head=True)

    def do_GET(self) -> None:
        self.answer(head=False)

    def answer(self, head: bool) -> None:
        path = self.path.partition("?")[0]
        self.requests.append((path, self.headers.get("Range")))
        if path == "/file.pth":
            return self.send(self.content, head)
        if path == "/redirect":
            self.send_response(302)
            self.send_header("Location", type(self).target)
            self.end_headers()
            return None
        if path == "/endless":
            return self.endless()
        if path == "/page":
            return self.send(b"<html>quota exceeded</html>", head, "text/html; charset=utf-8")
        if path.startswith("/api/models/them/model"):
            siblings = [{"rfilename": name, "size": len(FOLDER[name])} for name in FOLDER]
            if "/tree/" in path:
                tree = [
                    {"type": "file", "path": name, "size": len(data), "oid": _git_oid(data)}
                    for name, data in FOLDER.items()
                ]
                return self.send(json.dumps(tree).encode(), head, "application/json")
            info = {"id": "them/model", "sha": REVISION, "siblings": siblings}
            return self.send(json.dumps(info).encode(), head, "application/json")
        name = path.rpartition("/")[2]
        if path.startswith("/them/model/resolve/") and name in FOLDER:
            if self.floods and not head:
                return self.endless()
            return self.send(FOLDER[name], head)
        self.send_error(404)
        return None

    def endless(self) -> None:
        self.send_response(200)
        if self.declares:
            self.send_header("Content-Length", self.declares)
        self.end_headers()
        for _ in range(200):
            data = bytes(1 if self.pause else 1 << 16)
            self.wfile.write(data)
            type(self).sent += len(data)
            time.sleep(self.pause)

    def send(self, data: bytes, head: bool, kind: str = "application/octet-stream") -> None:
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        if start and start >= len(data):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", f'"{_git_oid(data)}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.end_headers()
        if head:
            return None
        cut = type(self).breaks_after
        self.wfile.write(data[start:] if cut is None else data[start : start + cut])
        if cut is not None:
            self.connection.close()
        return None


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.fixture
def publisher() -> Iterator[str]:
    Publisher.breaks_after, Publisher.content = None, CONTENT
    Publisher.requests = []
    Publisher.declares, Publisher.pause = "", 0.0
    Publisher.floods, Publisher.sent = False, 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def at_url(url: str, **more: str) -> PublishedWeights:
    about = {"licence": "none", "about": "a test"}
    return PublishedWeights(name="file.pth", url=f"{url}/file.pth", **about, **more)


def test_registry_covers_the_weights_of_metrics():
    declared = weights_registry.registry()
    assert {
        "egovlp.pth",
        "epic_mir_plus.pth",
        "distilbert-base-uncased",
        "ViT-L-14.safetensors",
        "pt_inception-2015-12-05-6726825d.pth",
        "inception-2015-12-05.pt",
        "squeezenet1_1-b8a52dc0.pth",
        "alexnet-owt-7be5be79.pth",
        "vgg16-397923af.pth",
        "blip-image-captioning-base",
        "blip-image-captioning-large",
        "clip-vit-large-patch14",
    } <= {each.weights.name for each in declared}
    for each in declared:
        assert weights_registry.find(each.weights.name, declared) == each.weights
        assert each.weights.licence


UNPINNED = {"LEGO-Ego4D", "LEGO-EpicKitchens"}  # their commits are not known here


def test_every_source_is_pinned_or_says_that_it_is_not():
    for weights in (each.weights for each in weights_registry.registry()):
        if weights.repository:
            assert weights.is_pinned == (weights.name not in UNPINNED), weights.name


def test_published_hash_is_checked_and_the_file_locked(publisher, tmp_path):
    digest = hashlib.sha256(CONTENT).hexdigest()
    weights = at_url(publisher, sha256=digest)
    assert fetching.fetch(weights, tmp_path)
    assert (tmp_path / "file.pth").read_bytes() == CONTENT
    assert weights_registry.locked(tmp_path) == {"file.pth": {"file.pth": digest}}
    assert not (tmp_path / fetching.PARTIAL).exists()
    count = len(Publisher.requests)
    assert not fetching.fetch(weights, tmp_path)
    assert len(Publisher.requests) == count, "present files must not be requested again"


def test_wrong_checksum_keeps_nothing(publisher, tmp_path):
    with pytest.raises(BenchError, match=r"differs from the known hash .*published 00ff"):
        fetching.fetch(at_url(publisher, sha256="00ff" * 16), tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_interrupted_download_resumes(publisher, tmp_path):
    Publisher.breaks_after = 100_000
    weights = at_url(publisher)
    with pytest.raises(BenchError, match=r"run the same command again|could not be fetched"):
        fetching.fetch(weights, tmp_path)
    have = (tmp_path / fetching.PARTIAL / "file.pth").stat().st_size
    assert 0 < have < len(CONTENT)
    Publisher.breaks_after = None
    assert fetching.fetch(weights, tmp_path)
    assert (tmp_path / "file.pth").read_bytes() == CONTENT
    assert Publisher.requests[-1] == ("/file.pth", f"bytes={have}-")


def test_changed_file_is_refused_by_the_lock(publisher, tmp_path):
    weights = at_url(publisher)
    fetching.fetch(weights, tmp_path)
    (tmp_path / "file.pth").unlink()
    Publisher.content = CONTENT[:-1] + b"!"
    with pytest.raises(BenchError, match="differs from what an earlier fetch locked"):
        fetching.fetch(weights, tmp_path)


def test_damaged_file_is_reported_and_fetched_again_with_overwrite(publisher, tmp_path):
    weights = at_url(publisher)
    fetching.fetch(weights, tmp_path)
    (tmp_path / "file.pth").write_bytes(b"damaged")
    assert "locked" in (weights_registry.differences(weights, tmp_path) or [""])[0]
    with pytest.raises(BenchError, match="--overwrite"):
        fetching.fetch(weights, tmp_path)
    assert fetching.fetch(weights, tmp_path, overwrite=True)
    assert weights_registry.differences(weights, tmp_path) == []


def test_unreachable_publisher_is_reported_in_one_sentence(tmp_path):
    with pytest.raises(
        BenchError, match=r"could not be fetched from http://127\.0\.0\.1:9/file\.pth"
    ):
        fetching.fetch(at_url("http://127.0.0.1:9"), tmp_path)


def test_web_page_instead_of_the_file_is_refused(publisher, tmp_path):
    weights = at_url(publisher).model_copy(update={"url": f"{publisher}/page"})
    with pytest.raises(BenchError, match="sent a web page instead of the file"):
        fetching.fetch(weights, tmp_path)
    assert not (tmp_path / "file.pth").exists()


@pytest.mark.parametrize("declares", ["", str(10**15), "many"])
def test_more_than_the_declared_size_is_refused(publisher, tmp_path, declares):
    weights = at_url(publisher, size=1000).model_copy(update={"url": f"{publisher}/endless"})
    Publisher.declares = declares
    sentence = r"could not be fetched" if declares == "many" else r"sends more than 1,049,776 bytes"
    with pytest.raises(BenchError, match=sentence):
        fetching.fetch(weights, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 1 << 20


def test_a_server_that_drips_is_given_up(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE", 0.2)
    Publisher.pause = 0.05
    weights = at_url(publisher).model_copy(update={"url": f"{publisher}/endless"})
    with pytest.raises(BenchError, match=r"less than 1,000 bytes per second\. Try again"):
        fetching.fetch(weights, tmp_path)


def test_redirects_lead_to_web_servers_only(publisher, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    weights = at_url(publisher).model_copy(update={"url": f"{publisher}/redirect"})
    for Publisher.target in (secret.as_uri(), "ftp://127.0.0.1/x"):
        with pytest.raises(BenchError, match="could not be fetched"):
            fetching.fetch(weights, tmp_path / "models")
    Publisher.target = f"{publisher}/file.pth"
    assert fetching.fetch(weights, tmp_path / "models")
    redirects = fetching.only_web("https://example.org/x")
    with pytest.raises(OSError, match="which is not followed"):
        redirects.redirect_request(None, None, 302, "", {}, "http://example.org/x")


@pytest.fixture
def hub(publisher: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Makes the hub's client use the loopback server."""
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "ENDPOINT", publisher)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    template = publisher + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return publisher


def from_hub(**more: object) -> PublishedWeights:
    about = {"licence": "none", "about": "a test"}
    source = {"repository": "them/model", "revision": REVISION}
    return PublishedWeights.model_validate({"name": "model", **source, **about, **more})


def test_folder_comes_from_the_hub(hub, tmp_path):
    weights = from_hub(files=["*.json", "*.safetensors"])
    assert fetching.fetch(weights, tmp_path)
    found = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    assert found == FOLDER
    assert set(weights_registry.locked(tmp_path)["model"]) == set(FOLDER)
    (tmp_path / "model/config.json").unlink()
    assert weights_registry.differences(weights, tmp_path) == ["config.json: missing"]


def test_a_fetch_counts_its_bytes_without_a_terminal(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress.ProgressLines, "print_until_ended", lambda *_: None)
    made = []

    class Counted(progress.ProgressLines):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(progress, "ProgressLines", Counted)
    fetching.fetch(from_hub(file="model.safetensors", size=4096), tmp_path)
    fetching.fetch(at_url(hub), tmp_path)
    assert [lines.done for lines in made] == [4096, len(CONTENT)]
    assert [lines.total for lines in made] == [4096, len(CONTENT)]
    assert made[0].line(0.0) == "model: 4 kB of 4 kB"


def test_one_file_of_a_repository_gets_the_declared_name(hub, tmp_path):
    weights = from_hub(name="renamed.safetensors", file="model.safetensors")
    assert fetching.fetch(weights, tmp_path)
    assert (tmp_path / "renamed.safetensors").read_bytes() == FOLDER["model.safetensors"]


@pytest.mark.parametrize("more", [{"files": ["*"]}, {"file": "model.safetensors"}])
def test_a_hub_that_sends_more_than_the_declared_size_is_cut_off(hub, tmp_path, monkeypatch, more):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)
    Publisher.floods = True
    with pytest.raises(BenchError, match=r"them/model@\w+ sends more than 1,049,776 bytes, but"):
        fetching.fetch(from_hub(size=1000, **more), tmp_path)
    assert Publisher.sent < 8 << 20  # of 13 MB per file; the rest was on its way
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_hub_that_announces_more_than_the_declared_size_is_cut_off(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "CHUNK", 0)
    with pytest.raises(BenchError, match=r"sends more than 3,600 bytes"):
        fetching.fetch(from_hub(size=3000, files=["*"]), tmp_path)


@pytest.mark.parametrize("name", [".partial", ".partial/file.pth", ".partial/model/x"])
def test_nothing_is_fetched_through_a_link_that_leads_out(hub, tmp_path, name):
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    (models / name).parent.mkdir(parents=True)
    elsewhere.write_bytes(b"mine") if name.endswith("pth") else elsewhere.mkdir()
    (models / name).symlink_to(elsewhere)
    weights = from_hub(files=["*"]) if name.endswith("x") else at_url(hub)
    with pytest.raises(BenchError, match="is a link that leads out of"):
        fetching.fetch(weights, models)
    assert Publisher.requests == []


def test_missing_repository_is_reported_in_one_sentence(hub, tmp_path):
    with pytest.raises(BenchError, match="could not be fetched from them/nothing"):
        fetching.fetch(from_hub(repository="them/nothing", files=["*"]), tmp_path)
