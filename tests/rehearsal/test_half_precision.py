"""Sixteen bits for real, on the CPU: every method generates and every trainer trains near float32.

A GPU rounds its sums otherwise, but dtypes that do not fit each other fail on both.
"""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.stages.run import run_method
from egoactgen_bench.stages.train import train_weights
from plugin_calls import METHODS

HALF = ("bfloat16", "float16")
NETWORKS = ("diffusers", "ip2p", "lego", "proxedit", "sdedit")
# Twice the largest mean difference of a method's images, in levels of 255: 1.33 and 0.22.
NEAR = {"bfloat16": 2.7, "float16": 0.45}
# ProxEdit's inversion divides the rounding errors of the x_0 that toy weights predict by the noise
# level of its first step, 0.03: 4.56 and 1.61.
INVERTED = {"bfloat16": 9.2, "float16": 3.3}


def images(folder):
    run = load_run(folder)
    assert list(run.samples["status"]) == ["ok"] * len(run.samples), list(run.samples["detail"])
    return np.stack([np.asarray(Image.open(run.image_path(i)), int) for i in run.finished["image"]])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_method(name, split, workspace, tmp_path):
    needed = METHODS[name](tmp_path / "needs")
    arguments = {"method": name, "models": workspace / "models", "device": "cpu"} | needed
    found = {}
    for dtype in ("float32", *HALF):
        folder = tmp_path / dtype
        run_method.run(split=split, folder=folder, dtype=dtype, limit=2, **arguments)
        found[dtype] = images(folder)
    near = INVERTED if name == "proxedit" else NEAR
    for dtype in HALF:
        assert 0 < np.abs(found[dtype] - found["float32"]).mean() < near[dtype]


TRAININGS = {
    "autoencoder": {},
    "ip2p": {"init": untrained_weights.NAME, "train_text": True},
    "lego": {"init": untrained_weights.NAME, "conditioning": "joint"},
    "sd": {"init": untrained_weights.TEXT_TO_IMAGE, "lora": 2},
}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_trainer(name, split, workspace, tmp_path):
    options = TRAININGS[name]
    if name == "lego":
        for kind, tokens in (("image", 5), ("text", 3)):
            (tmp_path / "features" / kind).mkdir(parents=True)
            for number, sample_id in enumerate(split.samples["sample_id"]):
                drawn = np.random.default_rng([number, tokens]).standard_normal((tokens, 12))
                np.save(tmp_path / "features" / kind / f"{sample_id}.npy", drawn.astype("float16"))
        options = options | {"features": str(tmp_path / "features")}
        texts = pd.DataFrame({"sample_id": split.samples["sample_id"], "description": "a hand"})
        (split.folder / "descriptions").mkdir(exist_ok=True)
        texts.to_csv(split.folder / "descriptions" / "halves.csv", index=False)
    losses = {}
    for precision in ("float32", *HALF):
        folder = tmp_path / precision
        train_weights.train(
            name,
            load_split(split.folder),
            folder,
            models=workspace / "models",
            cache=tmp_path / "cache",
            descriptions="halves" if name == "lego" else None,
            options={
                **{"size": 32, "batch_size": 2, "iterations": 4, "learning_rate": 1e-3},
                **options,
                "precision": precision,
            },
            seed=0,
            device="cpu",
        )
        losses[precision] = pd.read_csv(folder / "loss.csv")["loss"].to_numpy()
        assert json.loads((folder / "train.json").read_text())["options"]["resolved"][
            "precision"
        ] == (precision)
    for precision in HALF:
        assert np.isfinite(losses[precision]).all()
        assert not np.array_equal(losses[precision], losses["float32"])
        # Twice the largest difference, 2.9 %.
        np.testing.assert_allclose(losses[precision], losses["float32"], rtol=0.06)
