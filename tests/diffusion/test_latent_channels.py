"""Latent channels that are only noise are removed, and images stay the same."""

import pytest
import torch
from diffusers import AutoencoderKL

from egoactgen_bench.diffusion.finetuning import latent_channels

CHANNELS, NOISE = 6, torch.tensor([1, 4])


@pytest.fixture
def vae():
    """An untrained autoencoder whose channels 1 and 4 are noise that its decoder ignores."""
    torch.manual_seed(0)
    made = AutoencoderKL(
        latent_channels=CHANNELS,
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
    ).eval()
    with torch.no_grad():
        made.quant_conv.bias[CHANNELS:] = -12
        made.quant_conv.bias[NOISE + CHANNELS] = 5
        made.post_quant_conv.weight[:, NOISE] = 0
        made.post_quant_conv.bias.zero_()
    return made


@pytest.fixture
def images():
    return torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8)


@torch.no_grad()
def encode(vae, images):
    return vae.encode(images / 127.5 - 1).latent_dist


@torch.no_grad()
def decode(vae, images):
    return vae.decode(encode(vae, images).mode()).sample


def test_standardising_changes_latents_but_not_images(vae, images):
    before = decode(vae, images)
    latent_channels.standardise(vae, images)
    means = encode(vae, images).mean
    torch.testing.assert_close(means.mean((0, 2, 3)), torch.zeros(CHANNELS), atol=1e-4, rtol=0)
    torch.testing.assert_close(means.std((0, 2, 3)), torch.ones(CHANNELS), atol=1e-4, rtol=0)
    torch.testing.assert_close(decode(vae, images), before, atol=1e-4, rtol=0)


def test_channels_of_noise_are_removed(vae, images, tmp_path):
    latent_channels.standardise(vae, images)
    before, old = decode(vae, images), encode(vae, images)
    assert old.std.mean((0, 2, 3))[NOISE].min() > latent_channels.COLLAPSED
    new = latent_channels.without_collapsed(vae, images)
    new.save_pretrained(tmp_path)
    new = AutoencoderKL.from_pretrained(tmp_path)
    assert new.config.latent_channels == CHANNELS - len(NOISE)
    found, kept = encode(new, images), [0, 2, 3, 5]
    torch.testing.assert_close(found.mean, old.mean[:, kept], atol=1e-4, rtol=0)
    torch.testing.assert_close(found.std, old.std[:, kept], atol=1e-4, rtol=0)
    torch.testing.assert_close(decode(new, images), before, atol=1e-4, rtol=0)


@torch.no_grad()
def test_any_bias_is_kept_but_at_the_border(vae, images):
    """The removed channels' bias, of which the others express a part, is added after padding."""
    latent_channels.standardise(vae, images)
    vae.post_quant_conv.bias.normal_()
    new = latent_channels.without_collapsed(vae, images)
    before, after = (
        each.decoder.conv_in(each.post_quant_conv(encode(each, images).mode()))
        for each in (vae, new)
    )
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(after[inside], before[inside], atol=1e-4, rtol=0)


def test_an_autoencoder_without_such_channels_stays_the_same_object(vae, images):
    with torch.no_grad():
        vae.quant_conv.bias[CHANNELS:] = -12
    latent_channels.standardise(vae, images)
    assert latent_channels.without_collapsed(vae, images) is vae


def test_an_autoencoder_that_has_learnt_nothing_keeps_its_channels(vae, images):
    with torch.no_grad():
        vae.quant_conv.bias[CHANNELS:] = 9
    latent_channels.standardise(vae, images)
    assert latent_channels.without_collapsed(vae, images) is vae
