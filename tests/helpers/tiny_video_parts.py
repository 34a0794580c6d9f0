"""Tiny random networks that several video pipelines share."""

from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
    UMT5Config,
    UMT5EncoderModel,
)

TEXT = 32  # width of the text encoders
VISION = 4  # width of the vision encoders
SIDE = 32  # of the images that these see


def umt5_encoder():
    return UMT5EncoderModel(
        UMT5Config(
            vocab_size=200,
            d_model=TEXT,
            d_kv=8,
            d_ff=37,
            num_layers=1,
            num_heads=4,
            num_decoder_layers=1,
        )
    ).eval()


def wan_autoencoder(**changed):
    """Scales by 8, and 4 frames to one."""
    return AutoencoderKLWan(
        **(
            {
                "base_dim": 3,
                "z_dim": 16,
                "dim_mult": [1, 1, 1, 1],
                "num_res_blocks": 1,
                "temperal_downsample": [False, True, True],
            }
            | changed
        )
    ).eval()


def hunyuan_autoencoder():
    """Scales by 8, and 4 frames to one."""
    return AutoencoderKLHunyuanVideo(
        latent_channels=4,
        down_block_types=("HunyuanVideoDownBlock3D",) * 4,
        up_block_types=("HunyuanVideoUpBlock3D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        layers_per_block=1,
        norm_num_groups=2,
        mid_block_add_attention=False,
    ).eval()


def clip_vision(projected=False, side=SIDE, patch=8):
    config = CLIPVisionConfig(
        hidden_size=VISION,
        projection_dim=VISION,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=side,
        intermediate_size=16,
        patch_size=patch,
    )
    return (CLIPVisionModelWithProjection if projected else CLIPVisionModel)(config).eval()


def clip_processor(side=SIDE):
    return CLIPImageProcessor(crop_size=side, size=side)


def siglip_vision(width=VISION):
    config = SiglipVisionConfig(
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=SIDE,
        patch_size=8,
    )
    return SiglipVisionModel(config).eval()


def siglip_processor():
    return SiglipImageProcessor(size={"height": SIDE, "width": SIDE})


def euler():
    return FlowMatchEulerDiscreteScheduler(shift=7.0)


def unipc():
    return UniPCMultistepScheduler(flow_shift=5.0, use_flow_sigmas=True)
