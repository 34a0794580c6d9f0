"""`bench models convert`: output, missing and unknown tensors, invalid files."""

import json
import os

import pytest
import torch

from compvis import BASE, VLLM, WIDTH, write_checkpoint
from egoactgen_bench.diffusion.denoiser.latent_model import load
from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.conversion import cached, convert
from egoactgen_lego.generator.vllm_conditioning import load_conditioner


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("released") / "lego.ckpt")


@pytest.fixture(scope="module")
def converted(checkpoint):
    return convert(checkpoint, checkpoint.parent / "converted")


def state_of(checkpoint):
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def changed(checkpoint, path, change):
    state = state_of(checkpoint)
    change(state)
    torch.save({"state_dict": state}, path)
    return path


def test_sizes_are_read_from_the_tensors(converted):
    model = load(converted, "cpu", torch.float32)
    config = model.unet.config
    assert (config.in_channels, config.out_channels, config.cross_attention_dim) == (8, 4, WIDTH)
    assert tuple(config.block_out_channels) == (BASE, BASE)
    assert tuple(config.down_block_types) == ("CrossAttnDownBlock2D", "DownBlock2D")
    assert (config.layers_per_block, model.vae.config.layers_per_block) == (1, 1)
    assert model.embed(["cut onion"]).shape == (1, 77, WIDTH)
    conditioner = load_conditioner(converted / "conditioner")
    assert conditioner.conditioning == "joint"
    assert (conditioner.sizes["vllm_width"], conditioner.sizes["feed_forward"]) == (VLLM, 24)


def test_the_moving_average_is_taken_unless_raw(checkpoint, converted, tmp_path):
    raw = convert(checkpoint, tmp_path / "raw", raw=True)
    key = "model.diffusion_model.input_blocks.0.0.weight"
    trained = state_of(checkpoint)[key]
    for folder, expected in ((converted, trained + 1), (raw, trained)):
        assert torch.equal(load(folder, "cpu", torch.float32).unet.conv_in.weight, expected)
    assert json.loads((converted / "conversion.json").read_text())["weights"] == "ema"
    assert json.loads((raw / "conversion.json").read_text())["weights"] == "raw"


def test_released_names_of_the_conditioner_are_kept(checkpoint, converted):
    from safetensors.torch import load_file

    kept = load_file(converted / "conditioner" / "model.safetensors")
    state = state_of(checkpoint)
    parts = ("projection_img.", "projection_txt.", "self_attn_mix.")
    assert kept.keys() == {name for name in state if name.startswith(parts)}
    assert all(torch.equal(kept[name], state[name]) for name in kept)


def test_a_checkpoint_without_a_conditioner_is_conditioned_on_labels(tmp_path):
    plain = write_checkpoint(tmp_path / "plain.ckpt", parts=False)
    folder = convert(plain, tmp_path / "labels")
    assert load_conditioner(folder / "conditioner").conditioning == "labels"
    stated = tmp_path / "config.json"
    stated.write_text('{"conditioning": "descriptions", "unet": {"num_heads": 4}}')
    folder = convert(plain, tmp_path / "descriptions", config=stated)
    assert load_conditioner(folder / "conditioner").conditioning == "descriptions"
    assert json.loads((folder / "conversion.json").read_text())["heads"]["unet"] == 4


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("model_ema.diffusion_modelout2bias", "lacks averaged tensors"),
        ("first_stage_model.quant_conv.bias", "VAE lacks tensors for: quant_conv.bias"),
        ("projection_img.bias", "conditioner lacks tensors for: projection_img.bias"),
        (
            "cond_stage_model.transformer.text_model.final_layer_norm.bias",
            "text encoder lacks tensors for: .*final_layer_norm.bias",
        ),
    ],
)
def test_missing_tensors_are_named(checkpoint, tmp_path, lost, named):
    path = changed(checkpoint, tmp_path / "lost.ckpt", lambda state: state.pop(lost))
    with pytest.raises(BenchError, match=named):
        convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("strange", "named"),
    [
        ("strange.weight", "has unknown tensors: strange.weight"),
        ("model_ema.strange", "unknown averaged tensors: model_ema.strange"),
        ("first_stage_model.strange", "VAE has unknown tensors: strange"),
        ("self_attn_mix.layers.0.strange", "conditioner has unknown tensors"),
    ],
)
def test_unknown_tensors_are_named(checkpoint, tmp_path, strange, named):
    def add(state):
        state[strange] = torch.zeros(1)

    path = changed(checkpoint, tmp_path / "strange.ckpt", add)
    with pytest.raises(BenchError, match=named):
        convert(path, tmp_path / "out")


def test_another_noise_schedule_is_refused(checkpoint, tmp_path):
    def alter(state):
        state["alphas_cumprod"] = torch.linspace(0.99, 0.01, 1000)

    path = changed(checkpoint, tmp_path / "schedule.ckpt", alter)
    with pytest.raises(BenchError, match="noise schedule"):
        convert(path, tmp_path / "out")


def test_a_checkpoint_without_an_average_requires_raw(tmp_path):
    path = write_checkpoint(tmp_path / "raw.ckpt", ema=False)
    with pytest.raises(BenchError, match="--out DIR --raw"):
        convert(path, tmp_path / "out")


def test_a_conversion_is_run_once_and_replaced_only_with_overwrite(checkpoint, converted, tmp_path):
    before = (converted / "conversion.json").stat().st_mtime_ns
    assert convert(checkpoint, converted) == converted
    assert (converted / "conversion.json").stat().st_mtime_ns == before
    with pytest.raises(BenchError, match="--overwrite"):
        convert(checkpoint, converted, raw=True)
    first = cached(checkpoint, tmp_path)
    made = (first / "conversion.json").stat().st_mtime_ns
    assert cached(checkpoint, tmp_path) == first
    assert (first / "conversion.json").stat().st_mtime_ns == made
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


class Attack:
    def __init__(self, trap):
        self.trap = trap

    def __reduce__(self):
        return os.system, (f"touch {self.trap}",)


def test_bad_files_end_with_status_2(bench, checkpoint, tmp_path):
    trap = tmp_path / "trap"
    torch.save({"state_dict": state_of(checkpoint), "x": Attack(trap)}, tmp_path / "bad.ckpt")
    whole = checkpoint.read_bytes()
    (tmp_path / "half.ckpt").write_bytes(whole[: len(whole) // 2])
    torch.save({"w": torch.zeros(1)}, tmp_path / "other.ckpt")
    for name, sentence in (
        ("bad.ckpt", "tries to run"),
        ("half.ckpt", "is truncated"),
        ("other.ckpt", "not in a format that can be converted"),
        ("absent.ckpt", "does not exist"),
    ):
        result = bench("models", "convert", tmp_path / name, "--out", tmp_path / "out")
        assert (result.status, sentence in result.err) == (2, True), result.err
        assert not (tmp_path / "out").exists()
    assert not trap.exists()
