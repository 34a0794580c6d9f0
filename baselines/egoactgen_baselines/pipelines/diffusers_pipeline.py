"""Any image editor or image-to-video model of diffusers, from a folder on disk: `diffusers:PATH`.

The folder's class determines the recipe, which says how the pipeline is called (`call_recipe`).
"""

import inspect
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from egoactgen_baselines.frame_choice import FrameChoice, parse_frame
from egoactgen_baselines.pipelines import pipeline_output, recipe_choice
from egoactgen_baselines.pipelines.pipeline_arguments import CallArguments
from egoactgen_baselines.pipelines.pipeline_folder import (
    check_folder,
    load_components,
    pipeline_class,
    pipeline_files,
    saved_class,
)
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions, prompt_text
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.images import resize
from egoactgen_bench.support.seeds import seeded
from egoactgen_bench.weights.pretrained import first_sentence, refusing

TRIAL_STEPS = 4  # some schedulers fail with fewer
TRIAL_FRAME = (456, 256)  # the stored size of a 16:9 video's frames


class DiffusersPipeline(Method[PipelineOptions]):
    """Any image editor or image-to-video model of diffusers, from a folder: diffusers:PATH.

    The frame is passed as stored and sized as the pipeline expects; the output is resized to the
    frame's size. Each sample has its own generator. No code of the folder is executed and no pickle
    is read.
    """

    Options = PipelineOptions
    takes_argument = True
    packages = ("torch", "diffusers", "transformers", "pillow")

    def __init__(self, options: PipelineOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        self.folder = Path(context.argument or "")
        check_folder(self.folder)
        self.recipe, name = recipe_choice.choose(
            self.folder, saved_class(self.folder), options.recipe
        )
        self.kind = pipeline_class(self.folder, name)
        self.arguments = CallArguments(self.recipe, self.kind, self.folder, options)
        self._frame: FrameChoice = parse_frame(options.frame or "last")
        self._check_frame()
        self._check_strength()
        self._check_dtype()
        if "{description}" in (options.template or f"{{{options.prompt}}}"):
            self._require_descriptions()

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
        blank = Request("trial", Image.new("RGB", TRIAL_FRAME), "trial", "trial", 0, 0.0)
        steps = self.arguments.value("num_inference_steps")
        if steps is not None:
            # As few as the strength leaves a step of.
            strength = self.arguments.value("strength") or 1
            steps = min(steps, max(TRIAL_STEPS, math.ceil(1 / strength)))
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

    def call_record(self) -> dict[str, Any]:
        return self.arguments.record()

    def uses_target_time(self) -> bool:
        return self._frame.kind == "target-time"

    def notices(self) -> list[str]:
        if self.recipe.prompted:
            return []
        return [f"{self.kind.__name__} takes no text: the action has no effect on its images."]

    def prompt(self, request: Request) -> str:
        """The text of the prompt, before the recipe's own form."""
        if not self.recipe.prompted:
            return ""
        return prompt_text(self.options, request.action, request.description)

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        if self.recipe.prompted and not all(self.prompt(request) for request in requests):
            raise SampleError("missing_description", "this sample has no description")
        # A batch has one size.
        if self.recipe.batches and len({request.input.size for request in requests}) == 1:
            return self._call(requests)
        return [self._call([request])[0] for request in requests]

    def _call(
        self, requests: Sequence[Request], changed: Mapping[str, Any] | None = None
    ) -> list[Image.Image | SampleError]:
        """One call of the pipeline; `changed` are arguments."""
        texts = [self.prompt(request) for request in requests]
        arguments = self.arguments.of(requests, texts) | dict(changed or {})
        # Some pipelines draw from the global generators as well.
        with seeded(requests[0].seed, self.context.device):
            result = self.pipeline(**arguments)
        if self.recipe.video is None:
            outputs = pipeline_output.images(result, self.recipe.output, len(requests))
        else:
            outputs = [pipeline_output.frame_of_video(result, self._chooser(requests[0]))]
        return [
            output if isinstance(output, SampleError) else resize(output, request.input.size)
            for output, request in zip(outputs, requests, strict=True)
        ]

    def _chooser(self, request: Request) -> Any:
        assert self.recipe.video is not None
        rate = self.options.rate or self.recipe.video.rate
        return lambda count: self._frame.index(count, rate, request.target_offset)

    def _require_descriptions(self) -> None:
        if not self.context.described:
            raise BenchError(
                "a prompt with the description needs descriptions: give --descriptions NAME."
            )

    def _check_frame(self) -> None:
        """Raise `BenchError` for a frame that no generated video can have."""
        video = self.recipe.video
        if video is None or self._frame.kind == "target-time":
            return
        count = self.arguments.value(video.frames_argument)
        if isinstance(count, int):
            try:
                self._frame.index(count, self.options.rate or video.rate)
            except SampleError as error:
                raise BenchError(
                    f"-o frame={self.options.frame}: {error.detail} (-o num_frames={count})."
                ) from None

    def _check_strength(self) -> None:
        """Raise `BenchError` unless an image-to-image pipeline denoises for at least one step."""
        strength = self.arguments.value("strength")
        steps = self.arguments.value("num_inference_steps")
        if strength is not None and steps is not None and int(strength * steps) < 1:
            raise BenchError(
                f"strength × steps is {strength} × {steps} < 1, so that no denoising step is left: "
                "increase -o strength or -o steps."
            )

    def _check_dtype(self) -> None:
        wanted = self.recipe.dtype
        if wanted is not None and self.context.dtype != wanted:
            raise BenchError(f"{self.kind.__name__} works in {wanted} only: pass --dtype {wanted}.")
