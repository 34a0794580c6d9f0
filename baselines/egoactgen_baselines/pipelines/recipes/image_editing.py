"""Editors of other vendors, one image and one instruction per call."""

import json

from egoactgen_baselines.pipelines.call_recipe import Buckets, ByArea, ByPipeline, CallRecipe


def edit_instruction(text: str) -> str:
    """The JSON prompt of Bria FIBO, with nothing but the instruction."""
    return json.dumps({"edit_instruction": text}, ensure_ascii=False)


def after_image(text: str) -> str:
    """OmniGen's prompt: its first image, then the instruction."""
    return f"<img><|image_1|></img> {text}"


MEGAPIXEL = 1024 * 1024
KANDINSKY_SIZES = (
    (1024, 1024),
    (640, 1408),
    (1408, 640),
    (768, 1280),
    (1280, 768),
    (896, 1152),
    (1152, 896),
)

RECIPES = (
    CallRecipe(
        name="z-image-omni",
        pipelines=("ZImageOmniPipeline",),
        source="pipeline_z_image_omni.py of diffusers 0.42",
        size=ByArea(MEGAPIXEL, multiple=16),
        resizes_frame=True,  # it encodes the frame at its own size
        dtype="bfloat16",  # it encodes the frame in it
    ),
    CallRecipe(
        name="dreamlite",
        pipelines=("DreamLitePipeline",),
        source="pipeline_dreamlite.py of diffusers 0.42",
        size=ByArea(MEGAPIXEL, multiple=32),
    ),
    CallRecipe(
        name="dreamlite-mobile",
        pipelines=("DreamLiteMobilePipeline",),
        source="pipeline_dreamlite_mobile.py of diffusers 0.42",
        options={"guidance": None, "image_guidance": None},  # have no effect
        size=ByArea(MEGAPIXEL, multiple=32),
    ),
    CallRecipe(
        name="longcat-image-edit",
        pipelines=("LongCatImageEditPipeline",),
        source="pipeline_longcat_image_edit.py of diffusers 0.42",
        size=ByPipeline(),  # about 1 MP, multiples of 16
    ),
    CallRecipe(
        name="joyimage-edit",
        pipelines=("JoyImageEditPipeline",),
        source="pipeline_joyimage_edit.py of diffusers 0.42",
        size=ByPipeline(),  # the nearest of 49 sizes of about 1 MP, to which the frame is cropped
    ),
    CallRecipe(
        name="joyimage-edit-plus",
        pipelines=("JoyImageEditPlusPipeline",),
        source="pipeline_joyimage_edit_plus.py of diffusers 0.42",
        image="images",
        image_form="list",
        size=ByPipeline(),
    ),
    CallRecipe(
        name="kandinsky5-i2i",
        pipelines=("Kandinsky5I2IPipeline",),
        source="pipeline_kandinsky_i2i.py of diffusers 0.42",
        size=Buckets(KANDINSKY_SIZES, only=True),
        resizes_frame=True,  # the language model sees it at half of its size
        output="image",
    ),
    CallRecipe(
        name="glm-image",
        pipelines=("GlmImagePipeline",),
        source="model card of zai-org/GLM-Image",
        # Later ones return the features of images in another shape than diffusers 0.42 expects.
        versions=("transformers<5.18",),
        image_form="list",
        size=ByArea(MEGAPIXEL, multiple=32),
        resizes_frame=True,  # it encodes the frame at its own size
    ),
    CallRecipe(
        name="omnigen",
        pipelines=("OmniGenPipeline",),
        source="documentation of OmniGen in diffusers, 'Image editing'",
        image="input_images",
        image_form="list",
        write_prompt=after_image,
        defaults={"guidance_scale": 2.0, "img_guidance_scale": 1.6},
        options={"image_guidance": "img_guidance_scale"},
        # It would shrink a frame whose longer side is above 1024.
        size=ByArea(768 * 768, multiple=16),
        resizes_frame=True,
    ),
    CallRecipe(
        name="bria-fibo-edit",
        pipelines=("BriaFiboEditPipeline",),
        source="pipeline_bria_fibo_edit.py of diffusers 0.42",
        write_prompt=edit_instruction,
        size=ByArea(MEGAPIXEL, multiple=16),
        resizes_frame=True,  # it encodes a frame below 1 MP at its own size
        note=(
            "Trained on long structured captions, which another model writes; the prompt has the "
            "instruction only."
        ),
    ),
    CallRecipe(
        name="bria-fibo-2",
        pipelines=("BriaFibo2Pipeline",),
        source="pipeline_bria_fibo2.py of diffusers 0.42",
        write_prompt=edit_instruction,
        size=ByArea(MEGAPIXEL, multiple=16),
    ),
)
