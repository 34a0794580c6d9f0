"""ProxEdit as a method: each option, independence of samples, source prompts, errors."""

import numpy as np
import pytest
import torch
from PIL import Image

from egoactgen_baselines.proxedit.proxedit_method import ProxEdit, ProxEditOptions
from egoactgen_baselines.proxedit.proximal import Proximal, shrink
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.errors import BenchError, SampleError
from small_blip import write_small_blip

# With few steps, both guidances still act, and blending begins with the first step.
FEW = {"steps": 3, "recon_t": 900, "recon_lr": 0.5, "self_replace": 0.4, "cross_replace": 0.6}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return untrained_weights.folder(
        tmp_path_factory.mktemp("models"), untrained_weights.TEXT_TO_IMAGE
    )


@pytest.fixture(scope="module")
def blip(tmp_path_factory):
    return write_small_blip(tmp_path_factory.mktemp("captioner") / "blip")


def request(number=0, action="open drawer"):
    drawn = np.random.default_rng(number).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    frame = Image.fromarray(drawn).resize((96, 64), Image.Resampling.BICUBIC)
    return Request(f"s_{number}", frame, action, "a hand opens a drawer", number)


def proxedit(weights, **options):
    return ProxEdit(ProxEditOptions(**(FEW | options)), MethodContext(weights, described=True))


@torch.inference_mode()
def latents(method, *requests):
    """The edited latents, which differ more clearly than pixels."""
    pixels = method.model.pixels([request.input for request in requests])
    return method.edit(method.model.encode(pixels), requests)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 4},
        {"guidance": 3.0},
        {"source_prompt": "empty", "captioner": None},
        {"null_share": 0.5},
        {"proximal": "hard"},
        {"proximal": "released-l1"},
        {"proximal": "none"},
        {"quantile": 0.9},
        {"quantile": -0.01},
        {"quantile_over": "target"},
        {"edit_mask": "nonzero"},
        {"dilate": 0},
        {"inversion_guidance": False},
        {"reconstruction_guidance": True},
        {"recon_lr": 0.1},
        {"recon_t": 0},
        {"recon_t": -300},
        {"cross_replace": 0.0},
        {"self_replace": 0.0},
        {"emphasis": 3.0},
        {"prompt": "description"},
    ],
    ids=str,
)
def test_each_option_changes_the_edit(weights, blip, change):
    base = {"source_prompt": "caption", "captioner": blip}
    before, after = proxedit(weights, **base), proxedit(weights, **(base | change))
    assert (latents(before, request()) - latents(after, request())).abs().max() > 1e-3


def test_local_blend_changes_the_edit(weights):
    edits = []
    for blended in (False, True):
        method = proxedit(weights, local_blend=blended)
        for name, parameter in method.model.unet.named_parameters():
            if "attn2.to_q" in name:  # untrained attention is uniform: make it selective
                parameter *= 1e4
        edits.append(latents(method, request()))
    assert (edits[0] - edits[1]).abs().max() > 1e-3


def test_words_are_refined_or_replaced(weights, blip):
    captioned = {"source_prompt": "caption", "captioner": blip}
    refining = proxedit(weights, **captioned)
    words = refining.captioner.caption([request().input])[0].split()
    swapped = request(action=" ".join(["drawer", *words[1:]]))
    replacing = proxedit(weights, **captioned, cross_attention="replace")
    assert (latents(refining, swapped) - latents(replacing, swapped)).abs().max() > 1e-3


def test_samples_of_a_batch_are_independent(weights):
    """Each sample has its own threshold."""
    method = proxedit(weights)
    batch = [request(0), request(1, "cut onion"), request(2, "take the red mug off the shelf")]
    together = latents(method, *batch)
    alone = torch.cat([latents(method, one) for one in batch])
    assert torch.allclose(together, alone, atol=1e-3 * float(alone.abs().max()))


def test_the_threshold_is_the_quantile_of_each_sample():
    draw = torch.Generator().manual_seed(0)
    target = (
        torch.randn(3, 4, 8, 8, generator=draw) * torch.tensor([1.0, 5, 0.2])[:, None, None, None]
    )
    difference = torch.stack([torch.zeros_like(target), target])
    found = Proximal(quantile=0.7)(difference)[1].flatten()
    # Half of a pair's values are zeros, so its quantile 0.7 is the target's quantile 0.4.
    expected = target.abs().flatten(1).quantile(0.4, dim=1)
    assert torch.allclose(found, expected, rtol=0.02)
    only = Proximal(quantile=0.7, over="target")(difference)[1].flatten()
    assert torch.allclose(only, target.abs().flatten(1).quantile(0.7, dim=1))


def test_operators_are_proximal_maps():
    """They minimise ½(x − d)² + penalty(x), compared with a search on a grid of x."""
    threshold = torch.tensor(0.8)
    grid = torch.linspace(-4, 4, 8001)
    for d in (-2.5, -0.9, -0.3, 0.0, 0.5, 1.3, 3.0):
        value = torch.tensor(d)
        near = 0.5 * (grid - value) ** 2
        soft = grid[(near + threshold * grid.abs()).argmin()]
        hard = grid[(near + 0.5 * threshold**2 * (grid.abs() > 5e-4)).argmin()]
        assert shrink(value, threshold, "soft").item() == pytest.approx(soft.item(), abs=1e-3)
        assert shrink(value, threshold, "hard").item() == pytest.approx(hard.item(), abs=1e-3)


def test_without_an_edit_the_frame_is_reconstructed(weights):
    """With full inversion guidance and a threshold above all differences."""
    method = proxedit(weights, quantile=-1e6, recon_lr=1.0, recon_t=1000)
    with torch.inference_mode():
        latent = method.model.encode(method.model.pixels([request().input]))
        assert torch.allclose(method.edit(latent, [request()]), latent, atol=1e-5)


def test_invalid_options_are_refused(weights, blip):
    for options in ({"source_prompt": "caption"}, {"captioner": blip}):
        with pytest.raises(BenchError, match="captioner=FOLDER go together"):
            proxedit(weights, **options)
    with pytest.raises(SampleError, match=r"unequal_words.*-o cross_attention=refine"):
        proxedit(weights, cross_attention="replace").generate([request()])
