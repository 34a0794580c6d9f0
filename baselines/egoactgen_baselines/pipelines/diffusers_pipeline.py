"""Any image editor or image-to-video model of diffusers, from a folder on disk: `diffusers:PATH`.

The folder's class determines the recipe, which says how the pipeline is called (`call_recipe`).
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from egoactgen_baselines.frame_choice import parse_frame
from egoactgen_baselines.pipelines import (
    adapter_base,
    lora_adapter,
    pipeline_memory,
    pipeline_output,
    recipe_choice,
    required_packages,
)
from egoactgen_baselines.pipelines.modular_blocks import is_modular
from egoactgen_baselines.pipelines.modular_folder import used_components
from egoactgen_baselines.pipelines.pipeline_arguments import CallArguments
from egoactgen_baselines.pipelines.pipeline_folder import (
    check_folder,
    pipeline_class,
    pipeline_files,
    saved_class,
)
from egoactgen_baselines.pipelines.pipeline_loading import load_pipeline
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions, prompt_text
from egoactgen_baselines.pipelines.video_frames import VideoFrames
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.hub_snapshots import snapshot_in
from egoactgen_bench.support.images import resize
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.support.seeds import seeded
from egoactgen_bench.weights.pretrained import first_sentence

PACKAGES: tuple[str, ...] = ("torch", "diffusers", "transformers", "pillow")
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
    packages = PACKAGES
    non_semantic_options = frozenset({"lora"})  # a path: `sources` has the adapter's hash

    def __init__(self, options: PipelineOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        self.folder = snapshot_in(Path(context.argument or ""))
        check_folder(self.folder)
        self.recipe, name = recipe_choice.choose(
            self.folder, saved_class(self.folder), options.recipe
        )
        self.kind = pipeline_class(self.folder, name)
        modular = is_modular(self.kind)
        self._used = used_components(self.folder, self.kind, self.recipe) if modular else None
        self.arguments = CallArguments(self.recipe, self.kind, self.folder, options)
        pipeline_memory.check(options, self.kind, context.device)
        self.packages = PACKAGES + pipeline_memory.packages(options)  # type: ignore[misc]
        self._adapter = lora_adapter.find(options.lora, context.models) if options.lora else None
        self.frames: VideoFrames | None = None  # of video models
        if self.recipe.video is not None:
            choice = parse_frame(options.frame or "last")
            self.frames = VideoFrames(self.recipe.video, self.arguments, choice)
        required_packages.check(self.recipe, self.kind.__name__)
        self._check_strength()
        self._check_dtype()
        if "{description}" in options.written:
            self._require_descriptions()

    @classmethod
    def default_dtype(cls, device: str) -> str:
        """bfloat16 on a GPU that supports it: today's editors are published in it."""
        on_gpu = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        return "bfloat16" if on_gpu else "float32"

    @cached_property
    def pipeline(self) -> Any:
        """The pipeline, on the run's device and in its dtype."""
        dtype, device = getattr(torch, self.context.dtype), self.context.device
        return load_pipeline(
            self.kind, self.folder, self.recipe, dtype, device, self.options, self._adapter
        )

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
        return pipeline_files(self.folder, self._used)

    def sources(self) -> dict[str, str]:
        return {"lora": content_digest(self._adapter)} if self._adapter else {}

    def call_record(self) -> dict[str, Any]:
        return self.arguments.record()

    def uses_target_time(self) -> bool:
        return self.frames is not None and self.frames.choice.kind == "target-time"

    def notices(self) -> list[str]:
        found = []
        if not self.recipe.prompted:
            name = self.kind.__name__
            found.append(f"{name} takes no text: the action has no effect on its images.")
        if self._adapter is not None:
            found += adapter_base.notices(self._adapter, self.folder, self.options)
        return found

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
        return [self._alone(request) for request in requests]

    def _alone(self, request: Request) -> Image.Image | SampleError:
        # Not after a video is generated that does not reach the frame.
        error = None if self.frames is None else self.frames.error(request)
        return error or self._call([request])[0]

    def _call(
        self, requests: Sequence[Request], changed: Mapping[str, Any] | None = None
    ) -> list[Image.Image | SampleError]:
        """One call of the pipeline; `changed` are arguments."""
        texts = [self.prompt(request) for request in requests]
        arguments = self.arguments.of(requests, texts, self.context.device) | dict(changed or {})
        # Some pipelines draw from the global generators as well.
        with seeded(requests[0].seed, self.context.device):
            result = self.pipeline(**arguments)
        if self.frames is None:
            outputs = pipeline_output.images(result, self.recipe.output, len(requests))
        else:
            outputs = [self.frames.image(result, requests[0])]
        return [
            output if isinstance(output, SampleError) else resize(output, request.input.size)
            for output, request in zip(outputs, requests, strict=True)
        ]

    def _require_descriptions(self) -> None:
        if not self.context.described:
            raise BenchError(
                "a prompt with the description needs descriptions: give --descriptions NAME."
            )

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
