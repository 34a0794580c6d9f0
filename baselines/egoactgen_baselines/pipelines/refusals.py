"""Pipelines of diffusers that are not image editors, and why each is refused before loading."""

import re

# Patterns of class names, the first that matches counts. Pipelines with a recipe are not looked up.
_REASONS = (
    (
        r"Inpaint|FluxFill|PaintByExample|DiffEdit|GLIGEN|Void",
        "is an inpainting pipeline, which needs a mask",
    ),
    (
        r"ControlNet|Control|Adapter|PAGControl|WanAnimate|VACE|Redux|IPAdapter",
        "takes a control picture: it would read the frame as edges, depth or a pose",
    ),
    (
        r"Upscale|SuperResolution|UpscalePrior|Upsample",
        "is an upscaler, which would return the input frame enlarged",
    ),
    (r"Layered", "generates the layers of an image, not an image"),
    (r"VideoToVideo", "changes the look of a video and keeps its motion, which one frame lacks"),
    (r"SanaWM", "needs the path of a camera"),
    (r"LTX2(InContext|HDR)", "needs a reference video"),
    (r"Prior|Decoder(?!s)", "is one stage of a cascade and does not generate an image on its own"),
    (r"Audio|Music|Sound|AceStep|Speech", "generates sound"),
)


def reason(name: str, takes_image: bool, takes_prompt: bool) -> str | None:
    """Why the pipeline class `name` is not an image editor; None if nothing is known of it."""
    for pattern, why in _REASONS:
        if re.search(pattern, name):
            return why
    if not takes_image:
        return "generates from text only: it does not see the input frame"
    if not takes_prompt:
        return "takes no text prompt: the action would have no effect"
    return None
