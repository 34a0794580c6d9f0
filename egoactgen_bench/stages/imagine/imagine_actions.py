"""Generating the images of several actions in one context, and a grid of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.artifacts.manifests import (
    IMAGINE,
    TOY_MARK,
    ImaginedFrame,
    ImagineManifest,
)
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.generation import answers, method_factory
from egoactgen_bench.presentation.grid import Card, draw_grid
from egoactgen_bench.stages.imagine.contexts import Context, slug
from egoactgen_bench.stages.imagine.imagine_options import ImagineOptions
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.images import (
    png_bytes,
    write_png,
)
from egoactgen_bench.support.seeds import derive_seed

GRID, INPUT = "grid.png", "input.png"
IMAGE_NAME = re.compile(r"[0-9]{2,}-[a-z0-9-]+\.png")  # of an action's image


@dataclass(frozen=True, repr=False)
class Imagined:
    """The result of `imagine`: the folder, its manifest, and whether it was complete before."""

    folder: Path
    manifest: ImagineManifest
    already_complete: bool = False

    @property
    def failed(self) -> list[ImaginedFrame]:
        """The actions without an image, with their reason codes as `status`."""
        return [frame for frame in self.manifest.frames if frame.status != OK]

    @property
    def images(self) -> dict[str, Path]:
        """The image file of each action that has one."""
        frames = self.manifest.frames
        return {frame.action: self.folder / frame.image for frame in frames if frame.status == OK}

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return (
            f"<Imagined '{self.manifest.context.name}': {len(self.images)} actions by "
            f"{self.manifest.method}, seed {self.manifest.seed}{failed}>"
        )


def method_for(options: ImagineOptions, context: Context, models: Path, cache: Path) -> Method[Any]:
    """The method that `options` name, built for one context."""
    setting = MethodContext(
        device=options.device,
        dtype=options.dtype,
        described=bool(options.description or options.descriptions),
        models=models,
        cache=cache,
        sample_ids=[context.name],
        licence=context.licence,
        allow_upload=options.allow_upload,
    )
    return method_factory.build(
        options.method,
        options.options,
        weights=options.weights,
        context=setting,
        dataset=context.dataset,
    )


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
    """Generate an image of each action in `context` with `method`; write images, grid, manifest.

    `name` is the method's name in the manifest. `descriptions` are those of the actions, in their
    order, or none. An action that is the label of the sample gets the same image as in `bench run`.
    A `folder` that already contains the same images is left unchanged, and one with other settings
    is refused unless `overwrite` is set. Raises `BenchError` for an invalid call; an image that
    fails does not affect the others.
    """
    check_actions(actions, descriptions)
    requests = list(_requests(context, actions, descriptions, seed))
    shown = sha256_bytes(png_bytes(context.frame))
    plan = {
        "method": name,
        "options": method_factory.semantic_options(method),
        "seed": seed,
        "context": {
            "name": context.name,
            "split": context.split,
            "image": INPUT,
            "sha256": shown,
        },
        "actions": list(actions),
        "descriptions": [request.description or "" for request in requests],
        "weights": provenance.hashes(method_factory.weight_files(method)),
        "sources": method_factory.sources(method),
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
    call(method, "load")
    size = method.default_batch_size
    batches = [requests[start : start + size] for start in range(0, len(requests), size)]
    found = [answer for batch in batches for answer in answers.ask(method, batch)]
    pairs = list(zip(requests, found, strict=True))
    frames = [_frame(folder, number, *pair) for number, pair in enumerate(pairs, start=1)]
    toy = method_factory.uses_toy_weights(method, context.dataset)
    about = " ".join([*filter(None, [context.split]), *[TOY_MARK] * toy])
    cards = [Card(context.frame, "input", about, marked=True)]
    cards += [_card(*pair) for pair in pairs]
    grid = write_png(folder / GRID, draw_grid(cards, context.frame.size))
    content = {
        "frames": [frame.model_dump() for frame in frames],
        "grid": {"image": GRID, "sha256": sha256_bytes(grid)},
        "toy_weights": toy,
        "reproducible_by_seed": method.reproducible,
        "device": provenance.device_name(method.context.device),
        "versions": provenance.versions(method.packages),
    }
    recorded = call(method, "run_record", [call(method, "batch_record")])
    return Imagined(folder, work.finish(content | recorded))


def check_actions(actions: Sequence[str], descriptions: Sequence[str]) -> None:
    """Raise `BenchError` for an empty or repeated action, and for too few or many descriptions."""
    for action in actions:
        if not action.strip():
            raise BenchError('An --action is empty: describe it, such as "open drawer".')
        if actions.count(action) > 1:
            raise BenchError(f"--action '{action}' is given twice: leave out one of them.")
    if descriptions and len(descriptions) != len(actions):
        raise BenchError(
            f"There are {len(actions)} --action and {len(descriptions)} --description: "
            "pass one description per action, in the same order, or none."
        )


def in_words(frame: ImaginedFrame) -> str:
    """One line on an action of a manifest: why it failed, or the prompt of its image."""
    if frame.status != OK:
        detail = f" ({frame.detail})" if frame.detail else ""
        return f"failed: {frame.action}: {frame.status}{detail}"
    if frame.prompt == frame.action:
        return f"{frame.action}: prompted with the label, without a description"
    if not frame.prompt:
        return f"{frame.action}: the method uses no prompt"
    return f"{frame.action}: prompted with “{frame.prompt}”"


def _requests(
    context: Context, actions: Sequence[str], descriptions: Sequence[str], seed: int
) -> Iterator[Request]:
    for number, action in enumerate(actions):
        own = action == context.action
        # The seed depends on the name: the sample's own action gets the noise of `bench run`.
        name = context.name if own else f"{context.name[:80]}_{slug(action, 'action')}"
        given = descriptions[number] if descriptions else context.description if own else None
        yield Request(name, context.frame, action, given or None, derive_seed(seed, name))


def _forget(folder: Path) -> None:
    """Remove the images of an earlier call."""
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
    image = f"{number:02d}-{slug(request.action, 'action')}.png"
    sha256 = sha256_bytes(write_png(folder / image, answer.output))
    return row.model_copy(update={"image": image, "sha256": sha256})


def _card(request: Request, answer: answers.Answer) -> Card:
    """The image, the action, and its description or the prompt."""
    output = answer.output
    shown = output if isinstance(output, Image.Image) else f"no image: {output}"
    prompt = answer.prompt if answer.prompt != request.action else ""
    return Card(shown, request.action, request.description or prompt)
