"""`bench models list|show|fetch|verify`: what they print, and which weights a purpose needs."""

import json
import re

import pytest
import torch
from safetensors.torch import save_file

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
PAGE = b"<!DOCTYPE html>\n<html><body>404</body></html>"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")  # as without a terminal; pytest-xdist sets 80


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "workspace" / "models"
    folder.mkdir(parents=True)
    return folder


def test_the_list_fits_100_columns_and_shows_what_is_here(bench, models):
    (models / "egovlp.pth").write_bytes(b"any")
    listed = bench("models", "list")
    assert listed.status == 0
    lines = listed.out.splitlines()
    assert all(len(line) <= 100 or str(models) in line for line in lines)
    (place,) = (number for number, line in enumerate(lines) if line.startswith("egovlp.pth "))
    assert lines[place].split() == ["egovlp.pth", "2.2", "GB", "MIT", "yes"]
    assert lines[place + 1].startswith("    for blip_b, ")
    assert "unknown" in next(line for line in lines if line.startswith("LEGO-Ego4D "))
    assert re.search(r"^1 of \d+ are in ", listed.out, re.MULTILINE)


def test_one_entry_with_source_revision_and_hashes(bench, models):
    shown = bench("models", "show", "dinov2-base", "LEGO-Ego4D")
    assert shown.status == 0
    assert "revision  f9e44c814b77203eaa57a6bdbbd535f21ede1415\n" in shown.out
    assert "sha256    config.json f7ff4cfa73d2" in shown.out
    assert "main, not a commit: the first fetch locks" in shown.out
    unknown = bench("models", "show", "dinov2-bse")
    assert (unknown.status, "Did you mean 'dinov2-base'?" in unknown.err) == (2, True)


@pytest.mark.parametrize(
    ("purpose", "needed"),
    [
        ("lpips", {"squeezenet1_1-b8a52dc0.pth"}),
        ("fid", {"inception-2015-12-05.pt", "pt_inception-2015-12-05-6726825d.pth"}),
        ("egovlp", {"egovlp.pth", "epic_mir_plus.pth"}),  # of all data sets
        ("ip2p", {"stable-diffusion-v1-5"}),
        ("sdedit", {"stable-diffusion-v1-5"}),
        ("proxedit", {"stable-diffusion-v1-5", "blip-image-captioning-base"}),
        ("lego", {"LEGO-Ego4D", "LEGO-EpicKitchens", "stable-diffusion-v1-5"}),
    ],
)
def test_weights_of_a_metric_or_method(bench, models, purpose, needed):
    planned = bench("models", "fetch", "--for", purpose, "--dry-run")
    assert planned.status == 0
    assert {line.split()[0] for line in planned.err.splitlines()[1:]} == needed
    assert not any(models.iterdir())


def test_weights_of_a_data_set_are_those_of_its_metrics(bench, models):
    (models / "dinov2-base").mkdir()
    epic = bench("models", "fetch", "--for", "epic-kitchens", "--dry-run").err
    assert re.match(r"To fetch: (\d+) of (\d+), \d+\.\d GB,.* to ", epic)
    assert "epic_mir_plus.pth" in epic
    assert "egovlp.pth" not in epic
    assert re.search(r"^  dinov2-base +346 MB +here +Apache-2.0$", epic, re.MULTILINE)
    ego4d = bench("models", "fetch", "--for", "ego4d", "--dry-run").err
    assert "  egovlp.pth" in ego4d
    assert "epic_mir_plus.pth" not in ego4d
    both = bench("models", "fetch", "--for", "clip,vllm", "--dry-run").err
    assert "To fetch: 4 of 4, 3.4 GB, and 2 of unknown size, to " in both
    toy = bench("models", "fetch", "--for", "toy-kitchen")
    assert (toy.status, toy.err) == (0, "toy-kitchen needs no published weights.\n")


def test_invalid_calls_of_fetch_are_one_sentence(bench, models):
    unknown = bench("models", "fetch", "--for", "epic-kitchen")
    assert (unknown.status, "Did you mean 'epic-kitchens'?" in unknown.err) == (2, True)
    nothing = bench("models", "fetch")
    assert (nothing.status, "`--for epic-kitchens`" in nothing.err) == (2, True)
    name = bench("models", "fetch", "egovlp.pt")
    assert (name.status, "Did you mean 'egovlp.pth'?" in name.err) == (2, True)


def test_verify_compares_hashes_and_names_what_is_absent(bench, models):
    (models / "vgg16-397923af.pth").write_bytes(b"not vgg")
    wrong = bench("models", "verify")
    assert (wrong.status, "published 397923af" in wrong.out) == (1, True)
    absent = bench("models", "verify", "egovlp.pth")
    assert (absent.status, absent.out.strip()) == (1, "egovlp.pth: absent")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(POINTER, "is a pointer of Git LFS"), (PAGE, "is a web page"), (b"", "is empty")],
)
def test_verify_refuses_what_is_not_the_file(bench, models, content, sentence):
    (models / "egovlp.pth").write_bytes(content)  # without a published hash
    (models / "vgg16-397923af.pth").write_bytes(content)  # with one
    folder = models / "blip-image-captioning-large"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(content)
    found = bench("models", "verify")
    assert found.status == 1
    lines = found.out.splitlines()
    assert len(lines) == 3
    assert all(sentence in line and "download" in line for line in lines)
    assert "sha256" not in found.out


def test_verify_finds_files_that_were_cut(bench, models):
    torch.save({"state_dict": {"weight": torch.zeros(4096)}}, models / "egovlp.pth")
    folder = models / "blip-image-captioning-large"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({}))
    save_file({"weight": torch.zeros(4096)}, folder / "model.safetensors")
    whole = bench("models", "verify")
    assert whole.status == 0
    assert whole.out.count("whole; no published or locked hash") == 2
    for path in (models / "egovlp.pth", folder / "model.safetensors"):
        path.write_bytes(path.read_bytes()[:-2000])
    cut = bench("models", "verify")
    assert cut.status == 1
    assert "egovlp.pth is truncated" in cut.out
    assert "model.safetensors is not a readable safetensors file" in cut.out
