"""The options of `diffusers:PATH`."""

import json
import string
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from egoactgen_baselines.frame_choice import FRAME_HELP, FrameOption
from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_bench.api import options

# Option → argument of the pipeline's call, unless a recipe maps it elsewhere.
ARGUMENTS = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "image_guidance": "image_guidance_scale",
    "true_guidance": "true_cfg_scale",
    "strength": "strength",
    "negative_prompt": "negative_prompt",
    "num_frames": "num_frames",
}
TEMPLATE_FIELDS = ("action", "description")


def _as_arguments(value: Any) -> Any:
    """Accept a JSON object as text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError('give a JSON object, such as {"max_sequence_length": 256}') from None


def _checked_template(text: str) -> str:
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"is not a template ({error}); write a brace as {{{{ or }}}}") from None
    if not fields or not fields <= set(TEMPLATE_FIELDS):
        raise ValueError("the template must contain {action} or {description}, and no other name")
    return text


Template = Annotated[str, AfterValidator(_checked_template)]
CallArguments = Annotated[dict[str, Any], BeforeValidator(_as_arguments)]
Side = Annotated[int | None, Field(ge=8, le=8192)]


class PromptOptions(options.Options):
    """How the prompt is made from the action and its description."""

    prompt: Literal["action", "description"] = Field("action", description="text of the prompt")
    template: Template | None = Field(
        None, description='text of the prompt, such as "{action}, first-person view"'
    )

    @property
    def written(self) -> str:
        """The template of the prompt."""
        return self.template or f"{{{self.prompt}}}"


class PipelineOptions(MemoryOptions, PromptOptions):
    """Options of a pipeline's call; an option that the pipeline lacks is an error."""

    steps: int | None = Field(None, ge=1, description="num_inference_steps")
    guidance: float | None = Field(None, ge=0, description="guidance_scale")
    image_guidance: float | None = Field(None, ge=0, description="image_guidance_scale")
    true_guidance: float | None = Field(None, ge=0, description="true_cfg_scale")
    strength: float | None = Field(None, ge=0, le=1, description="strength (image-to-image)")
    negative_prompt: str | None = Field(None, description="negative_prompt")
    resolution: Side = Field(
        None, description="side of a square of the area to generate; the aspect is the frame's"
    )
    width: Side = Field(None, description="exact width to generate, with height")
    height: Side = Field(None, description="exact height to generate, with width")
    num_frames: int | None = Field(None, ge=1, description="frames of the video (video models)")
    frame: FrameOption | None = Field(None, description=FRAME_HELP)
    rate: float | None = Field(
        None, gt=0, description="frames per second of the video, for frame in seconds"
    )
    arguments: CallArguments = Field(
        default_factory=dict, description="further arguments of the call, as a JSON object"
    )
    recipe: str | None = Field(
        None, description="how the pipeline is called: a known recipe, or module:NAME of your own"
    )

    @model_validator(mode="after")
    def _sizes_agree(self) -> "PipelineOptions":
        if (self.width is None) != (self.height is None):
            raise ValueError("give width and height together, or resolution alone")
        if self.width is not None and self.resolution is not None:
            raise ValueError("give either resolution, or width and height")
        return self


def prompt_text(chosen: PromptOptions, action: str, description: str | None) -> str:
    """The text of the prompt; empty if a description is wanted and missing."""
    template = chosen.written
    if "{description}" in template and not description:
        return ""
    return template.format(action=action, description=description)
