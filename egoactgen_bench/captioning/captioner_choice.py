"""Which captioner a name means, and the files that it needs."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from egoactgen_bench.captioning.captioner import Captioner, Decoding

Size = Literal["base", "large"]
Files = tuple[tuple[str, ...], ...]

FOLDERS = {"base": "blip-image-captioning-base", "large": "blip-image-captioning-large"}
CHECKPOINTS = {"base": "model_base_caption_capfilt_large.pth", "large": "model_large_caption.pth"}
# Each holds the vocabulary of bert-base-uncased, which BLIP writes in.
VOCABULARIES = ("distilbert-base-uncased", *FOLDERS.values())
LAVIS = "1.0.2"


def release(kind: str) -> str:
    """A captioner's name, and its release where our own environment does not hold it."""
    return f"lavis-{LAVIS}" if kind == "lavis" else kind


def weights(kind: str, size: Size) -> Files:
    """The files or folders of the weights folder that a captioner needs, each with alternatives."""
    if kind == "lavis":
        return (CHECKPOINTS[size], FOLDERS[size]), VOCABULARIES
    return ((FOLDERS[size],),)


def build(
    kind: str,
    size: Size,
    decoding: Decoding,
    find: Callable[..., Path],
    device: str,
    workspace: Path,
) -> Captioner:
    """The captioner `kind` ("transformers" or "lavis"); `find` gives the path of a needed file."""
    paths = [find(*names) for names in weights(kind, size)]
    if kind == "lavis":
        from egoactgen_bench.captioning.lavis_blip import LavisCaptioner

        return LavisCaptioner(paths[0], paths[1] / "vocab.txt", decoding, device, workspace)
    from egoactgen_bench.captioning.transformers_blip import TransformersCaptioner

    return TransformersCaptioner(paths[0], decoding, device)


def obstacle(kind: str, workspace: Path) -> str | None:
    """What a captioner lacks beside its files, as a sentence, or None."""
    if kind == "lavis":
        from egoactgen_bench.captioning.lavis_environment import Environment

        if not Environment.of(workspace).ready:
            return "LAVIS has no environment in this workspace: make it with `bench setup lavis`."
    return None
