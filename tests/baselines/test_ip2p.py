"""`bench run --method ip2p`: options, prompts, and refused weights."""

import numpy as np
import pytest
import torch
from PIL import Image

from egoactgen_baselines.ip2p import InstructPix2Pix
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.denoiser.latent_editor import EditorOptions
from egoactgen_bench.diffusion.denoiser.latent_method import SAMPLING
from egoactgen_bench.errors import BenchError
from egoactgen_bench.generation.method_factory import build
from egoactgen_lego.generator.lego_method import LEGO, LEGOOptions
from egoactgen_lego.generator.vllm_conditioning import Conditioner, save_conditioner


@pytest.fixture
def weights(tmp_path):
    return untrained_weights.folder(tmp_path)


def request(action="open drawer", description=None):
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    return Request("s", Image.fromarray(noise), action, description, 1)


def image(weights, sample, **options):
    method = InstructPix2Pix(EditorOptions(**({"steps": 2} | options)), MethodContext(weights))
    return np.asarray(method.generate([sample])[0]).astype(int)


@pytest.mark.parametrize(
    "change",
    [
        {"guidance_text": 1.0},
        {"guidance_image": 5.0},
        {"steps": 3},
        {"postprocess": "released"},
    ],
    ids=str,
)
def test_each_option_changes_the_image(weights, change):
    before, after = image(weights, request()), image(weights, request(), **change)
    assert before.shape != after.shape or np.abs(before - after).max() > 1


def test_weights_may_set_defaults_of_sampling_options(weights):
    (weights / SAMPLING).write_text('{"steps": 3, "guidance": 1.0}')  # guidance is another method's
    context = MethodContext(models=weights.parent, device="auto")
    resolved = [
        build("ip2p", options, weights=weights.name, context=context).options
        for options in ({}, {"steps": "5", "guidance_text": "2"})
    ]
    assert [(each.steps, each.guidance_text) for each in resolved] == [(3, 7.5), (5, 2)]


def test_it_is_conditioned_on_the_label_only(weights):
    base = image(weights, request())
    assert np.array_equal(base, image(weights, request(description="a hand opens it")))
    assert np.abs(base - image(weights, request("cut onion"))).max() > 1


def test_lego_conditioned_on_labels_equals_it(weights):
    lego = LEGO(LEGOOptions(steps=2), MethodContext(weights))
    assert np.array_equal(image(weights, request()), np.asarray(lego.generate([request()])[0]))


def test_weights_conditioned_on_more_than_the_label_are_refused(weights):
    torch.manual_seed(0)
    sizes = {"width": untrained_weights.WIDTH, "vllm_width": 4, "heads": 2, "feed_forward": 8}
    save_conditioner(Conditioner("image", **sizes), weights / "conditioner")
    with pytest.raises(BenchError, match=r"conditioning image\): use --method lego"):
        InstructPix2Pix(EditorOptions(), MethodContext(weights))
