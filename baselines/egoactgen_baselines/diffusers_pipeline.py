"""Any image-editing pipeline of diffusers, from a folder on disk: `diffusers:PATH`.

That is, any pipeline that takes an image and a prompt: InstructPix2Pix, image-to-image of every
family, FLUX Kontext, Qwen-Image-Edit … Options that are not given keep the pipeline's defaults.
"""

import importlib
import inspect
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from pydantic import Field

from egoactgen_bench.api import options
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.images import resize
from egoactgen_bench.support.provenance import files_in
from egoactgen_bench.support.seeds import torch_generator

LIBRARIES = ("diffusers", "transformers")  # a folder may name classes of these only
UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5")
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
        self.kind = _pipeline_class(self.folder)
        accepted = inspect.signature(self.kind.__call__).parameters
        for name, argument in ARGUMENTS.items():
            if getattr(options, name) is not None and argument not in accepted:
                known = [option for option, passed in ARGUMENTS.items() if passed in accepted]
                raise BenchError(
                    f"{self.kind.__name__} has no argument {argument} (-o {name}); available "
                    f"options: {', '.join(known)}."
                )
        if options.prompt == "description" and not context.described:
            raise BenchError("-o prompt=description needs descriptions: give --descriptions NAME.")

    @cached_property
    def pipeline(self) -> Any:
        """The pipeline, on the run's device and in its dtype."""
        from diffusers.utils import logging

        logging.disable_progress_bar()
        quiet()
        try:
            loaded = self.kind.from_pretrained(
                self.folder,
                dtype=getattr(torch, self.context.dtype),
                use_safetensors=True,
                local_files_only=True,
            )
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            sentence = str(error).strip().splitlines()[0][:200]
            raise BenchError(f"diffusers:{self.folder} cannot be loaded ({sentence}).") from error
        loaded.set_progress_bar_config(disable=True)
        return loaded.to(self.context.device)

    def load(self) -> None:
        _ = self.pipeline

    def weight_files(self) -> list[Path]:
        return files_in(self.folder)

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

    def _call(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        """One call of the pipeline, with one generator per sample."""
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
        result = self.pipeline(**arguments)
        flags = getattr(result, "nsfw_content_detected", None) or [False] * len(requests)
        return [_finish(*pair) for pair in zip(result.images, flags, strict=True)]

    @property
    def _side(self) -> int:
        if self.options.size is not None:
            return self.options.size
        config = getattr(getattr(self.pipeline, "unet", None), "config", {})
        cells = config.get("sample_size")
        return cells * self.pipeline.vae_scale_factor if isinstance(cells, int) else SIDE


def check_folder(folder: Path) -> None:
    """Raise `BenchError` for a folder that is not a saved pipeline, or could execute code."""
    if not (folder / "model_index.json").is_file():
        raise BenchError(
            f"diffusers:{folder} contains no model_index.json; give a folder written by diffusers' "
            "save_pretrained."
        )
    for name, value in read_json(folder / "model_index.json").items():
        library = value[0] if isinstance(value, list) and len(value) == 2 else None
        known = library is None or library in LIBRARIES or _is_pipeline_module(library)
        if not known or (name == "_class_name" and not isinstance(value, str)):
            raise BenchError(
                f"diffusers:{folder} requires custom code ('{name}': {value}), which is not "
                "executed: only classes of diffusers and transformers are allowed."
            )
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in UNSAFE]
    for path in found:
        if not any(path.parent.glob("*.safetensors")):
            raise BenchError(
                f"diffusers:{folder}: {path.relative_to(folder)} may contain code, and the folder "
                "has no .safetensors instead: save the pipeline with safe_serialization=True."
            )


def _is_pipeline_module(library: str) -> bool:
    """Whether it is a module of diffusers.pipelines, which may contain a safety checker."""
    import diffusers.pipelines

    return library.isidentifier() and library in dir(diffusers.pipelines)


def _pipeline_class(folder: Path) -> Any:
    """The saved class if it takes an image, else the image-to-image class of its family."""
    diffusers = importlib.import_module("diffusers")
    name = read_json(folder / "model_index.json").get("_class_name")
    kind = getattr(diffusers, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise BenchError(f"diffusers:{folder}: the installed diffusers has no pipeline '{name}'.")
    if {"image", "prompt"} <= inspect.signature(kind.__call__).parameters.keys():
        return kind
    with warnings.catch_warnings():
        # This imports every family, and Kolors' text encoder still calls torch.jit.script.
        warnings.filterwarnings("ignore", message="`torch.jit.script`", category=FutureWarning)
        from diffusers.pipelines import auto_pipeline

    try:
        # Private, but the public AutoPipelineForImage2Image loads the weights before the class is
        # known.
        return auto_pipeline._get_task_class(
            auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, str(name)
        )
    except ValueError:
        raise BenchError(
            f"diffusers:{folder}: {name} does not take an image and a prompt, and its family has "
            "no image-to-image pipeline."
        ) from None


def _finish(image: Image.Image, flagged: bool) -> Image.Image | SampleError:
    if flagged:
        return SampleError("flagged", "the pipeline's safety checker rejected the image")
    return resize(image.convert("RGB"), (SIDE, SIDE))
