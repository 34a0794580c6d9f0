"""The generator compared with the released code's outputs, within float32 rounding."""

import json
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from egoactgen_bench.diffusion.denoiser import compvis_names, noise_schedule
from egoactgen_bench.diffusion.denoiser.ancestral_sampler import ancestral_sample, guided
from egoactgen_bench.diffusion.denoiser.latent_model import load
from egoactgen_bench.diffusion.denoiser.postprocess import stretched
from egoactgen_bench.weights.conversion import convert
from egoactgen_lego.generator.vllm_conditioning import conditioner_of, load_conditioner
from reference_weights import hashed_weights, seeded
from run_files import VOLATILE


@pytest.fixture(scope="module")
def golden(shared):
    return shared / "golden"


@pytest.fixture(scope="module")
def tiny(golden, tmp_path_factory):
    """The tiny checkpoint in the released format, loaded, and the released code's outputs."""
    folder = convert(golden / "upstream_tiny.ckpt", tmp_path_factory.mktemp("tiny") / "converted")
    with torch.inference_mode():
        yield SimpleNamespace(
            folder=folder,
            model=load(folder, "cpu", torch.float32),
            conditioner=load_conditioner(folder / "conditioner"),
            expected=np.load(golden / "07_tiny_golden.npz"),
            texts=[json.loads((golden / "07_tiny_golden.json").read_text())["edit_text"], ""],
        )


def close(found, expected, tolerance):
    assert tuple(found.shape) == expected.shape
    worst = np.abs(np.asarray(found) - expected).max()
    assert worst <= tolerance, f"off by {worst}"


def frame(golden, side):
    pixels = np.array(Image.open(golden / "frames" / f"frame_000_{side}x{side}.png"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1


@pytest.mark.parametrize("steps", [10, 100])
def test_schedule(golden, steps):
    expected = np.load(golden / "05_sigmas.npz")
    levels = noise_schedule.sigmas(steps)
    close(levels, expected[f"sigmas_{steps}"], 1e-5)
    close(noise_schedule.time_of(levels[:-1]), expected[f"timesteps_{steps}"], 2e-3)
    pairs = pairwise(levels)
    down, up = zip(*(noise_schedule.ancestral_split(*pair) for pair in pairs), strict=True)
    close(torch.stack(down), expected[f"sigma_down_{steps}"], 1e-5)
    close(torch.stack(up), expected[f"sigma_up_{steps}"], 3e-5)
    close(noise_schedule.alphas_cumprod(), expected["alphas_cumprod"], 1e-6)
    close(noise_schedule.training_sigmas(), expected["all_sigmas"], 1e-5)


def test_conditioning_at_full_size(golden):
    weights = hashed_weights(golden / "05_conditioning_param_shapes.json", 0.02)
    conditioner = conditioner_of(weights, None)
    expected = np.load(golden / "05_conditioning.npz")
    with torch.inference_mode():
        context = conditioner(
            seeded(503, (1, 77, 768)),
            image=seeded(501, (1, 256, 5120)),
            text=seeded(502, (1, 77, 5120)),
        )
    close(context, expected["cond"], 1e-4)


def test_unet(golden):
    named = hashed_weights(golden / "06_unet_param_shapes.json", 0.06)
    prefix = "model.diffusion_model."
    unet = compvis_names.convert_unet({name.removeprefix(prefix): t for name, t in named.items()})
    expected = np.load(golden / "06_unet_scales.npz")
    x, context = seeded(601, (1, 8, 16, 16)), seeded(602, (1, 410, 768))
    with torch.inference_mode():
        for key, time, words in (
            ("out_t10", 10, context),
            ("out_t500", 500, context),
            ("out_t500_ctx77", 500, context[:, :77]),
        ):
            found = unet(x, time, encoder_hidden_states=words).sample
            close(found, expected[f"scale0.06/{key}"], 5e-5)


def test_autoencoder(golden, tiny):
    close(tiny.model.encode(frame(golden, 64)), tiny.expected["encode_mode"], 5e-5)
    close(tiny.model.encode(frame(golden, 256)), tiny.expected["encode_mode_256"], 5e-5)
    decoded = tiny.model.decode(seeded(701, (1, 4, 8, 8)) * 0.18215)
    close(decoded, tiny.expected["decode_scaled_latent"], 5e-5)


def test_text_ids_and_embeddings(tiny):
    found = tiny.model.tokenizer(tiny.texts, padding="max_length", max_length=77)
    assert np.array_equal(found.input_ids, tiny.expected["text_ids"])
    embedded = tiny.model.embed(tiny.texts)
    close(embedded[:1], tiny.expected["text_cond"], 1e-4)
    close(embedded[1:], tiny.expected["text_null"], 1e-4)


def contexts(tiny):
    text, null = tiny.model.embed(tiny.texts).split(1)
    image, words = seeded(703, (256, 5120)), seeded(704, (77, 5120))
    return tiny.conditioner(text, image=image[None], text=words[None]), tiny.conditioner.null(null)


def test_conditioning_and_its_null(tiny):
    context, null = contexts(tiny)
    close(context, tiny.expected["c_crossattn_cond"], 1e-4)
    close(null, tiny.expected["c_crossattn_uncond"], 1e-4)


def test_guided_step(golden, tiny):
    denoise = guided(tiny.model.unet, tiny.model.encode(frame(golden, 256)), *contexts(tiny))
    sigma = torch.tensor(2.5)
    close(noise_schedule.time_of(sigma)[None], tiny.expected["ema/t_of_sigma2.5"], 2e-3)
    found = denoise(2.5 * seeded(702, (1, 4, 32, 32)), sigma)
    close(found, tiny.expected["ema/denoised_sigma2.5_sT7.5_sI1.5"], 5e-4)


def test_ten_ancestral_steps(golden, tiny):
    denoise = guided(tiny.model.unet, tiny.model.encode(frame(golden, 256)), *contexts(tiny))
    noises = (seeded(7100 + number, (1, 4, 32, 32)) for number in range(10))
    latent = ancestral_sample(denoise, 10, lambda: next(noises))
    close(latent, tiny.expected["ema/ancestral10_latent"], 5e-3)
    assert next(noises, None) is None
    close(tiny.model.decode(latent), tiny.expected["ema/ancestral10_image"], 5e-3)


def test_released_postprocessing(tiny):
    decoded = torch.from_numpy(tiny.expected["ema/ancestral10_image"])[0]
    found = stretched(decoded, 456, 256).permute(1, 2, 0)
    assert np.array_equal(found, tiny.expected["ema/postprocessed_uint8_256x456"])


@pytest.fixture
def fed_split(drawn_split):
    """A split with a description and, in `features/`, full-size features of its first sample."""
    sample_id = pd.read_csv(drawn_split / "samples.csv")["sample_id"][0]
    for kind, tokens in (("image", 256), ("text", 9)):
        (drawn_split / "features" / kind).mkdir(parents=True)
        drawn = seeded(tokens, (tokens, 5120)).half().numpy()
        np.save(drawn_split / "features" / kind / f"{sample_id}.npy", drawn)
    (drawn_split / "descriptions").mkdir()
    table = f"sample_id,description\n{sample_id},a hand opens the drawer\n"
    (drawn_split / "descriptions" / "written.csv").write_text(table)
    return drawn_split


def test_a_released_checkpoint_runs_unchanged(golden, bench, fed_split):
    checkpoint = golden / "upstream_tiny.ckpt"
    run = ("run", "--method", "lego", "--weights", checkpoint, "--limit", 1, "-o", "steps=2")
    described = (*run, "--descriptions", "written")
    for call, asked in ((run, "--descriptions NAME"), (described, "-o features=DIR")):
        result = bench(*call)
        assert (result.status, asked in result.err) == (2, True), result.err
    fed = (*described, "-o", f"features={fed_split / 'features'}")
    assert bench(*fed).status == 0
    folder = fed_split.parents[1] / "runs" / "drawn-val" / "lego"
    first = frames_and_manifest(folder)
    assert len(first) == 2
    assert bench(*fed, "--overwrite").status == 0
    assert frames_and_manifest(folder) == first


def frames_and_manifest(run):
    manifest = json.loads((run / "run.json").read_text())
    kept = {key: value for key, value in manifest.items() if key not in VOLATILE}
    return [kept, *(path.read_bytes() for path in sorted((run / "images").iterdir()))]
