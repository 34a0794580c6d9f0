"""The stage `imagine`: one context, several actions, a frame of each, and all on one grid."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from egoactgen_bench import provenance
from egoactgen_bench.descriptions import load_descriptions
from egoactgen_bench.errors import BenchError, SampleError, did_you_mean
from egoactgen_bench.files import read_json, sha256_bytes, write_json
from egoactgen_bench.grid import Card, draw_grid
from egoactgen_bench.images import frame_size, read_rgb, resize, write_png
from egoactgen_bench.methods import Method
from egoactgen_bench.records import Request
from egoactgen_bench.running import answers
from egoactgen_bench.runs import OK
from egoactgen_bench.seeds import derive_seed
from egoactgen_bench.splits import Split

MANIFEST, GRID, INPUT = "imagine.json", "grid.png", "input.png"


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
    manifest: dict[str, Any]

    @property
    def failed(self) -> list[dict[str, Any]]:
        return [frame for frame in self.manifest["frames"] if frame["status"] != OK]


def context_of_picture(path: Path) -> Context:
    """One's own picture, upright, scaled to a split's height of 256."""
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise BenchError(f"{path} is no picture that can be read ({error}).") from None
    return Context(_slug(path.stem, "picture"), resize(image, frame_size(*image.size)))


def context_of_sample(split: Split, sample_id: str, descriptions: str | None = None) -> Context:
    """The input frame of a split's sample; `descriptions` names a set of its descriptions."""
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
) -> Imagined:
    """Let `method`, called `name`, paint each action in `context`; write frames, grid, manifest.

    `descriptions` are those of the actions, in order, or none. An action that is the sample's own
    label is asked for as `bench run` asks: it gives the same frame.
    """
    check_actions(actions, descriptions)
    requests = list(_requests(context, actions, descriptions, seed))
    _forget(folder)
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
    manifest = {
        "method": name,
        "options": method.options.model_dump(mode="json"),
        "seed": seed,
        "context": {"name": context.name, "split": context.split, "image": INPUT},
        "frames": frames,
        "grid": {"image": GRID, "sha256": sha256_bytes(grid)},
        "weights": provenance.hashes(method.weight_files()),
        "sources": method.sources(),
        "dtype": method.setting.dtype,
        "device": provenance.device_name(method.setting.device),
        "versions": provenance.versions(method.packages),
    }
    write_json(folder / MANIFEST, manifest)
    return Imagined(folder, manifest)


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


def in_words(frame: dict[str, Any]) -> str:
    """What became of one of a manifest's frames, and which text the method read for it."""
    action, read = frame["action"], frame["prompt"]
    if frame["status"] != OK:
        detail = f" ({frame['detail']})" if frame["detail"] else ""
        return f"failed: {action}: {frame['status']}{detail}"
    if read == action:
        return f"{action}: the label alone was read, no description"
    return f"{action}: “{read}” was read" if read else f"{action}: no text was read"


def _requests(
    context: Context, actions: Sequence[str], descriptions: Sequence[str], seed: int
) -> Iterator[Request]:
    for number, action in enumerate(actions):
        own = action == context.action
        name = context.name if own else f"{context.name[:80]}_{_slug(action, 'action')}"
        given = descriptions[number] if descriptions else context.description if own else None
        yield Request(name, context.frame, action, given or None, derive_seed(seed, name))


def _forget(folder: Path) -> None:
    """Take away what an earlier call left, its manifest first."""
    if (folder / MANIFEST).is_file():
        frames = read_json(folder / MANIFEST)["frames"]
        (folder / MANIFEST).unlink()
        for frame in frames:
            if frame["image"]:
                (folder / Path(frame["image"]).name).unlink(missing_ok=True)


def _frame(folder: Path, number: int, request: Request, answer: answers.Answer) -> dict[str, Any]:
    row = {
        "action": request.action,
        "description": request.description or "",
        "prompt": answer.prompt,
        "id": request.sample_id,
        "seed": request.seed,
        "image": "",
        "sha256": "",
        "status": OK,
        "detail": "",
    }
    if isinstance(answer.output, SampleError):
        return row | {"status": answer.output.code, "detail": answer.output.detail}
    image = f"{number:02d}-{_slug(request.action, 'action')}.png"
    return row | {"image": image, "sha256": sha256_bytes(write_png(folder / image, answer.output))}


def _card(request: Request, answer: answers.Answer) -> Card:
    """Below the frame: the action, and the description of it that was given or that was read."""
    output = answer.output
    frame = output if isinstance(output, Image.Image) else f"no frame: {output}"
    read = answer.prompt if answer.prompt != request.action else ""
    return Card(frame, request.action, request.description or read)


def _slug(text: str, default: str) -> str:
    """A short safe file name from any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or default
