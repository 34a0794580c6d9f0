"""The published networks at full size, on the meta device: parameters, shapes and memory."""

import json
import math

import pytest
import torch
from torch import nn

from egoactgen_bench.diffusion.finetuning import full_size_networks, starting_networks
from egoactgen_bench.metrics.egovlp_network import SpaceTimeTransformer, TextTower, VideoTower
from egoactgen_bench.metrics.flow_network import build_raft_large
from egoactgen_lego.generator.vllm_conditioning import Conditioner
from egoactgen_lego.vllm.vision_tower import PUBLISHED


def unet(channels=4):
    from diffusers import UNet2DConditionModel

    made = UNet2DConditionModel(**full_size_networks.UNET)
    starting_networks.widen(made, channels)
    return made


def vae():
    from diffusers import AutoencoderKL

    channels, kinds = (128, 256, 512, 512), ("DownEncoderBlock2D", "UpDecoderBlock2D")
    blocks = {"down_block_types": kinds[:1] * 4, "up_block_types": kinds[1:] * 4}
    return AutoencoderKL(block_out_channels=channels, layers_per_block=2, **blocks)


def text_encoder():
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(**full_size_networks.TEXT))


def clip():
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    vision = CLIPVisionCfg(layers=24, width=1024, patch_size=14, image_size=224)
    return CLIP(768, vision, CLIPTextCfg(width=768, heads=12, layers=12), quick_gelu=True)


def dino(width, layers, heads):
    from transformers import Dinov2Config, Dinov2Model

    sizes = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads}
    return Dinov2Model(Dinov2Config(**sizes, image_size=518, patch_size=14))


def blip(width, layers, heads):
    from transformers import BlipConfig, BlipForConditionalGeneration

    vision = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads}
    vision |= {"intermediate_size": 4 * width, "image_size": 384}
    text = {"vocab_size": 30524, "encoder_hidden_size": width}
    return BlipForConditionalGeneration(BlipConfig(vision_config=vision, text_config=text))


def llava(width, hidden, layers, heads):
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    sizes = {"hidden_size": width, "intermediate_size": hidden, "num_hidden_layers": layers}
    text = LlamaConfig(**sizes, num_attention_heads=heads, vocab_size=32000)
    vision = CLIPVisionConfig(**PUBLISHED["clip-vit-large-patch14"])
    return LlavaForConditionalGeneration(LlavaConfig(text_config=text, vision_config=vision))


def language(llava):
    return nn.ModuleList([llava.model.language_model, llava.lm_head])


TIED = 30_524 * 768  # BLIP's output layer, whose weights are its word embeddings

# Name → (network, its published number of parameters). Sources: the files of the published weights
# (Stable Diffusion 1.5, OpenAI's CLIP, DINOv2, BLIP, Llama 2), torchvision's documentation (RAFT).
COUNTS = {
    "Stable Diffusion 1.5's UNet": (unet, 859_520_964),
    "the same with 8 input channels": (lambda: unet(8), 859_520_964 + 4 * 320 * 9),
    "Stable Diffusion's autoencoder": (vae, 83_653_863),
    "its text encoder": (text_encoder, 123_060_480),
    "CLIP ViT-L/14": (clip, 427_616_513),
    "DINOv2 ViT-B/14": (lambda: dino(768, 12, 12), 86_580_480),
    "DINOv2 ViT-L/14": (lambda: dino(1024, 24, 16), 304_368_640),
    "RAFT": (build_raft_large, 5_257_536),
    "Llama 2 13B": (lambda: language(llava(5120, 13824, 40, 40)), 13_015_864_320),
    "Llama 2 7B": (lambda: language(llava(4096, 11008, 32, 32)), 6_738_415_616),
    "LLaVA's tower, CLIP ViT-L/14": (
        lambda: llava(4096, 11008, 32, 32).model.vision_tower,
        303_179_776,
    ),
    "BLIP base": (lambda: blip(768, 12, 12), 247_414_076 - TIED),
    "BLIP large": (lambda: blip(1024, 24, 16), 469_732_924 - TIED),
}


def on_meta(build):
    with torch.device("meta"):
        return build()


@pytest.mark.parametrize("name", COUNTS)
def test_numbers_of_parameters(name):
    build, wanted = COUNTS[name]
    assert sum(parameter.numel() for parameter in on_meta(build).parameters()) == wanted


def shapes(network):
    return {name: list(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.shared
@pytest.mark.parametrize(("variant", "frames"), [("ego4d", 4), ("epickitchen", 16)])
def test_egovlp_has_the_shapes_of_the_released_code(variant, frames, shared):
    from transformers import DistilBertConfig

    def build():
        transformer = SpaceTimeTransformer(768, 3072, 12, patch=16, positions=196, frames=frames)
        return VideoTower(transformer, 256), TextTower(DistilBertConfig(), 256)

    found = [shapes(tower) for tower in on_meta(build)]
    wanted = json.loads((shared / f"golden/egovlp_{variant}_param_shapes.json").read_text())
    assert found[0] | found[1] == wanted


@pytest.mark.shared
def test_the_conditioner_has_the_shapes_of_the_released_code(shared):
    wanted = json.loads((shared / "golden/05_conditioning_param_shapes.json").read_text())
    assert shapes(on_meta(lambda: Conditioner("joint"))) == wanted


def test_lego_denoises_at_full_size():
    """H_i (256 tokens) and H_t (77) of a 13B VLLM, a 256-pixel frame, in bfloat16."""
    with torch.device("meta"):
        network = unet(8).to(torch.bfloat16)
        conditioner = Conditioner("joint").to(torch.bfloat16)
        prompt, image, text = (
            torch.zeros(2, tokens, width, dtype=torch.bfloat16)
            for tokens, width in ((77, 768), (256, 5120), (77, 5120))
        )
        context = conditioner(prompt, image=image, text=text)
        assert context.shape == conditioner.null(prompt).shape == (2, 77 + 256 + 77, 768)
        latent = torch.zeros(2, 8, 32, 32, dtype=torch.bfloat16)
        noise = network(latent, torch.zeros(2), encoder_hidden_states=context).sample
    assert (noise.shape, noise.dtype) == ((2, 4, 32, 32), torch.bfloat16)
    assert memory(network) == pytest.approx(1.72e9, rel=0.01)


def test_the_vllm_in_bfloat16_takes_27_gigabytes():
    assert memory(on_meta(lambda: llava(5120, 13824, 40, 40)).bfloat16()) == pytest.approx(
        2 * (13_015_864_320 + 303_179_776 + 31_467_520), rel=1e-4
    )


def memory(network):
    """Bytes of the parameters."""
    return sum(math.prod(each.shape) * each.itemsize for each in network.parameters())
