"""`--allow-upload`: licensed frames stay on this machine without it."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.endpoints.chat_endpoint import chat, user_message
from egoactgen_bench.endpoints.endpoint_address import parse_address
from egoactgen_bench.endpoints.endpoint_options import EndpointOptions, make_client
from egoactgen_bench.endpoints.uploads import licence_of, licence_of_image, require_upload
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, write_json
from hostile_server import serving_endpoint


@pytest.mark.parametrize(
    ("dataset", "licence"),
    [
        ("ego4d", "Ego4D license agreement"),
        ("epic-kitchens", "EPIC-KITCHENS licence (CC BY-NC 4.0)"),
        ("lego-release", "licences of Ego4D and EPIC-KITCHENS"),
        ("toy-kitchen", None),
    ],
)
def test_data_sets_declare_their_licence(dataset, licence):
    found = plugins.find("datasets", dataset).licence
    assert found == licence or (found and found.startswith(licence))


def test_only_licensed_data_need_permission_to_leave():
    far, near = parse_address("https://api.openai.com/v1"), parse_address("http://127.0.0.1/v1")
    for arguments in ((far, None, False), (far, "L", True), (near, "L", False)):
        require_upload(*arguments)
    with pytest.raises(BenchError, match=r"sent to api\.openai\.com, and are under the L: use"):
        require_upload(far, "L", False)


def test_the_licence_follows_a_split_and_its_frames(drawn_split, tmp_path):
    split = load_split(drawn_split)
    frame = split.frame_path(split.samples["input_frame"][0])
    assert licence_of(split.manifest) is licence_of_image(frame) is None
    # A data set whose class is not installed, and one whose class declares it.
    for changed, licence in (({"licence": "Mine"}, "Mine"), ({"dataset": "ego4d"}, "Ego4D")):
        write_json(drawn_split / "split.json", read_json(drawn_split / "split.json") | changed)
        found = licence_of(load_split(drawn_split).manifest)
        assert found
        assert found.startswith(licence)
        assert licence_of_image(frame) == found
    assert licence_of_image(tmp_path / "kitchen.jpg") is None


def test_a_proxy_of_the_environment_does_not_see_what_goes_to_this_machine(monkeypatch):
    seen = []

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(self.path)
            self.send_error(502)

        def log_message(self, *_):
            pass

    proxy = HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    try:
        with serving_endpoint() as server:
            options = EndpointOptions(base_url=server.url, retries=0)
            client = make_client("m", options, None, 1 << 20)
            chat(client, [user_message("hello", [])])
            assert len(server.calls) == 1
    finally:
        proxy.shutdown()
        proxy.server_close()
    assert seen == []
