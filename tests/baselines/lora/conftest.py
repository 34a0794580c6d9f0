"""Tiny random editors of the families that adapters are trained of, and trainings on them."""

import pytest

import tiny_flux2
import tiny_image_editors
import tiny_qwen_editors
from drawn_split import write_drawn_split
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.stages.train import train_weights

BUILDERS = {**tiny_image_editors.BUILDERS, **tiny_flux2.BUILDERS, **tiny_qwen_editors.BUILDERS}
COUNT = 4


@pytest.fixture(scope="session")
def editor(tmp_path_factory):
    """`editor(class name)`: the folder of that tiny pipeline."""
    base = tmp_path_factory.mktemp("editors")

    def folder(name):
        path = base / name
        if not path.is_dir():
            BUILDERS[name]().save_pretrained(path, safe_serialization=True)
        return path

    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A workspace with a training split of wide frames, and a tall pair."""
    root = tmp_path_factory.mktemp("workspace")
    sizes = [(96, 64)] * (COUNT - 1) + [(64, 96)]
    write_drawn_split(root / "splits" / "drawn-train", COUNT, sizes, subset="train")
    return root


@pytest.fixture
def train(root, editor):
    """`train(folder, class name, **options)`: a training of few steps in `root`."""

    def run(folder, name="Flux2KleinPipeline", seed=0, **options):
        options = {"init": str(editor(name)), "iterations": 4} | options
        # Not what the pipelines take by default, which is slow.
        small = {"text_tokens": 16} if name.startswith("Flux") else {"frame_resolution": 64}
        options = small | options
        return train_weights.train(
            "lora",
            load_split(root / "splits" / "drawn-train"),
            folder,
            models=root / "models",
            cache=root / "cache",
            options=options,
            seed=seed,
            device="cpu",
        )

    return run
