"""The components of training, compared with their formulas and sources."""

import copy
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from drawn_split import write_drawn_split
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.denoiser import latent_model, noise_schedule, untrained_weights
from egoactgen_bench.diffusion.denoiser.text_conditioning import TextConditioner
from egoactgen_bench.diffusion.finetuning import starting_networks
from egoactgen_bench.diffusion.finetuning.denoising_loss import Denoising
from egoactgen_bench.diffusion.finetuning.denoising_samples import NoFeatures
from egoactgen_bench.diffusion.finetuning.frame_latents import (
    Frame,
    Latents,
    Pair,
    digest_of,
    frames_of,
    pixels,
)
from egoactgen_bench.diffusion.finetuning.resumable_loop import micro_batch
from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw, sample_draws
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop, TrainingTask
from egoactgen_bench.diffusion.finetuning.training_options import FinetuningOptions, LoopOptions
from egoactgen_bench.errors import BenchError
from egoactgen_lego.generator.vllm_conditioning import Conditioner

DRAWS = 4000
INPUT, TARGET = Frame(Path("input"), "a"), Frame(Path("target"), "b")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(models):
    return latent_model.load(untrained_weights.folder(models), "cpu", torch.float32)


class Known:
    """Recognisable latents: 2 for an input, 5 for a target, negative if mirrored."""

    def read(self, frame, mirrored):
        value = (2.0 if frame is INPUT else 5.0) * (-1 if mirrored else 1)
        return torch.full((4, 2, 2), value), torch.full((4, 2, 2), 0.25)


def training_task(model, **options):
    pair = Pair("s_0", INPUT, TARGET, "open drawer")
    chosen = FinetuningOptions(**options)
    return Denoising(model, TextConditioner(), [pair], Known(), NoFeatures(), chosen, seed=0)


def seen(model, **options):
    """`DRAWS` draws of one sample, each in a different step."""
    learnt = training_task(model, **options)
    return [learnt.samples._sample(SampleDraw(0, step, step)) for step in range(DRAWS)]


def shares(draws):
    """Frequencies of (prompt dropped, image dropped)."""
    counts = Counter((bool(v["drop_text"]), not v["latent"][4:].any()) for v in draws)
    return {key: count / DRAWS for key, count in counts.items()}


def test_conditioning_is_dropped_at_the_published_rates(model):
    """u < 0.10 drops the prompt, 0.05 ≤ u < 0.15 the image: 5 % each alone, 5 % both."""
    found = shares(seen(model))
    for key in ((True, False), (True, True), (False, True)):
        assert found[key] == pytest.approx(0.05, abs=0.012)
    found = shares(seen(model, conditioning_dropout=0.2))
    assert found[(True, True)] == pytest.approx(0.2, abs=0.025)
    assert shares(seen(model, conditioning_dropout=0)) == {(False, False): 1.0}


def test_either_both_frames_of_a_pair_are_mirrored_or_neither(model):
    signs = Counter()
    for draw in seen(model, conditioning_dropout=0):
        clean = (draw["latent"][:4] - noise_part(draw)) / schedule_part(draw)
        signs[float(draw["latent"][4:].sign().mean()), float(clean.mean().sign())] += 1
    assert set(signs) == {(1.0, 1.0), (-1.0, -1.0)}
    assert signs[1.0, 1.0] / DRAWS == pytest.approx(0.5, abs=0.03)


def noise_part(draw):
    return (1 - noise_schedule.alphas_cumprod()[draw["time"]]).sqrt() * draw["target"]


def schedule_part(draw):
    return noise_schedule.alphas_cumprod()[draw["time"]].sqrt()


def test_the_target_is_sampled_scaled_and_noised_but_the_input_is_not(model):
    clean = []
    for draw in seen(model, conditioning_dropout=0, flip=0):
        assert torch.equal(draw["latent"][4:], torch.full((4, 2, 2), 2.0))
        if draw["time"] < 500:
            clean.append((draw["latent"][:4] - noise_part(draw)) / schedule_part(draw))
    latents = torch.stack(clean) / model.vae.config.scaling_factor
    assert latents.mean() == pytest.approx(5, abs=0.01)
    assert latents.std() == pytest.approx(0.25, rel=0.05)
    times = torch.stack([draw["time"] for draw in seen(model)]).float()
    assert (times.min(), times.max()) >= (0, 990)
    assert times.mean() == pytest.approx(499.5, abs=20)


def test_a_dropped_prompt_is_replaced_by_the_empty_one(model):
    learnt = training_task(model, conditioning_dropout=1 / 3)
    asked = [SampleDraw(0, step, step) for step in range(20)]
    batch = learnt.batch(asked)
    empty, full = model.tokens(["", "open drawer"])
    for dropped, tokens in zip(batch["drop_text"], batch["tokens"], strict=True):
        assert torch.equal(tokens, empty if dropped else full)


def test_features_are_zero_where_the_prompt_is_dropped(model):
    """The predicted noise then does not depend on the features."""
    torch.manual_seed(0)
    conditioner = Conditioner(
        "joint",
        width=untrained_weights.WIDTH,
        vllm_width=6,
        heads=2,
        feed_forward=8,
        image_tokens=3,
    )
    learnt = training_task(model)
    learnt.conditioner = conditioner.eval()
    batch = learnt.batch([SampleDraw(0, 0, 0)])
    losses = {}
    for dropped in (True, False):
        batch["drop_text"] = torch.tensor([dropped])
        for number in (1, 2):
            batch["feature image"] = torch.full((1, 3, 6), float(number))
            batch["feature text"] = torch.full((1, 77, 6), float(number))
            losses[dropped, number] = learnt(batch).item()
    assert losses[True, 1] == losses[True, 2]
    assert losses[False, 1] != losses[False, 2]


def test_dropout_in_pi_depends_only_on_the_sample_s_seed():
    sizes = {"width": 8, "vllm_width": 6, "heads": 2, "feed_forward": 8}
    conditioner = Conditioner("text", **sizes, dropout=0.5).train()
    prompt, text = torch.zeros(3, 77, 8), torch.ones(3, 77, 6)
    seeds = torch.tensor([1, 2, 1])
    state = torch.get_rng_state()
    first, second, third = conditioner(prompt, seeds=seeds, text=text)
    assert torch.equal(first, third)
    assert not torch.equal(first, second)
    (alone,) = conditioner(prompt[:1], seeds=seeds[1:2], text=text[:1])
    assert torch.allclose(alone, second, atol=1e-6)
    assert torch.equal(torch.get_rng_state(), state)


def test_each_pass_visits_every_sample_once_in_another_order():
    turns = [
        [v.sample for v in sample_draws(7, 0, range(i * 10, i * 10 + 10), 10)] for i in range(3)
    ]
    assert [sorted(turn) for turn in turns] == [list(range(10))] * 3
    assert len({tuple(turn) for turn in turns}) == 3
    across = list(sample_draws(7, 2, range(8, 12), 10))
    assert [v.sample for v in across] == turns[0][8:] + turns[1][:2]
    assert [v.turn for v in across] == [0, 0, 1, 1]
    streams = [torch.rand(1, generator=v.generator(7, "s")).item() for v in across[1:3]]
    assert streams[0] != streams[1]


def test_a_widened_network_gives_the_same_output(models):
    unet = latent_model.load(
        untrained_weights.folder(models, untrained_weights.TEXT_TO_IMAGE), "cpu", torch.float32
    ).unet
    with torch.no_grad():
        unet.conv_in.bias.normal_(generator=torch.Generator().manual_seed(1))
    latent, image = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    context = torch.ones(1, 77, untrained_weights.WIDTH)
    with torch.inference_mode():
        before = unet(latent, 500, encoder_hidden_states=context).sample
        starting_networks.widen(unet, 8)
        for shown in (torch.zeros_like(image), image):
            after = unet(torch.cat([latent, shown], 1), 500, encoder_hidden_states=context).sample
            assert (after - before).abs().max() < 1e-6
    assert unet.config.in_channels == 8


class Slope(TrainingTask):
    """One decreasing weight; `seen` has its values before each step."""

    def __init__(self):
        super().__init__()
        self.weight, self.seen = torch.nn.Parameter(torch.ones(1)), []

    def __len__(self):
        return 3

    def batch(self, draws):
        return {"factor": torch.tensor([1.0 + draw.sample for draw in draws])}

    def forward(self, batch):
        self.seen.append(self.weight.item())
        return (self.weight * batch["factor"]).mean()


def slope(folder, **options):
    """A `Slope` after its training."""
    learnt = Slope()
    context = SimpleNamespace(device="cpu", folder=folder, seed=0, progress=False, log=None)
    chosen = LoopOptions(batch_size=1, learning_rate=0.1, iterations=12, **options)
    TrainingLoop(learnt, chosen, context).run()
    return learnt


@pytest.mark.parametrize("decay", [0.3, 0.9999])
def test_a_trained_weight_is_its_moving_average(tmp_path, decay):
    """θ' ← θ' − (1 − d)(θ' − θ), d = min(decay, (1 + n) / (10 + n)): latent diffusion's formula."""
    raw = slope(tmp_path / "raw", ema_decay=0)
    start, *weights = [*raw.seen, raw.weight.item()]
    average = start
    for count, weight in enumerate(weights, 1):
        average -= (1 - min(decay, (1 + count) / (10 + count))) * (average - weight)
    averaged = slope(tmp_path / "averaged", ema_decay=decay)
    assert averaged.seen == raw.seen
    assert averaged.weight.item() == pytest.approx(average, rel=1e-5)
    # Resumed from the checkpoint after 8 steps, to the same bits.
    slope(tmp_path / "resumed", ema_decay=decay, checkpoint_every=8)
    resumed = slope(tmp_path / "resumed", ema_decay=decay)
    assert len(resumed.seen) == 4
    assert torch.equal(resumed.weight, averaged.weight)


def test_latents_on_disk_are_the_encoder_s(model, tmp_path):
    split = load_split(write_drawn_split(tmp_path / "split", 3))
    frames = frames_of(split, "input")
    latents = Latents(tmp_path / "cache", model.vae, 32)
    asked = [(frame, mirrored) for frame in frames for mirrored in (False, True)]
    latents.encode(asked, "cpu", slice(0, None, 2), progress=False)
    assert all(latents.holds(*one) for one in asked)
    for frame, mirrored in asked:
        image = pixels(frame, 32, mirrored)
        assert torch.equal(image.flip(2), pixels(frame, 32, not mirrored))
        with torch.inference_mode():
            posterior = model.vae.encode(image[None]).latent_dist
        mean, deviation = latents.read(frame, mirrored)
        assert torch.allclose(mean, posterior.mode()[0], rtol=1e-3, atol=1e-4)
        assert torch.allclose(deviation, posterior.std[0], rtol=1e-3, atol=1e-4)
    model.vae.encode = None  # a second call finds all of them on disk
    Latents(tmp_path / "cache", model.vae, 32).encode(asked, "cpu", slice(None), False)
    del model.vae.encode


def test_copies_of_an_autoencoder_share_their_latents(model, tmp_path):
    model.vae.save_pretrained(tmp_path / "one")
    model.vae.from_pretrained(tmp_path / "one").save_pretrained(tmp_path / "two")
    configs = {(tmp_path / name / "config.json").read_text() for name in ("one", "two")}
    assert len(configs) == 2  # diffusers notes where it was loaded from
    first, second = (model.vae.from_pretrained(tmp_path / name) for name in ("one", "two"))
    assert digest_of(first) == digest_of(second)
    assert digest_of(first) != digest_of(copy.deepcopy(first).to(torch.bfloat16))
    with torch.no_grad():
        second.encoder.conv_in.bias[0] += 1e-3
    assert digest_of(first) != digest_of(second)


def test_micro_batches_split_a_batch_evenly():
    assert micro_batch(1024, 32, 8) == 32
    assert micro_batch(1024, 5, 8) == 4
    assert micro_batch(6, 4, 1) == 3
    with pytest.raises(BenchError, match="cannot be divided evenly among 4 processes"):
        micro_batch(6, 4, 4)
