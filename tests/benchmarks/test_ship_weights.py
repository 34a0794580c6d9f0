"""Copying trained weights into the packages keeps their bytes and removes local paths."""

import shutil

from benchmarks.toy_kitchen import ship_weights
from egoactgen_baselines import toy as baselines_toy
from egoactgen_bench.diffusion.denoiser import shipped_weights
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
    ship_weights.ship(models, **names, vllm="vllm")
    for old, new in zip(before, after, strict=True):
        shipped = weights_files(new)
        assert shipped == weights_files(old)
        for path in shipped:
            assert (new / path).read_bytes() == (old / path).read_bytes(), path
    assert [len(weights_files(new)) for new in after] == [18, 14, 4]


def weights_files(root):
    """Files in a folder other than a package's code and text."""
    paths = (path for path in root.rglob("*") if path.is_file())
    return {p.relative_to(root) for p in paths if p.suffix not in (".py", ".pyc", ".md")}
