"""A minimal, complete latent diffusion checkpoint in the released format."""

from collections.abc import Iterator
from pathlib import Path

import torch

WIDTH, VLLM = 16, 12  # of the context, of the VLLM's features
BASE, LEVELS = 32, 2  # channels (group norms want 32), resolutions

Shapes = Iterator[tuple[str, tuple[int, ...]]]


def write_checkpoint(path: Path, *, ema: bool = True, parts: bool = True) -> Path:
    """Save seeded weights as a Lightning .ckpt; `parts` are σ, μ and π."""
    stream = torch.Generator().manual_seed(0)
    shapes = dict(_model(parts))
    state = {n: torch.randn(shape, generator=stream) * 0.1 for n, shape in shapes.items()}
    if ema:
        for name in [n for n in state if n.startswith("model.")]:
            flat = "model_ema." + name.removeprefix("model.").replace(".", "")
            state[flat] = state[name] + 1
        state["model_ema.decay"] = torch.tensor(0.9999)
        state["model_ema.num_updates"] = torch.tensor(7)
    text = "cond_stage_model.transformer.text_model.embeddings.position_ids"
    state[text] = torch.arange(77)[None]
    torch.save({"state_dict": state, "global_step": 7}, path)
    return path


def _model(parts: bool) -> Shapes:
    yield from _under("model.diffusion_model", _unet())
    yield from _under("first_stage_model", _vae())
    yield from _under("cond_stage_model.transformer.text_model", _text())
    if parts:
        yield from _linear("projection_img", VLLM, WIDTH)
        yield from _linear("projection_txt", VLLM, WIDTH)
        for layer in range(2):
            yield from _under(f"self_attn_mix.layers.{layer}", _mixer())


def _under(prefix: str, shapes: Shapes) -> Shapes:
    return ((f"{prefix}.{name}", shape) for name, shape in shapes)


def _linear(name: str, wide: int, high: int, bias: bool = True) -> Shapes:
    yield f"{name}.weight", (high, wide)
    if bias:
        yield f"{name}.bias", (high,)


def _norm(name: str, width: int) -> Shapes:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _conv(name: str, wide: int, high: int, side: int = 3) -> Shapes:
    yield f"{name}.weight", (high, wide, side, side)
    yield f"{name}.bias", (high,)


def _mixer() -> Shapes:
    yield "self_attn.in_proj_weight", (3 * WIDTH, WIDTH)
    yield "self_attn.in_proj_bias", (3 * WIDTH,)
    yield from _linear("self_attn.out_proj", WIDTH, WIDTH)
    yield from _linear("linear1", WIDTH, 24)
    yield from _linear("linear2", 24, WIDTH)
    yield from _norm("norm1", WIDTH)
    yield from _norm("norm2", WIDTH)


def _text() -> Shapes:
    yield "embeddings.token_embedding.weight", (49408, WIDTH)
    yield "embeddings.position_embedding.weight", (77, WIDTH)
    layer = "encoder.layers.0"
    for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
        yield from _linear(f"{layer}.self_attn.{part}", WIDTH, WIDTH)
    yield from _linear(f"{layer}.mlp.fc1", WIDTH, 24)
    yield from _linear(f"{layer}.mlp.fc2", 24, WIDTH)
    for norm in (f"{layer}.layer_norm1", f"{layer}.layer_norm2", "final_layer_norm"):
        yield from _norm(norm, WIDTH)


def _unet() -> Shapes:
    yield from _linear("time_embed.0", BASE, 4 * BASE)
    yield from _linear("time_embed.2", 4 * BASE, 4 * BASE)
    yield from _conv("input_blocks.0.0", 8, BASE)
    yield from _attending("input_blocks.1", BASE)
    yield from _conv("input_blocks.2.0.op", BASE, BASE)
    yield from _unet_resnet("input_blocks.3.0", BASE, BASE)
    yield from _unet_resnet("middle_block.0", BASE, BASE)
    yield from _transformer("middle_block.1", BASE)
    yield from _unet_resnet("middle_block.2", BASE, BASE)
    yield from _unet_resnet("output_blocks.0.0", 2 * BASE, BASE)
    yield from _unet_resnet("output_blocks.1.0", 2 * BASE, BASE)
    yield from _conv("output_blocks.1.1.conv", BASE, BASE)
    for number in (2, 3):
        yield from _unet_resnet(f"output_blocks.{number}.0", 2 * BASE, BASE)
        yield from _transformer(f"output_blocks.{number}.1", BASE)
    yield from _norm("out.0", BASE)
    yield from _conv("out.2", BASE, 4)


def _attending(name: str, width: int) -> Shapes:
    yield from _unet_resnet(f"{name}.0", width, width)
    yield from _transformer(f"{name}.1", width)


def _unet_resnet(name: str, wide: int, high: int) -> Shapes:
    yield from _norm(f"{name}.in_layers.0", wide)
    yield from _conv(f"{name}.in_layers.2", wide, high)
    yield from _linear(f"{name}.emb_layers.1", 4 * BASE, high)
    yield from _norm(f"{name}.out_layers.0", high)
    yield from _conv(f"{name}.out_layers.3", high, high)
    if wide != high:
        yield from _conv(f"{name}.skip_connection", wide, high, 1)


def _transformer(name: str, width: int) -> Shapes:
    block = f"{name}.transformer_blocks.0"
    yield from _norm(f"{name}.norm", width)
    yield from _conv(f"{name}.proj_in", width, width, 1)
    for attention, context in (("attn1", width), ("attn2", WIDTH)):
        yield from _linear(f"{block}.{attention}.to_q", width, width, bias=False)
        yield from _linear(f"{block}.{attention}.to_k", context, width, bias=False)
        yield from _linear(f"{block}.{attention}.to_v", context, width, bias=False)
        yield from _linear(f"{block}.{attention}.to_out.0", width, width)
    yield from _linear(f"{block}.ff.net.0.proj", width, 8 * width)
    yield from _linear(f"{block}.ff.net.2", 4 * width, width)
    for norm in ("norm1", "norm2", "norm3"):
        yield from _norm(f"{block}.{norm}", width)
    yield from _conv(f"{name}.proj_out", width, width, 1)


def _vae() -> Shapes:
    yield from _conv("encoder.conv_in", 3, BASE)
    yield from _conv("decoder.conv_in", 4, BASE)
    for level in range(LEVELS):
        yield from _vae_resnet(f"encoder.down.{level}.block.0")
        for block in range(2):
            yield from _vae_resnet(f"decoder.up.{level}.block.{block}")
    yield from _conv("encoder.down.0.downsample.conv", BASE, BASE)
    yield from _conv("decoder.up.1.upsample.conv", BASE, BASE)
    for half, channels in (("encoder", 8), ("decoder", 3)):
        yield from _vae_resnet(f"{half}.mid.block_1")
        yield from _vae_resnet(f"{half}.mid.block_2")
        yield from _norm(f"{half}.mid.attn_1.norm", BASE)
        for part in ("q", "k", "v", "proj_out"):
            yield from _conv(f"{half}.mid.attn_1.{part}", BASE, BASE, 1)
        yield from _norm(f"{half}.norm_out", BASE)
        yield from _conv(f"{half}.conv_out", BASE, channels)
    yield from _conv("quant_conv", 8, 8, 1)
    yield from _conv("post_quant_conv", 4, 4, 1)


def _vae_resnet(name: str) -> Shapes:
    for number in (1, 2):
        yield from _norm(f"{name}.norm{number}", BASE)
        yield from _conv(f"{name}.conv{number}", BASE, BASE)
