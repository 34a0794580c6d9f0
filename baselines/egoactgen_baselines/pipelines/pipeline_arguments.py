"""The arguments of a pipeline's call, from its recipe, the options and the requests."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from egoactgen_baselines.pipelines.call_recipe import Buckets, ByArea, ByPipeline, CallRecipe, Size
from egoactgen_baselines.pipelines.modular_blocks import call_parameters
from egoactgen_baselines.pipelines.pipeline_folder import component_config, components
from egoactgen_baselines.pipelines.pipeline_options import ARGUMENTS, PipelineOptions
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.images import resize
from egoactgen_bench.support.seeds import torch_generator

TYPICAL_AREA = 512 * 512  # of a network whose configuration has no sample size
# Arguments that `-o arguments` cannot set, as the toolkit sets them for each sample.
OWN = frozenset({"generator", "output_type", "return_dict", "num_images_per_prompt", "latents"})


@dataclass(frozen=True)
class CallArguments:
    """Builds the arguments of a pipeline's call.

    `kind` is the pipeline's class, `folder` its weights. Raises `BenchError` when an option has no
    argument in this pipeline.
    """

    recipe: CallRecipe
    kind: type[Any]
    folder: Path
    options: PipelineOptions

    def __post_init__(self) -> None:
        for name in ARGUMENTS:
            if getattr(self.options, name) is not None and name not in self._options:
                raise BenchError(
                    f"{self.kind.__name__} has no argument {ARGUMENTS[name]} (-o {name}); "
                    f"available options: {', '.join(self._options)}."
                )
        for name in self.options.arguments:
            if name not in self.accepted or name in OWN | {self.recipe.image, "prompt"}:
                raise BenchError(
                    f"-o arguments: '{name}' is not an argument of {self.kind.__name__}, or is set "
                    "by the toolkit."
                )
        self._check_size_options()
        self._check_video_options()

    @cached_property
    def accepted(self) -> Mapping[str, inspect.Parameter]:
        """The parameters of the pipeline's call."""
        return call_parameters(self.kind, self.recipe, "guider" in components(self.folder))

    @cached_property
    def _options(self) -> dict[str, str]:
        """Option → argument, of those that the call has."""
        frames = (
            {} if self.recipe.video is None else {"num_frames": self.recipe.video.frames_argument}
        )
        named = ARGUMENTS | frames | dict(self.recipe.options)
        return {name: each for name, each in named.items() if each and each in self.accepted}

    @cached_property
    def constant(self) -> dict[str, Any]:
        """The arguments that are equal for all samples."""
        arguments = dict(self.recipe.defaults)
        if (video := self.recipe.video) is not None:
            arguments[video.frames_argument] = video.frames
            if video.rate_argument is not None:
                arguments[video.rate_argument] = self.options.rate or video.rate
        for name, argument in self._options.items():
            if getattr(self.options, name) is not None:
                arguments[argument] = getattr(self.options, name)
        arguments |= self.options.arguments
        rule, side = self.recipe.size, self.options.resolution
        if isinstance(rule, ByPipeline) and rule.area_argument and side is not None:
            arguments[rule.area_argument] = side * side if rule.squared else side
        return {name: each for name, each in arguments.items() if name in self.accepted}

    def value(self, name: str) -> Any:
        """The value of an argument, or its default in the pipeline's call; None if it has none."""
        if name in self.constant or name not in self.accepted:
            return self.constant.get(name)
        default = self.accepted[name].default
        return None if default is inspect.Parameter.empty else default

    def size(self, frame: Size) -> Size | None:
        """The (width, height) to generate for a frame; None if the pipeline chooses it."""
        rule = self.recipe.size
        if isinstance(rule, ByPipeline):
            return None
        if self.options.width is not None and self.options.height is not None:
            return self.options.width, self.options.height
        chosen = self.options.resolution
        if isinstance(rule, Buckets):
            return rule.of(frame, chosen * chosen if chosen else None)
        return rule.of(frame, chosen * chosen if chosen else rule.area or self._trained_area)

    def of(
        self, requests: Sequence[Request], texts: Sequence[str], device: str = "cpu"
    ) -> dict[str, Any]:
        """The arguments of one call for these requests; the prompts are `texts`."""
        device = device if self.recipe.draws_on_device else "cpu"
        # One generator per sample: with a single one, a sample's noise would depend on its batch.
        each: dict[str, list[Any]] = {
            "generator": [torch_generator(request.seed, device) for request in requests]
        }
        if self.recipe.prompted:
            each["prompt"] = [self.recipe.write_prompt(text) for text in texts]
        frames = [self._frame(request.input) for request in requests]
        if self.recipe.image:
            each[self.recipe.image] = frames
        arguments: dict[str, Any] = dict(self.constant)
        if len(requests) > 1 and "negative_prompt" in arguments:
            each["negative_prompt"] = [arguments["negative_prompt"]] * len(requests)
        # Pipelines that do not batch take single values, not lists of one.
        arguments |= {k: values if len(requests) > 1 else values[0] for k, values in each.items()}
        if self.recipe.image and self.recipe.image_form != "item":
            arguments[self.recipe.image] = frames * self._copies
        arguments |= self._size_arguments(requests[0].input.size)
        if "output_type" in self.accepted:
            # Numbers, as diffusers turns NaN into black pixels.
            arguments["output_type"] = "np"
        return arguments

    @property
    def _copies(self) -> int:
        """How often a list contains the frame."""
        video = self.recipe.video
        if self.recipe.image_form != "still" or video is None:
            return 1
        count: int = self.constant[video.frames_argument]
        return count

    def record(self) -> dict[str, Any]:
        """How the pipeline is called, for run.json."""
        resized = "resized to the generated size" if self.recipe.resizes_frame else "as stored"
        size = self.options.width and f"{self.options.width} × {self.options.height}"
        area = self.options.resolution
        return {
            "pipeline": self.kind.__name__,
            "recipe": self.recipe.name,
            "frame": resized,
            "size": size or str(self.recipe.size) + (f", {area}² pixels" if area else ""),
            "prompt": str(self.recipe.write_prompt("{prompt}")) if self.recipe.prompted else None,
            "arguments": self.constant,
        }

    def _frame(self, frame: Image.Image) -> Image.Image:
        size = self.size(frame.size) if self.recipe.resizes_frame else None
        return frame if size is None else resize(frame, size)

    def _size_arguments(self, frame: Size) -> dict[str, int]:
        rule = self.recipe.size
        size = self.size(frame) if self.recipe.passes_size else None
        if size is None:
            return {}
        passed = {"width": size[0], "height": size[1]}
        if isinstance(rule, ByArea) and rule.area_argument:
            passed[rule.area_argument] = size[0] * size[1]
        return passed

    @cached_property
    def _trained_area(self) -> int:
        """Pixels that the network was trained at, from its configuration."""
        cells = next(
            (
                config["sample_size"]
                for part in ("unet", "transformer")
                if isinstance(
                    (config := component_config(self.folder, part)).get("sample_size"), int
                )
            ),
            None,
        )
        blocks = component_config(self.folder, "vae").get("block_out_channels")
        if cells is None or not isinstance(blocks, list) or not blocks:
            return TYPICAL_AREA
        side: int = cells * 2 ** (len(blocks) - 1)
        return side * side

    def _check_size_options(self) -> None:
        rule = self.recipe.size
        sized = self.options.width is not None
        if isinstance(rule, ByPipeline) and (
            sized or (self.options.resolution and not rule.area_argument)
        ):
            raise BenchError(
                f"{self.kind.__name__} chooses the size from the frame itself: omit -o "
                f"{'width and -o height' if sized else 'resolution'}."
            )
        size = self.options.width, self.options.height
        if sized and isinstance(rule, Buckets) and rule.only and size not in rule.sizes:
            sizes = ", ".join(f"{width} × {height}" for width, height in rule.sizes)
            raise BenchError(f"{self.kind.__name__} generates these sizes only: {sizes}.")
        if not isinstance(rule, ByArea) or self.options.width is None:
            return
        for side in size:
            if side is not None and side % rule.multiple:
                raise BenchError(
                    f"{self.kind.__name__} generates sides that are multiples of {rule.multiple}; "
                    f"{side} is not."
                )

    def _check_video_options(self) -> None:
        video = self.recipe.video
        if video is None:
            for name in ("frame", "rate", "num_frames"):
                if getattr(self.options, name) is not None:
                    raise BenchError(
                        f"{self.kind.__name__} generates images, not videos: omit -o {name}."
                    )
            return
        count = self.value(video.frames_argument)
        enough = isinstance(count, int) and count >= video.least
        if enough and (count - video.rest) % video.multiple == 0:
            return
        plus = f" plus {video.rest}" if video.rest else ""
        at_least = f", at least {video.least}" if video.least > 1 else ""
        raise BenchError(
            f"{self.kind.__name__} generates multiples of {video.multiple} frames{plus}{at_least}; "
            f"{video.frames_argument}={count} is not."
        )
