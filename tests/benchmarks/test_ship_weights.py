"""Copying trained weights into the packages keeps their bytes and removes local paths."""

import shutil

import pytest

from benchmarks.laboratory.materials import WEIGHTS as LABORATORY
from benchmarks.toy_kitchen import ship_weights
from egoactgen_baselines import toy as baselines_toy
from egoactgen_bench.artifacts.manifest_base import is_unchanged
from egoactgen_bench.artifacts.manifests import TRAIN
from egoactgen_bench.diffusion.denoiser import shipped_weights
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.toy import DENOISER_WEIGHTS
from egoactgen_lego.toy import WEIGHTS


def test_shipping_writes_the_trained_weights_without_local_paths(tmp_path, monkeypatch):
    models = tmp_path / "models"
    parts = {
        "lego": WEIGHTS / "lego",
        "ip2p": baselines_toy.FOLDER / "ip2p",
        "sd": baselines_toy.FOLDER / "sd",
    }
    names = {name: shipped_weights.unpack(own, models).name for name, own in parts.items()}
    shutil.copytree(WEIGHTS / "vllm", models / "vllm")
    config = models / names["ip2p"] / "unet" / "config.json"
    config.write_text(config.read_text().replace("{", '{"_name_or_path": "/mine/unet",', 1))
    before = (WEIGHTS, baselines_toy.FOLDER, DENOISER_WEIGHTS)
    after = [tmp_path / name for name in ("lego", "baselines", "shared")]
    monkeypatch.setattr(ship_weights, "WEIGHTS", after[0])
    monkeypatch.setattr(baselines_toy, "FOLDER", after[1])
    monkeypatch.setattr(ship_weights, "DENOISER_WEIGHTS", after[2])
    (after[1] / "sd" / "text_encoder").mkdir(parents=True)  # of weights that did not share it
    ship_weights.ship(models, **names, vllm="vllm")
    for old, new in zip(before, after, strict=True):
        shipped = weights_files(new)
        assert shipped == weights_files(old)
        for path in shipped:
            assert (new / path).read_bytes() == (old / path).read_bytes(), path
    assert [len(weights_files(new)) for new in after] == [16, 10, 6]


def test_denoisers_that_do_not_share_their_networks_are_refused(tmp_path, monkeypatch):
    models = tmp_path / "models"
    own = {"lego": WEIGHTS / "lego", "ip2p": baselines_toy.FOLDER / "ip2p"}
    names = {name: shipped_weights.unpack(folder, models).name for name, folder in own.items()}
    tensors = models / names["ip2p"] / "text_encoder" / "model.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"?")
    monkeypatch.setattr(ship_weights, "DENOISER_WEIGHTS", tmp_path / "shared")
    with pytest.raises(SystemExit, match="do not have the same text_encoder/"):
        ship_weights.ship(models, **names, sd=names["lego"], vllm="vllm")
    assert not (tmp_path / "shared").exists()


def test_model_cards_lose_local_paths_and_keep_a_checksum_that_fits(tmp_path):
    card = read_json(WEIGHTS / "lego" / TRAIN)
    card["options"]["resolved"]["features"] = "/mine/features/toy"
    (tmp_path / "shipped").mkdir()
    write_json(tmp_path / TRAIN, card)
    ship_weights.copy_card(tmp_path, tmp_path / "shipped")
    shipped = read_json(tmp_path / "shipped" / TRAIN)
    assert shipped["options"]["resolved"]["features"] == "toy"
    assert is_unchanged(tmp_path / "shipped" / TRAIN)


@pytest.mark.parametrize("root", [WEIGHTS, baselines_toy.FOLDER, LABORATORY])
def test_cards_of_weights_in_the_repository_are_unchanged(root):
    cards = list(root.rglob(TRAIN))
    assert cards
    for path in cards:
        assert read_json(path)["checksum"], path
        assert is_unchanged(path), path


def weights_files(root):
    """Files in a folder other than a package's code and text."""
    paths = (path for path in root.rglob("*") if path.is_file())
    return {p.relative_to(root) for p in paths if p.suffix not in (".py", ".pyc", ".md")}
