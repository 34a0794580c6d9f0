"""Pipelines of diffusers that are not image editors, and why each is refused before loading."""

import re
from collections.abc import Container

# Patterns of class names, the first that matches counts. Pipelines with a recipe are not looked up.
_REASONS = (
    (r"Audio|Music|AceStep|DanceDiffusion", "generates sound"),
    (r"DiffusionGemma|LLaDA", "generates text"),
    (r"Proteina", "generates proteins"),
    (r"ShapE", "generates 3D shapes"),
    (r"Marigold", "estimates depth, normals or materials, and edits nothing"),
    (
        r"Inpaint|FluxFill|PaintByExample|DiffEdit|RePaint",
        "is an inpainting pipeline, which needs a mask",
    ),
    (r"GLIGEN", "needs boxes for the objects that it draws"),
    (
        r"Prior|Redux|Decode|Refine|^Kandinsky(V22)?(Img2Img)?Pipeline$",
        "is one stage of a cascade and does not generate an image on its own",
    ),
    (
        r"Control|Adapter|Transfer|WanAnimate|VACE|Vace",
        "takes a control picture: it would read the frame as edges, depth or a pose",
    ),
    (
        r"Upscale|SuperResolution|Upsample|6SR",
        "is an upscaler, which would return the input frame enlarged",
    ),
    (r"Layered", "generates the layers of an image, not an image"),
    (r"VideoToVideo", "changes the look of a video and keeps its motion, which one frame lacks"),
    (r"SanaWM", "needs the path of a camera"),
    (r"LTX2(InContext|HDR)", "needs a reference video"),
    (r"VisualCloze", "needs a grid of example pictures"),
    (r"BlipDiffusion", "draws the subject of a picture in a new scene"),
    (
        r"LEditsPP|CycleDiffusion|Pix2PixZero",
        "needs a description of the frame, or a call of its own that inverts it",
    ),
)
# Arguments of calls that take pictures or videos.
_PICTURES = (
    "image",
    "images",
    "input_images",
    "video",
    "cond_image",
    "conditions",
    "reference_conditions",
)


def reason(name: str, accepted: Container[str]) -> str | None:
    """Why the pipeline class `name` is not an image editor; None if nothing is known of it.

    `accepted` are the arguments of its call.
    """
    for pattern, why in _REASONS:
        if re.search(pattern, name):
            return why
    sees, reads = any(each in accepted for each in _PICTURES), "prompt" in accepted
    if sees and not reads:
        return "takes no text prompt: the action would have no effect"
    if sees:
        return None
    if reads:
        return "generates from text only: it does not see the input frame"
    return "takes neither an image nor a text"
