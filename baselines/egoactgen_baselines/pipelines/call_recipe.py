"""How a pipeline of diffusers wants to be called: a `CallRecipe` per family.

Pipelines agree on names (`image`, `prompt`), not on their meaning: one reads a list of images as a
batch, another as the images of one call; one generates at the size of its input, another at a size
of its own; some ignore guidance unless a negative prompt is given. A recipe states this for one
family. It is plain data, so that a new family is one entry, also outside of this package:

    # my_recipes.py
    from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe

    RECIPE = CallRecipe(
        name="new-editor",
        pipelines=("NewEditorPipeline",),
        defaults={"guidance_scale": 4.0},
        size=ByArea(1024 * 1024, multiple=16),
        source="model card of vendor/new-editor",
    )

    bench run --method diffusers:new-editor -o recipe=my_recipes:RECIPE
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Size = tuple[int, int]  # (width, height)


@dataclass(frozen=True)
class ByArea:
    """The aspect of the frame at about `area` pixels, both sides multiples of `multiple`.

    `area=None` is the area that the network was trained at: the `sample_size` of its configuration.
    `area_argument` takes width × height where the pipeline would otherwise scale them. With
    `at_most`, rounding never gives more pixels than `area`.
    """

    area: int | None = 1024 * 1024
    multiple: int = 16
    area_argument: str | None = None
    at_most: bool = False

    def of(self, frame: Size, area: int) -> Size:
        """The size for a frame of (width, height) `frame`, with about `area` pixels."""
        aspect = frame[0] / frame[1]
        sides = math.sqrt(area * aspect), math.sqrt(area / aspect)
        width, height = (self._rounded(side) for side in sides)
        if self.at_most and width * height > area:
            width, height = (self._rounded(side, math.floor) for side in sides)
        return width, height

    def _rounded(self, side: float, how: Callable[[float], int] = round) -> int:
        return max(how(side / self.multiple), 1) * self.multiple

    def __str__(self) -> str:
        area = "the network's area" if self.area is None else f"{self.area:,} pixels"
        return f"aspect of the frame at {area}, multiples of {self.multiple}"


@dataclass(frozen=True)
class Buckets:
    """The one of fixed sizes (width, height) whose aspect is nearest to the frame's.

    With `only`, the pipeline generates no other size.
    """

    sizes: tuple[Size, ...]
    only: bool = False

    def of(self, frame: Size, area: int | None = None) -> Size:
        """The size for a frame of (width, height) `frame`; with `area`, of those nearest to it."""
        aspect = math.log(frame[0] / frame[1])

        def distance(size: Size) -> tuple[float, float]:
            away = abs(math.log(size[0] / size[1]) - aspect)
            return round(away, 6), 0.0 if area is None else abs(size[0] * size[1] - area)

        return min(self.sizes, key=distance)

    def __str__(self) -> str:
        return "nearest aspect of " + ", ".join(f"{w} × {h}" for w, h in self.sizes)


@dataclass(frozen=True)
class ByPipeline:
    """The pipeline chooses the size from the frame itself.

    `area_argument` is the call argument that changes it, if there is one; it takes the side of a
    square of that area (`output_resolution=1024`) or, with `squared`, the area.
    """

    area_argument: str | None = None
    squared: bool = False

    def __str__(self) -> str:
        return "chosen by the pipeline from the frame"


@dataclass(frozen=True)
class Video:
    """What an image-to-video pipeline generates: its frames and how fast they are shown.

    The argument `num_frames` is a multiple of `multiple` plus `rest`, and at least `least`;
    `length` gives the number of frames that the video then has, where they differ. `rate_argument`
    takes the frames per second.
    """

    frames: int  # default of num_frames
    rate: float  # frames per second at which the model was trained
    multiple: int = 4
    rest: int = 1
    least: int = 1
    length: Callable[[int], int] = int
    frames_argument: str = "num_frames"
    rate_argument: str | None = None
    output: str = "frames"  # where the result contains the video


@dataclass(frozen=True)
class CallRecipe:
    """How the pipelines of one family are called.

    `pipelines` are names of classes; a folder that was saved as a class of `saved_as` is loaded as
    the first of them. A recipe with `when` is for folders with these settings only, and is listed
    before that of the others. `defaults` are arguments of the call that differ from the pipeline's
    own defaults, as its model card gives them. `options` maps options of the method (`guidance`) to
    arguments of the call where they differ from the usual ones (`guidance_scale`); None: the option
    does not exist, although the argument does.
    """

    name: str
    pipelines: tuple[str, ...]
    source: str  # where the call is documented: the model card, or the pipeline's own code
    saved_as: tuple[str, ...] = ()
    # Settings of the pipeline ("is_distilled") or of a component ("unet/num_frames"); None: absent.
    when: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] = ()  # that it imports, and that are not installed with the toolkit
    versions: tuple[str, ...] = ()  # of installed packages, if it fails with others: "torch<3"
    image: str = "image"  # the argument that takes the frame; "" if it takes none
    # list: the frame is passed as [frame]; still: as a video of equal frames
    image_form: Literal["item", "list", "still"] = "item"
    write_prompt: Callable[[str], Any] = field(default=str)
    prompted: bool = True  # False: the pipeline takes no text, so the action has no effect
    defaults: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, str | None] = field(default_factory=dict)
    size: ByArea | Buckets | ByPipeline = field(default_factory=ByArea)
    passes_size: bool = True  # as height and width; only if `size` is not ByPipeline
    resizes_frame: bool = False  # the frame is resized to `size` before the call
    output: str = "images"  # where the result contains the images
    video: Video | None = None
    batches: bool = False  # whether lists of images, prompts and generators are a batch
    dtype: str | None = None  # the only one that the pipeline works in
    in_float32: tuple[str, ...] = ()  # components that stay in it, whatever the others are in
    draws_on_device: bool = False  # its generators must be on the model's device, not on the CPU
    guider: str = "guidance_scale"  # argument for the scale of a modular pipeline's guider
    leaves_out: tuple[str, ...] = ()  # steps of a modular pipeline that are not executed
    note: str = ""  # for users, in the docs
