"""Any image-editing pipeline of diffusers, from a folder on disk: `diffusers:PATH`.

InstructPix2Pix, image-to-image of every family, FLUX Kontext, Qwen-Image-Edit …: whatever is called
with an image and a prompt. Its own defaults hold where no option is given.
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

LIBRARIES = ("diffusers", "transformers")  # whose classes a folder may name
UNSAFE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5")
BATCHING = "StableDiffusion"  # in newer families a list may mean several images of one call
SIDE = 256  # of the pictures, and of the input where the pipeline has no size of its own

# Option → the pipeline's argument of the same meaning.
ARGUMENTS = {
    "steps": "num_inference_steps",
    "guidance": "guidance_scale",
    "image_guidance": "image_guidance_scale",
    "true_guidance": "true_cfg_scale",
    "strength": "strength",
    "negative_prompt": "negative_prompt",
}


class PipelineOptions(options.Options):
    """What can be chosen; an option that the pipeline does not know is refused."""

    prompt: Literal["action", "description"] = Field("action", description="the text it is told")
    steps: int | None = Field(None, ge=1, description="num_inference_steps")
    guidance: float | None = Field(None, ge=0, description="guidance_scale")
    image_guidance: float | None = Field(None, ge=0, description="image_guidance_scale")
    true_guidance: float | None = Field(None, ge=0, description="true_cfg_scale")
    strength: float | None = Field(None, ge=0, le=1, description="strength, of image-to-image")
    negative_prompt: str | None = Field(None, description="negative_prompt")
    size: int | None = Field(
        None, ge=8, description="side of the square it is given (default: its UNet's, else 256)"
    )


class DiffusersPipeline(Method[PipelineOptions]):
    """Any image-editing pipeline of diffusers, from a folder of safetensors: diffusers:PATH.

    The whole frame is squashed to a square; the picture comes back at 256 × 256. Each sample has
    its own generator. No code of the folder is run and no pickle is read.
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
                    f"{self.kind.__name__} takes no {argument} (-o {name}); it takes: "
                    f"{', '.join(known)}."
                )
        if options.prompt == "description" and not context.described:
            raise BenchError("-o prompt=description needs descriptions: give --descriptions NAME.")

    @cached_property
    def pipeline(self) -> Any:
        """The pipeline on the run's device, in its number format."""
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
            raise SampleError("missing_description", "the descriptions have none for this sample")
        if self.kind.__name__.startswith(BATCHING):
            return self._call(requests)
        return [self._call([request])[0] for request in requests]

    def _call(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        """One call of the pipeline: its pictures, each from its sample's own generator."""
        given: dict[str, Any] = {
            "prompt": [self.prompt(request) for request in requests],
            "image": [resize(request.input, (self._side, self._side)) for request in requests],
            "generator": [torch_generator(request.seed) for request in requests],
        }
        if self.options.negative_prompt is not None:
            given["negative_prompt"] = [self.options.negative_prompt] * len(requests)
        if len(requests) == 1:
            given = {name: values[0] for name, values in given.items()}
        chosen = self.options.model_dump(include=set(ARGUMENTS) - {"negative_prompt"})
        given |= {ARGUMENTS[name]: value for name, value in chosen.items() if value is not None}
        made = self.pipeline(**given)
        flags = getattr(made, "nsfw_content_detected", None) or [False] * len(requests)
        return [_finish(*answer) for answer in zip(made.images, flags, strict=True)]

    @property
    def _side(self) -> int:
        if self.options.size is not None:
            return self.options.size
        config = getattr(getattr(self.pipeline, "unet", None), "config", {})
        cells = config.get("sample_size")
        return cells * self.pipeline.vae_scale_factor if isinstance(cells, int) else SIDE


def check_folder(folder: Path) -> None:
    """Refuse a folder that is no saved pipeline, or that could run code of its own."""
    if not (folder / "model_index.json").is_file():
        raise BenchError(
            f"diffusers:{folder}: there is no model_index.json; give a folder that diffusers' "
            "save_pretrained wrote."
        )
    for name, value in read_json(folder / "model_index.json").items():
        library = value[0] if isinstance(value, list) and len(value) == 2 else None
        known = library is None or library in LIBRARIES or _is_pipeline_module(library)
        if not known or (name == "_class_name" and not isinstance(value, str)):
            raise BenchError(
                f"diffusers:{folder} asks for code of its own ('{name}': {value}), which is not "
                "run: only classes of diffusers and transformers are."
            )
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in UNSAFE]
    for path in found:
        if not any(path.parent.glob("*.safetensors")):
            raise BenchError(
                f"diffusers:{folder}: {path.relative_to(folder)} may hold code, and there are no "
                ".safetensors beside it: save the pipeline anew with safe_serialization=True."
            )


def _is_pipeline_module(library: str) -> bool:
    """Whether it is a module of diffusers.pipelines, which holds a family's safety checker."""
    import diffusers.pipelines

    return library.isidentifier() and library in dir(diffusers.pipelines)


def _pipeline_class(folder: Path) -> Any:
    """The class that takes an image: the saved one, else its family's for image-to-image."""
    diffusers = importlib.import_module("diffusers")
    name = read_json(folder / "model_index.json").get("_class_name")
    kind = getattr(diffusers, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise BenchError(f"diffusers:{folder}: this diffusers has no pipeline '{name}'.")
    if {"image", "prompt"} <= inspect.signature(kind.__call__).parameters.keys():
        return kind
    with warnings.catch_warnings():
        # The import reaches every family, and Kolors' text encoder still calls torch.jit.script.
        warnings.filterwarnings("ignore", message="`torch.jit.script`", category=FutureWarning)
        from diffusers.pipelines import auto_pipeline

    try:
        return auto_pipeline._get_task_class(
            auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, str(name)
        )
    except ValueError:
        raise BenchError(
            f"diffusers:{folder}: {name} takes no image and prompt, and its family has no "
            "image-to-image pipeline."
        ) from None


def _finish(image: Image.Image, flagged: bool) -> Image.Image | SampleError:
    if flagged:
        return SampleError("flagged", "the pipeline's safety checker blacked the picture out")
    return resize(image.convert("RGB"), (SIDE, SIDE))
