"""Names and shapes of latent diffusion's checkpoints under CompVis' names, at any size."""

from collections.abc import Iterator
from dataclasses import dataclass

Shapes = Iterator[tuple[str, tuple[int, ...]]]

WORDS, POSITIONS = 49408, 77
LATENT = 4


@dataclass(frozen=True)
class Sizes:
    """Of the networks; by default those of Stable Diffusion 1.5, with LEGO's input channels."""

    inputs: int = 8  # channels that enter the UNet
    channels: int = 320  # of the UNet at full resolution
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    context: int = 768
    vae_channels: int = 128
    vae_multipliers: tuple[int, ...] = (1, 2, 4, 4)
    text_layers: int = 12
    text_inner: int = 3072
    vllm: int = 5120
    mixer_inner: int = 2048  # of the feed-forward layers of π


TINY = Sizes(
    channels=32,
    multipliers=(1, 1, 2, 2),
    context=32,
    vae_channels=32,
    vae_multipliers=(1, 1, 2, 2),
    text_layers=2,
    text_inner=64,
)


def unet(sizes: Sizes) -> Shapes:
    """`model.diffusion_model.`: two residual blocks per level, attention on all but the last."""
    base = sizes.channels
    widths = [base * each for each in sizes.multipliers]
    yield from linear("time_embed.0", base, 4 * base)
    yield from linear("time_embed.2", 4 * base, 4 * base)
    yield from conv("input_blocks.0.0", sizes.inputs, base)
    skips, number, wide = [base], 1, base
    for level, width in enumerate(widths):
        for _ in range(2):
            yield from _residual(f"input_blocks.{number}.0", wide, width, 4 * base)
            if level + 1 < len(widths):
                yield from _transformer(f"input_blocks.{number}.1", width, sizes.context)
            wide, number = width, number + 1
            skips.append(wide)
        if level + 1 < len(widths):
            yield from conv(f"input_blocks.{number}.0.op", wide, wide)
            skips.append(wide)
            number += 1
    yield from _residual("middle_block.0", wide, wide, 4 * base)
    yield from _transformer("middle_block.1", wide, sizes.context)
    yield from _residual("middle_block.2", wide, wide, 4 * base)
    number = 0
    for level in reversed(range(len(widths))):
        attends, width = level + 1 < len(widths), widths[level]
        for block in range(3):
            name = f"output_blocks.{number}"
            yield from _residual(f"{name}.0", wide + skips.pop(), width, 4 * base)
            if attends:
                yield from _transformer(f"{name}.1", width, sizes.context)
            if level and block == 2:
                yield from conv(f"{name}.{1 + attends}.conv", width, width)
            wide, number = width, number + 1
    yield from norm("out.0", wide)
    yield from conv("out.2", wide, LATENT)


def vae(sizes: Sizes) -> Shapes:
    """`first_stage_model.`"""
    widths = [sizes.vae_channels * each for each in sizes.vae_multipliers]
    deepest = widths[-1]
    yield from conv("encoder.conv_in", 3, widths[0])
    wide = widths[0]
    for level, width in enumerate(widths):
        for block in range(2):
            yield from _vae_residual(f"encoder.down.{level}.block.{block}", wide, width)
            wide = width
        if level + 1 < len(widths):
            yield from conv(f"encoder.down.{level}.downsample.conv", wide, wide)
    yield from _vae_middle("encoder", deepest)
    yield from norm("encoder.norm_out", deepest)
    yield from conv("encoder.conv_out", deepest, 2 * LATENT)
    yield from conv("decoder.conv_in", LATENT, deepest)
    yield from _vae_middle("decoder", deepest)
    for level in reversed(range(len(widths))):
        for block in range(3):
            yield from _vae_residual(f"decoder.up.{level}.block.{block}", wide, widths[level])
            wide = widths[level]
        if level:
            yield from conv(f"decoder.up.{level}.upsample.conv", wide, wide)
    yield from norm("decoder.norm_out", wide)
    yield from conv("decoder.conv_out", wide, 3)
    yield from conv("quant_conv", 2 * LATENT, 2 * LATENT, 1)
    yield from conv("post_quant_conv", LATENT, LATENT, 1)


def text_encoder(sizes: Sizes) -> Shapes:
    """`cond_stage_model.transformer.text_model.`"""
    width = sizes.context
    yield "embeddings.token_embedding.weight", (WORDS, width)
    yield "embeddings.position_embedding.weight", (POSITIONS, width)
    for number in range(sizes.text_layers):
        layer = f"encoder.layers.{number}"
        for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
            yield from linear(f"{layer}.self_attn.{part}", width, width)
        yield from norm(f"{layer}.layer_norm1", width)
        yield from linear(f"{layer}.mlp.fc1", width, sizes.text_inner)
        yield from linear(f"{layer}.mlp.fc2", sizes.text_inner, width)
        yield from norm(f"{layer}.layer_norm2", width)
    yield from norm("final_layer_norm", width)


def conditioner(sizes: Sizes) -> Shapes:
    """LEGO's σ, μ and π, without a prefix."""
    width, inner = sizes.context, sizes.mixer_inner
    yield from linear("projection_img", sizes.vllm, width)
    yield from linear("projection_txt", sizes.vllm, width)
    for number in range(2):
        layer = f"self_attn_mix.layers.{number}"
        yield f"{layer}.self_attn.in_proj_weight", (3 * width, width)
        yield f"{layer}.self_attn.in_proj_bias", (3 * width,)
        yield from linear(f"{layer}.self_attn.out_proj", width, width)
        yield from linear(f"{layer}.linear1", width, inner)
        yield from linear(f"{layer}.linear2", inner, width)
        yield from norm(f"{layer}.norm1", width)
        yield from norm(f"{layer}.norm2", width)


def linear(name: str, wide: int, high: int, bias: bool = True) -> Shapes:
    yield f"{name}.weight", (high, wide)
    if bias:
        yield f"{name}.bias", (high,)


def norm(name: str, width: int) -> Shapes:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def conv(name: str, wide: int, high: int, side: int = 3) -> Shapes:
    yield f"{name}.weight", (high, wide, side, side)
    yield f"{name}.bias", (high,)


def _residual(name: str, wide: int, high: int, time: int) -> Shapes:
    yield from norm(f"{name}.in_layers.0", wide)
    yield from conv(f"{name}.in_layers.2", wide, high)
    yield from linear(f"{name}.emb_layers.1", time, high)
    yield from norm(f"{name}.out_layers.0", high)
    yield from conv(f"{name}.out_layers.3", high, high)
    if wide != high:
        yield from conv(f"{name}.skip_connection", wide, high, 1)


def _transformer(name: str, width: int, context: int) -> Shapes:
    block = f"{name}.transformer_blocks.0"
    yield from norm(f"{name}.norm", width)
    yield from conv(f"{name}.proj_in", width, width, 1)
    for attention, source in (("attn1", width), ("attn2", context)):
        yield from linear(f"{block}.{attention}.to_q", width, width, bias=False)
        yield from linear(f"{block}.{attention}.to_k", source, width, bias=False)
        yield from linear(f"{block}.{attention}.to_v", source, width, bias=False)
        yield from linear(f"{block}.{attention}.to_out.0", width, width)
    yield from linear(f"{block}.ff.net.0.proj", width, 8 * width)
    yield from linear(f"{block}.ff.net.2", 4 * width, width)
    for number in (1, 2, 3):
        yield from norm(f"{block}.norm{number}", width)
    yield from conv(f"{name}.proj_out", width, width, 1)


def _vae_middle(half: str, width: int) -> Shapes:
    yield from _vae_residual(f"{half}.mid.block_1", width, width)
    yield from norm(f"{half}.mid.attn_1.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        yield from conv(f"{half}.mid.attn_1.{part}", width, width, 1)
    yield from _vae_residual(f"{half}.mid.block_2", width, width)


def _vae_residual(name: str, wide: int, high: int) -> Shapes:
    yield from norm(f"{name}.norm1", wide)
    yield from conv(f"{name}.conv1", wide, high)
    yield from norm(f"{name}.norm2", high)
    yield from conv(f"{name}.conv2", high, high)
    if wide != high:
        yield from conv(f"{name}.nin_shortcut", wide, high, 1)
