"""The real salesforce-lavis, in the environment that `bench setup lavis` creates."""

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import torch

from egoactgen_bench.captioning.captioner import Decoding
from egoactgen_bench.captioning.lavis_blip import LavisCaptioner
from egoactgen_bench.captioning.lavis_environment import Environment, setup
from egoactgen_bench.captioning.transformers_blip import TransformersCaptioner
from egoactgen_bench.errors import BenchError
from small_blip import drawn_frames, write_small_blip

pytestmark = pytest.mark.lavis


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with LAVIS' environment, created after an interrupted call."""
    workspace = tmp_path_factory.mktemp("workspace")
    half = Environment.of(workspace).folder / "half.txt"
    half.parent.mkdir(parents=True)
    half.write_text("left by an interrupted call")
    try:
        assert setup(workspace)
    except BenchError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    assert not half.exists()
    return workspace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_blip(tmp_path_factory.mktemp("models") / "blip-image-captioning-base")


def test_both_captioners_generate_the_same_captions(workspace: Path, folder: Path) -> None:
    frames = drawn_frames(40)
    lavis = LavisCaptioner(folder, folder / "vocab.txt", Decoding(), "cpu", workspace)
    captions = lavis.caption(frames)
    assert len(set(captions)) > 30
    assert TransformersCaptioner(folder, Decoding(), "cpu").caption(frames) == captions
    assert lavis.caption(frames[:5:-1])[::-1] == captions[6:]
    assert lavis.caption(frames[3:4]) == captions[3:4]


def test_the_environment_keeps_its_own_libraries_and_links_torch(workspace: Path) -> None:
    assert setup(workspace) is False
    asked = (
        "import numpy, transformers, torch, importlib.util as u; "
        "print(numpy.__version__, transformers.__version__, torch.__version__, u.find_spec('av'))"
    )
    seen = subprocess.run(
        [Environment.of(workspace).python, "-I", "-W", "ignore", "-c", asked],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.split() == ["1.26.4", "4.26.1", torch.__version__, "None"]


def test_scores_through_lavis_and_through_transformers_agree(
    bench, drawn_split: Path, workspace: Path, folder: Path
) -> None:
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
    from safetensors.torch import save_file

    vision = CLIPVisionCfg(layers=1, width=64, patch_size=16, image_size=32)
    text = CLIPTextCfg(context_length=77, vocab_size=49408, width=64, heads=1, layers=1)
    torch.manual_seed(0)
    clip = CLIP(16, vision, text, quick_gelu=True)
    save_file(clip.state_dict(), folder.parent / "ViT-L-14.safetensors")
    shutil.copytree(drawn_split.parent, workspace / "splits", dirs_exist_ok=True)
    assert bench("-w", workspace, "run", "--method", "copy-input").status == 0
    values = {}
    for captioner in ("lavis", "transformers"):
        call = ("score", "--metrics", "blip_b", "--captioner", captioner)
        result = bench("-w", workspace, *call, "--weights-dir", folder.parent)
        assert result.status == 0, result.err
        scores = pd.read_csv(workspace / "scores/drawn-val/standard/scores.csv")
        assert scores["signature"].str.contains(f"captioner:{captioner}", regex=False).all()
        values[captioner] = scores["value"]
    assert (values["lavis"] - values["transformers"]).abs().max() < 1e-6


def test_weights_of_another_model_are_rejected(
    workspace: Path, folder: Path, tmp_path: Path
) -> None:
    torch.save({"model": {"visual_encoder.cls_token": torch.zeros(1)}}, tmp_path / "other.pth")
    lavis = LavisCaptioner(
        tmp_path / "other.pth", folder / "vocab.txt", Decoding(), "cpu", workspace
    )
    with pytest.raises(BenchError, match=r"could not caption with other\.pth: KeyError: .*proj"):
        lavis.caption(drawn_frames(1))
    whole = LavisCaptioner(folder, folder / "vocab.txt", Decoding(), "cpu", workspace)
    assert whole.caption(drawn_frames(1))  # the process lives on
