"""Tiny random pipelines of NVIDIA Cosmos: `BUILDERS[name]()` gives one to save.

Their guardrail is a package of its own, with large networks; here it is `Guardrail`.
"""

import importlib
import sys
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from unittest import mock

from diffusers import (
    AutoencoderKLCosmos,
    Cosmos2_5_PredictBasePipeline,
    Cosmos2VideoToWorldPipeline,
    Cosmos3OmniPipeline,
    Cosmos3OmniTransformer,
    CosmosTransformer3DModel,
    CosmosVideoToWorldPipeline,
    EDMEulerScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)

from tiny_image_editors import TEXT, t5_encoder
from tiny_qwen import VOCABULARY, qwen2_5_vl, seeded, tokenizer
from tiny_tokenizers import t5_tokenizer
from tiny_video_parts import wan_autoencoder

PACKAGE = "cosmos_guardrail"
MODULES = (
    "pipeline_cosmos_video2world",
    "pipeline_cosmos2_video2world",
    "pipeline_cosmos2_5_predict",
    "pipeline_cosmos3_omni",
)


class Guardrail:
    """Accepts every text and video."""

    def to(self, device):
        return self

    def check_text_safety(self, text):
        return True

    def check_video_safety(self, frames):
        return frames


@contextmanager
def guardrail():
    """As if the package of the guardrail were installed."""
    package = ModuleType(PACKAGE)
    package.__spec__ = ModuleSpec(PACKAGE, None)
    with ExitStack() as patches:
        patches.enter_context(mock.patch.dict(sys.modules, {PACKAGE: package}))
        for name in MODULES:
            module = importlib.import_module(f"diffusers.pipelines.cosmos.{name}")
            patches.enter_context(mock.patch.object(module, "CosmosSafetyChecker", Guardrail))
        yield


def _transformer(channels, **changed):
    small = {
        "in_channels": channels + 1,
        "out_channels": channels,
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "num_layers": 1,
        "mlp_ratio": 2,
        "text_embed_dim": TEXT,
        "adaln_lora_dim": 4,
        "max_size": (4, 32, 32),
        "patch_size": (1, 2, 2),
        "rope_scale": (2.0, 1.0, 1.0),
    }
    return CosmosTransformer3DModel(**(small | changed)).eval()


def _unchecked(pipeline):
    """As published: without the guardrail, which the pipeline loads on its own."""
    pipeline.register_modules(safety_checker=None)
    return pipeline


def cosmos_1():
    vae = AutoencoderKLCosmos(
        latent_channels=4,
        encoder_block_out_channels=(4, 4, 4, 4),
        decode_block_out_channels=(4, 4, 4, 4),
        attention_resolutions=(8,),
        resolution=64,
        num_layers=1,
        spatial_compression_ratio=8,
        temporal_compression_ratio=8,
    )
    pipeline = CosmosVideoToWorldPipeline(
        text_encoder=t5_encoder(),
        tokenizer=t5_tokenizer(),
        transformer=_transformer(4, extra_pos_embed_type="learnable"),
        vae=vae.eval(),
        scheduler=EDMEulerScheduler(sigma_data=0.5, final_sigmas_type="sigma_min"),
    )
    return _unchecked(pipeline)


def cosmos_2():
    pipeline = Cosmos2VideoToWorldPipeline(
        text_encoder=t5_encoder(),
        tokenizer=t5_tokenizer(),
        transformer=_transformer(16, extra_pos_embed_type=None),
        vae=wan_autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True),
    )
    return _unchecked(pipeline)


def cosmos_2_5():
    text_encoder, tokens, _ = qwen2_5_vl()
    pipeline = Cosmos2_5_PredictBasePipeline(
        text_encoder=text_encoder,
        tokenizer=tokens,
        transformer=_transformer(16, extra_pos_embed_type=None),
        vae=wan_autoencoder(),
        scheduler=UniPCMultistepScheduler(use_flow_sigmas=True, flow_shift=5.0),
    )
    return _unchecked(pipeline)


def _cosmos_3(**settings):
    transformer = Cosmos3OmniTransformer(
        head_dim=12,
        hidden_size=24,
        intermediate_size=24,
        latent_channel=16,
        latent_patch_size=2,
        num_attention_heads=2,
        num_hidden_layers=1,
        num_key_value_heads=2,
        patch_latent_dim=64,
        rope_axes_dim=[2, 2, 2],
        vocab_size=VOCABULARY,
    )
    return Cosmos3OmniPipeline(
        transformer=transformer.eval(),
        text_tokenizer=tokenizer(),
        vae=wan_autoencoder(),
        scheduler=UniPCMultistepScheduler(use_flow_sigmas=True, flow_shift=10.0),
        **settings,
    )


def cosmos_3():
    return _unchecked(_cosmos_3())


def cosmos_3_unchecked():
    return _cosmos_3(enable_safety_checker=False)


def _guarded(build):
    def built():
        with guardrail():
            return build()

    return built


BUILDERS = {
    name: _guarded(seeded(build))
    for name, build in {
        "CosmosVideoToWorldPipeline": cosmos_1,
        "Cosmos2VideoToWorldPipeline": cosmos_2,
        "Cosmos2_5_PredictBasePipeline": cosmos_2_5,
        "Cosmos3OmniPipeline": cosmos_3,
        "Cosmos 3 unchecked": cosmos_3_unchecked,
    }.items()
}
