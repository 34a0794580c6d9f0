"""Every trainer trains on a pretended GPU: the CPU's losses, without a read in each micro-batch."""

import numpy as np
import pandas as pd
import pytest
from accelerate.state import AcceleratorState

import tiny_flux2
from drawn_split import write_drawn_split
from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.stages.train import train_weights
from inner_loops import check, in_loop
from listed_transfers import IN_MICRO_BATCHES, WITHOUT_NETWORK

SMALL = {"size": 32, "micro_batch": 1, "learning_rate": 1e-3}
EDITOR = {"micro_batch": 1, "resolution": 64, "text_tokens": 16}
CASES = {
    "autoencoder": [{"ema_decay": 0.99}],
    "ip2p": [
        {"init": untrained_weights.NAME, "max_gradient_norm": 1.0, "train_text": True},
        {"init": untrained_weights.NAME, "lora": 2, "gradient_checkpointing": True},
    ],
    "lego": [{"init": untrained_weights.NAME, "conditioning": "joint"}],
    "lora": [{"gradient_checkpointing": True}],
    "sd": [{"init": untrained_weights.TEXT_TO_IMAGE, "ema_decay": 0.0}],
}


def test_every_trainer_is_rehearsed_or_has_no_network():
    without = {name for kind, name in WITHOUT_NETWORK if kind == "trainers"}
    assert set(plugins.registered("trainers")) == {*CASES, *without}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("training")
    split = write_drawn_split(root / "splits" / "drawn-train", 4, subset="train")
    ids = load_split(split).samples["sample_id"]
    texts = pd.DataFrame({"sample_id": ids, "description": [f"a hand at {n}" for n in ids]})
    (split / "descriptions").mkdir()
    texts.to_csv(split / "descriptions" / "own.csv", index=False)
    for kind, tokens in (("image", 5), ("text", 3)):
        (root / "features" / kind).mkdir(parents=True)
        for number, sample_id in enumerate(ids):
            drawn = np.random.default_rng([number, tokens]).standard_normal((tokens, 12))
            np.save(root / "features" / kind / f"{sample_id}.npy", drawn.astype(np.float16))
    return root


@pytest.fixture
def train(root, tmp_path):
    """`train(name, device, **options)`: the losses of a small training."""
    trained = []

    def run(name, device="cuda:0", **options):
        if name == "lora":
            editor = root / "models" / "klein"
            if not editor.is_dir():
                tiny_flux2.BUILDERS["Flux2KleinPipeline"]().save_pretrained(editor)
            options = EDITOR | {"init": str(editor)} | options
        else:
            options = SMALL | options
        if name == "lego":
            options |= {"features": str(root / "features")}
        # accelerate keeps the first device of a process.
        AcceleratorState._reset_state(reset_partial_state=True)
        trained.append(tmp_path / f"{len(trained)}")
        train_weights.train(
            name,
            load_split(root / "splits" / "drawn-train"),
            trained[-1],
            models=root / "models",
            cache=tmp_path / f"cache-{device}",
            descriptions="own" if name == "lego" else None,
            options={"precision": "float32", "workers": 0} | options,
            seed=0,
            device=device,
        )
        return list(pd.read_csv(trained[-1] / "loss.csv")["loss"])

    yield run
    AcceleratorState._reset_state(reset_partial_state=True)


CASE_IDS = [
    pytest.param(name, each, id=f"{name}-{n}")
    for name in CASES
    for n, each in enumerate(CASES[name])
]


@pytest.mark.parametrize(("name", "options"), CASE_IDS)
def test_a_trainer(name, options, train):
    losses = {}

    def steps(count):
        losses[count] = train(name, iterations=count, batch_size=1, **options)

    def micro_batches(count):
        train(name, iterations=1, batch_size=count, **options)

    check(in_loop(steps, 1, 2))
    check(in_loop(micro_batches, 1, 2), IN_MICRO_BATCHES)
    assert losses[2] == pytest.approx(
        train(name, "cpu", iterations=2, batch_size=1, **options), rel=1e-3
    )


def test_the_scaler_of_float16(train):
    options = {"precision": "float16", "init": untrained_weights.NAME, "batch_size": 1}
    check(in_loop(lambda count: train("ip2p", iterations=count, **options), 1, 2))
