"""Any image-editing pipeline of diffusers, from a folder on disk: `diffusers:PATH`.

That is, any pipeline that takes an image and a prompt: InstructPix2Pix, image-to-image of every
family, FLUX Kontext, Qwen-Image-Edit … Options that are not given keep the pipeline's defaults.
"""

import inspect
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from egoactgen_baselines.pipelines.pipeline_folder import (
    check_folder,
    load_components,
    pipeline_class,
    pipeline_files,
)
from egoactgen_bench.api import options
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.images import resize
from egoactgen_bench.support.seeds import torch_generator
from egoactgen_bench.weights.pretrained import first_sentence, refusing

TRIAL_STEPS = 4  # some schedulers fail with fewer
# Pipelines whose list of images is a batch; newer families may read it as the images of one call.
BATCHING = "StableDiffusion"
SIDE = 256  # of the output, and of the input if the pipeline's UNet has no sample size

# Option → argument of the pipeline.
ARGUMENTS = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "image_guidance": "image_guidance_scale",
    "true_guidance": "true_cfg_scale",
    "strength": "strength",
    "negative_prompt": "negative_prompt",
}


class PipelineOptions(options.Options):
    """Options of a pipeline's call; an option that the pipeline lacks is an error."""

    prompt: Literal["action", "description"] = Field("action", description="text of the prompt")
    steps: int | None = Field(None, ge=1, description="num_inference_steps")
    guidance: float | None = Field(None, ge=0, description="guidance_scale")
    image_guidance: float | None = Field(None, ge=0, description="image_guidance_scale")
    true_guidance: float | None = Field(None, ge=0, description="true_cfg_scale")
    strength: float | None = Field(None, ge=0, le=1, description="strength (image-to-image)")
    negative_prompt: str | None = Field(None, description="negative_prompt")
    size: int | None = Field(
        None, ge=8, description="side of the square input (default: the UNet's, else 256)"
    )


class DiffusersPipeline(Method[PipelineOptions]):
    """Any image-editing pipeline of diffusers, from a folder of safetensors: diffusers:PATH.

    The whole frame is resized to a square; the output is 256 × 256. Each sample has its own
    generator. No code of the folder is executed and no pickle is read.
    """

    Options = PipelineOptions
    takes_argument = True
    packages = ("torch", "diffusers", "transformers", "pillow")

    def __init__(self, options: PipelineOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        self.folder = Path(context.argument or "")
        check_folder(self.folder)
        self.kind = pipeline_class(self.folder)
        self._accepted = inspect.signature(self.kind.__call__).parameters
        self._known = [name for name, passed in ARGUMENTS.items() if passed in self._accepted]
        for name, argument in ARGUMENTS.items():
            if getattr(options, name) is not None and name not in self._known:
                raise BenchError(
                    f"{self.kind.__name__} has no argument {argument} (-o {name}); available "
                    f"options: {', '.join(self._known)}."
                )
        if "Inpaint" in self.kind.__name__:
            raise BenchError(
                f"diffusers:{self.folder} is an inpainting pipeline ({self.kind.__name__}), which "
                "needs a mask: use a pipeline that edits whole images."
            )
        self._check_strength()
        if options.prompt == "description" and not context.described:
            raise BenchError("-o prompt=description needs descriptions: give --descriptions NAME.")

    @cached_property
    def pipeline(self) -> Any:
        """The pipeline, on the run's device and in its dtype."""
        from diffusers.utils import logging

        logging.disable_progress_bar()
        quiet()
        components = load_components(self.folder, getattr(torch, self.context.dtype))
        taken = inspect.signature(self.kind.__init__).parameters
        with refusing(self.folder):
            loaded = self.kind.from_pretrained(
                self.folder,
                dtype=getattr(torch, self.context.dtype),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                **{name: each for name, each in components.items() if name in taken},
            )
        loaded.set_progress_bar_config(disable=True)
        return loaded.to(self.context.device)

    @torch.inference_mode()
    def load(self) -> None:
        """Load the pipeline, and try it with few steps on a blank frame.

        A size that does not fit, or weights of another task, would fail for every sample.
        """
        _ = self.pipeline
        blank = Request("trial", Image.new("RGB", (SIDE, SIDE)), "trial", "trial", 0)
        steps = self._chosen("steps")
        if steps is not None:
            # As few as the strength leaves a step of.
            steps = min(steps, max(TRIAL_STEPS, math.ceil(1 / (self._chosen("strength") or 1))))
        try:
            self._call([blank], {} if steps is None else {"num_inference_steps": steps})
        except (MemoryError, torch.OutOfMemoryError):
            return  # a sample's own error
        except Exception as error:
            raise BenchError(
                f"diffusers:{self.folder} cannot generate an image with these options "
                f"({first_sentence(error)})."
            ) from error

    def weight_files(self) -> list[Path]:
        return pipeline_files(self.folder)

    def prompt(self, request: Request) -> str:
        chosen = request.action if self.options.prompt == "action" else request.description
        return chosen or ""

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        if not all(self.prompt(request) for request in requests):
            raise SampleError("missing_description", "this sample has no description")
        if self.kind.__name__.startswith(BATCHING):
            return self._call(requests)
        return [self._call([request])[0] for request in requests]

    def _call(
        self, requests: Sequence[Request], changed: Mapping[str, Any] | None = None
    ) -> list[Image.Image | SampleError]:
        """One call of the pipeline, with one generator per sample; `changed` are arguments."""
        arguments: dict[str, Any] = {
            "prompt": [self.prompt(request) for request in requests],
            "image": [resize(request.input, (self._side, self._side)) for request in requests],
            # One generator per sample: with a single one, a sample's noise would depend on its
            # batch.
            "generator": [torch_generator(request.seed) for request in requests],
        }
        if self.options.negative_prompt is not None:
            arguments["negative_prompt"] = [self.options.negative_prompt] * len(requests)
        # Pipelines that do not batch take single values, not lists of one.
        if len(requests) == 1:
            arguments = {name: values[0] for name, values in arguments.items()}
        chosen = self.options.model_dump(include=set(ARGUMENTS) - {"negative_prompt"})
        chosen = {name: value for name, value in chosen.items() if value is not None}
        arguments |= {ARGUMENTS[name]: value for name, value in chosen.items()}
        if "output_type" in self._accepted:
            # Numbers, as diffusers turns NaN into black pixels.
            arguments["output_type"] = "np"
        arguments |= changed or {}
        result = self.pipeline(**arguments)
        flags = getattr(result, "nsfw_content_detected", None) or [False] * len(requests)
        return [_finish(*pair) for pair in zip(result.images, flags, strict=True)]

    def _check_strength(self) -> None:
        """Raise `BenchError` unless an image-to-image pipeline denoises for at least one step."""
        strength, steps = self._chosen("strength"), self._chosen("steps")
        if strength is not None and steps is not None and int(strength * steps) < 1:
            raise BenchError(
                f"strength × steps is {strength} × {steps} < 1, so that no denoising step is left: "
                "increase -o strength or -o steps."
            )

    def _chosen(self, name: str) -> Any:
        """An option, or its default in the pipeline's call; None if it has none."""
        chosen = getattr(self.options, name)
        argument = self._accepted.get(ARGUMENTS[name])
        if chosen is not None or argument is None:
            return chosen
        return None if argument.default is argument.empty else argument.default

    @property
    def _side(self) -> int:
        if self.options.size is not None:
            return self.options.size
        config = getattr(getattr(self.pipeline, "unet", None), "config", {})
        cells = config.get("sample_size")
        return cells * self.pipeline.vae_scale_factor if isinstance(cells, int) else SIDE


def _finish(image: Any, flagged: bool) -> Image.Image | SampleError:
    """A pipeline's image, or (height, width, 3) floats in [0, 1], as the method's output."""
    if flagged:
        return SampleError("flagged", "the pipeline's safety checker rejected the image")
    if isinstance(image, np.ndarray):
        if not np.isfinite(image).all():
            return SampleError("not_finite", "the pipeline returns NaN or infinite pixels")
        # As diffusers rounds.
        image = Image.fromarray((image * 255).round().astype("uint8"))
    return resize(image.convert("RGB"), (SIDE, SIDE))
