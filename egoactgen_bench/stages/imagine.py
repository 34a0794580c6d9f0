"""The stage `imagine`: one context, several actions, a frame of each, and all on one grid."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from egoactgen_bench.api.method import Method
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.manifests import IMAGINE, ImaginedFrame, ImagineManifest
from egoactgen_bench.artifacts.runs import OK
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.errors import BenchError, SampleError, did_you_mean
from egoactgen_bench.generation import answers
from egoactgen_bench.presentation.grid import Card, draw_grid
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.images import frame_size, png_bytes, read_rgb, resize, write_png
from egoactgen_bench.support.seeds import derive_seed

GRID, INPUT = "grid.png", "input.png"
IMAGE_NAME = re.compile(r"[0-9]{2,}-[a-z0-9-]+\.png")  # of an action's frame


@dataclass(frozen=True)
class Context:
    """The frame before the actions; `action` is what a sample's label says is done next."""

    name: str  # a safe file name: the sample's id, or one made from the picture's name
    frame: Image.Image
    split: str | None = None
    action: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Imagined:
    """What was made: the folder, and its manifest."""

    folder: Path
    manifest: ImagineManifest
    already_complete: bool = False

    @property
    def failed(self) -> list[ImaginedFrame]:
        return [frame for frame in self.manifest.frames if frame.status != OK]


def context_of_picture(path: Path) -> Context:
    """One's own picture, upright, scaled to a split's height of 256."""
    try:
        with Image.open(path) as opened:
            # Phones store pictures as the sensor lies, and turn them by a tag that Pillow does not
            # apply.
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise BenchError(f"{path} is not a readable image ({error}).") from None
    return Context(_slug(path.stem, "picture"), resize(image, frame_size(*image.size)))


def context_of_sample(split: Split, sample_id: str, descriptions: str | None = None) -> Context:
    """The input frame of a split's sample; `descriptions` names a set of its descriptions."""
    split.require_frames()
    found = split.samples[split.samples["sample_id"] == sample_id]
    if found.empty:
        raise BenchError(
            f"There is no picture '{sample_id}', and split '{split.name}' has no sample of that id."
            + did_you_mean(sample_id, split.samples["sample_id"][:1000])
        )
    sample = found.iloc[0]
    texts = load_descriptions(split.folder, descriptions).texts if descriptions else {}
    try:
        frame = read_rgb(split.frame_path(sample["input_frame"]))
    except SampleError as error:
        raise BenchError(f"The input frame of {sample_id} cannot be read ({error}).") from None
    return Context(sample_id, frame, split.name, sample["action"], texts.get(sample_id))


def imagine(
    name: str,
    method: Method[Any],
    context: Context,
    actions: Sequence[str],
    folder: Path,
    descriptions: Sequence[str] = (),
    seed: int = 0,
    overwrite: bool = False,
) -> Imagined:
    """Let `method`, called `name`, show each action in `context`; write frames, grid, manifest.

    `descriptions` are those of the actions, in order, or none. An action that is the sample's own
    label is asked for as `bench run` asks: it gives the same frame. A folder that contains the
    same frames already is left as it is.
    """
    check_actions(actions, descriptions)
    requests = list(_requests(context, actions, descriptions, seed))
    shown = sha256_bytes(png_bytes(context.frame))
    plan = {
        "method": name,
        "options": method.options.model_dump(mode="json"),
        "seed": seed,
        "context": {
            "name": context.name,
            "split": context.split,
            "image": INPUT,
            "sha256": shown,
        },
        "actions": list(actions),
        "descriptions": [request.description or "" for request in requests],
        "weights": provenance.hashes(method.weight_files()),
        "sources": method.sources(),
        "dtype": method.context.dtype,
    }
    work = WorkFolder(
        folder / IMAGINE,
        ImagineManifest,
        plan,
        folder / PLAN,
        elsewhere="--name or --out",
        own=(INPUT, GRID, "[0-9][0-9]-*.png"),
    )
    if not overwrite:
        work.check()
        if work.finished:
            return Imagined(folder, work.read(), already_complete=True)
    work.begin(overwrite, lambda: _forget(folder))
    write_png(folder / INPUT, context.frame)
    method.load()
    size = method.default_batch_size
    batches = [requests[start : start + size] for start in range(0, len(requests), size)]
    found = [answer for batch in batches for answer in answers.ask(method, batch)]
    pairs = list(zip(requests, found, strict=True))
    frames = [_frame(folder, number, *pair) for number, pair in enumerate(pairs, start=1)]
    cards = [Card(context.frame, "input", context.split or "", marked=True)]
    cards += [_card(*pair) for pair in pairs]
    grid = write_png(folder / GRID, draw_grid(cards, context.frame.size))
    content = {
        "frames": [frame.model_dump() for frame in frames],
        "grid": {"image": GRID, "sha256": sha256_bytes(grid)},
        "device": provenance.device_name(method.context.device),
        "versions": provenance.versions(method.packages),
    }
    return Imagined(folder, work.finish(content))


def check_actions(actions: Sequence[str], descriptions: Sequence[str]) -> None:
    """Refuse a call whose texts do not fit together."""
    for action in actions:
        if not action.strip():
            raise BenchError('An --action is empty: say what is done, such as "open drawer".')
        if actions.count(action) > 1:
            raise BenchError(f"--action '{action}' is given twice.")
    if descriptions and len(descriptions) != len(actions):
        raise BenchError(
            f"There are {len(actions)} --action and {len(descriptions)} --description: "
            "give one for each, in the same order, or none."
        )


def in_words(frame: ImaginedFrame) -> str:
    """What became of one of a manifest's frames, and which text the method read for it."""
    if frame.status != OK:
        detail = f" ({frame.detail})" if frame.detail else ""
        return f"failed: {frame.action}: {frame.status}{detail}"
    if frame.prompt == frame.action:
        return f"{frame.action}: the label alone was read, no description"
    if not frame.prompt:
        return f"{frame.action}: no text was read"
    return f"{frame.action}: “{frame.prompt}” was read"


def _requests(
    context: Context, actions: Sequence[str], descriptions: Sequence[str], seed: int
) -> Iterator[Request]:
    for number, action in enumerate(actions):
        own = action == context.action
        # The name is the seed's: the sample's own action gets the noise that `bench run` gives it.
        name = context.name if own else f"{context.name[:80]}_{_slug(action, 'action')}"
        given = descriptions[number] if descriptions else context.description if own else None
        yield Request(name, context.frame, action, given or None, derive_seed(seed, name))


def _forget(folder: Path) -> None:
    """Remove the images that an earlier call left."""
    for path in folder.glob("*.png"):
        if path.name in (INPUT, GRID) or IMAGE_NAME.fullmatch(path.name):
            path.unlink()


def _frame(folder: Path, number: int, request: Request, answer: answers.Answer) -> ImaginedFrame:
    row = ImaginedFrame(
        action=request.action,
        description=request.description or "",
        prompt=answer.prompt,
        id=request.sample_id,
        seed=request.seed,
        status=OK,
    )
    if isinstance(answer.output, SampleError):
        return row.model_copy(update={"status": answer.output.code, "detail": answer.output.detail})
    image = f"{number:02d}-{_slug(request.action, 'action')}.png"
    sha256 = sha256_bytes(write_png(folder / image, answer.output))
    return row.model_copy(update={"image": image, "sha256": sha256})


def _card(request: Request, answer: answers.Answer) -> Card:
    """Below the frame: the action, and the description of it that was given or that was read."""
    output = answer.output
    frame = output if isinstance(output, Image.Image) else f"no frame: {output}"
    read = answer.prompt if answer.prompt != request.action else ""
    return Card(frame, request.action, request.description or read)


def _slug(text: str, default: str) -> str:
    """A short safe file name from any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or default
