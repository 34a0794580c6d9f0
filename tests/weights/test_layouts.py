"""Folders of weights as others publish them, read by every loader: variants, shards, hub caches."""

import shutil

import pytest
import torch
from PIL import Image

import egoactgen_lego.vllm.vllm_model as vllm_model
from egoactgen_baselines.ip2p import InstructPix2Pix
from egoactgen_baselines.pipelines import pipeline_folder
from egoactgen_baselines.proxedit.proxedit_method import ProxEdit
from egoactgen_baselines.sdedit import SDEdit
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.weights_folder import open_weights_folder
from egoactgen_bench.captioning.captioner import Decoding
from egoactgen_bench.captioning.transformers_blip import TransformersCaptioner
from egoactgen_bench.diffusion.denoiser import latent_model, untrained_weights
from egoactgen_bench.diffusion.finetuning import starting_networks
from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.dino import Dino
from egoactgen_bench.metrics.egovlp_text import SentenceEncoder
from egoactgen_bench.support.hub_snapshots import snapshot_in
from egoactgen_lego.vllm_weights import find_weights
from small_blip import write_small_blip
from small_networks import small_dino
from tiny_vllm import write_tiny_vllm
from weight_layouts import LAYOUTS, half_precision_variant, repository

FRAME = Image.new("RGB", (64, 48), (200, 120, 40))


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A folder of each kind, as the libraries write it."""
    root = tmp_path_factory.mktemp("originals")
    torch.manual_seed(0)
    small_dino(root / "dinov2-base")
    write_small_blip(root / "blip")
    write_tiny_vllm(root / "vllm")
    shutil.copytree(
        untrained_weights.folder(root, untrained_weights.TEXT_TO_IMAGE), root / "diffusion"
    )
    return root


@pytest.fixture(scope="module")
def stable_diffusion(originals):
    return latent_model.load(originals / "diffusion", "cpu", torch.float32)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_stable_diffusion(originals, stable_diffusion, tmp_path, layout):
    path = layout(originals / "diffusion", tmp_path / "diffusion")
    for method in (InstructPix2Pix, SDEdit, ProxEdit):
        found = method.find_weights(str(path), tmp_path)
        assert {each.parent.name for each in latent_model.weight_files(found)} >= {"unet", "vae"}
    assert starting_networks.find(str(path), tmp_path, InstructPix2Pix) == found
    loaded = latent_model.load(found, "cpu", torch.float32)
    for part in ("unet", "vae", "text_encoder"):
        tensors = getattr(stable_diffusion, part).state_dict()
        for name, tensor in getattr(loaded, part).state_dict().items():
            assert torch.allclose(tensor, tensors[name], rtol=1e-3, atol=1e-4), (part, name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_dino(originals, tmp_path, layout):
    path = layout(originals / "dinov2-base", tmp_path / "dinov2-base")
    if path.name != "dinov2-base":
        (tmp_path / "dinov2-base").symlink_to(path)
    metric = Dino(Dino.Options(), MetricContext(weights=tmp_path))
    same = Dino(Dino.Options(), MetricContext(weights=originals))
    features = [each.extractor().extract([(FRAME,)]) for each in (metric, same)]
    assert features[0] == pytest.approx(features[1], abs=1e-2)
    assert "|dinov2-base:" in metric.signature()


@pytest.mark.parametrize("layout", [each for each in LAYOUTS if each is not half_precision_variant])
def test_blip(originals, tmp_path, layout):
    path = snapshot_in(layout(originals / "blip", tmp_path / "blip"))
    caption = TransformersCaptioner(path, Decoding(), "cpu").caption([FRAME])
    assert caption == TransformersCaptioner(originals / "blip", Decoding(), "cpu").caption([FRAME])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_vllm(originals, tmp_path, layout):
    path = find_weights(str(layout(originals / "vllm", tmp_path / "vllm")), tmp_path)
    vllm_model.check_folder(path)
    loaded = vllm_model.load(path, "cpu", torch.float32).model.state_dict()
    wanted = vllm_model.load(originals / "vllm", "cpu", torch.float32).model.state_dict()
    for name, tensor in wanted.items():
        assert torch.allclose(tensor, loaded[name], rtol=1e-3, atol=1e-4), name


def test_the_text_tower_s_folder_may_be_a_repository_of_the_hub_s_cache(small_weights, tmp_path):
    folder = repository(small_weights / "distilbert-base-uncased", tmp_path / "distilbert")
    (tmp_path / "distilbert-base-uncased").symlink_to(folder)
    shutil.copy(small_weights / "egovlp.pth", tmp_path)
    found = open_weights_folder(tmp_path).find(["distilbert-base-uncased"])
    assert found.parent.name == "snapshots"
    ours, theirs = (
        SentenceEncoder.load(tmp_path / "egovlp.pth", place).encode(["open drawer"])
        for place in (found, small_weights / "distilbert-base-uncased")
    )
    assert (ours == theirs).all()


def test_which_snapshot_of_several_is_read(originals, tmp_path):
    folder = repository(originals / "vllm", tmp_path / "vllm")
    assert snapshot_in(folder).parent.name == "snapshots"
    (folder / "snapshots" / "other").mkdir()
    assert snapshot_in(folder).name != "other"
    (folder / "refs" / "main").unlink()
    with pytest.raises(BenchError, match=r"\(0123456789ab, other\): give the path of one"):
        snapshot_in(folder)
    assert snapshot_in(tmp_path) == tmp_path


def test_a_file_where_a_folder_is_needed_names_the_conversion(originals, tmp_path):
    file = originals / "diffusion" / "unet" / "diffusion_pytorch_model.safetensors"
    sentence = r"is a file, but a folder .*`bench models convert .* --out DIR`"
    for read in (
        vllm_model.check_folder,
        pipeline_folder.check_folder,
        lambda path: TransformersCaptioner(path, Decoding(), "cpu").caption([FRAME]),
        lambda path: latent_model.load(path, "cpu", torch.float32),
    ):
        with pytest.raises(BenchError, match=sentence):
            read(file)
    for method in (InstructPix2Pix, SDEdit, ProxEdit):  # these convert what is known
        with pytest.raises(BenchError, match="is not in a format that can be converted"):
            method.find_weights(str(file), tmp_path)
