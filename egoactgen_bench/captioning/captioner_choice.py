"""Builds captioners by name, and lists the files that they need."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.captioning.captioner import Captioner, Decoding

Size = Literal["base", "large"]
Files = tuple[tuple[str, ...], ...]

FOLDERS: dict[Size, str] = {
    "base": "blip-image-captioning-base",
    "large": "blip-image-captioning-large",
}
CHECKPOINTS: dict[Size, str] = {
    "base": "model_base_caption_capfilt_large.pth",
    "large": "model_large_caption.pth",
}
# Each contains the vocabulary of bert-base-uncased, which BLIP uses.
VOCABULARIES = ("distilbert-base-uncased", *FOLDERS.values())
LAVIS = "1.0.2"
_LAVIS_STORAGE = "https://storage.googleapis.com/sfr-vision-language-research/BLIP/models/"
PUBLISHED: dict[Size, tuple[PublishedWeights, ...]] = {
    "base": (
        PublishedWeights(
            name=FOLDERS["base"],
            about="BLIP-B captioner",
            licence="BSD-3-Clause",
            repository="Salesforce/blip-image-captioning-base",
            revision="82a37760796d32b1411fe092ab5d4e227313294b",
            files=("*.json", "*.txt", "pytorch_model.bin"),
            size=990_769_234,
            file_hashes={
                "pytorch_model.bin": (
                    "d6638651a5526cc2ede56f2b5104d6851b0755816d220e5e046870430180c767"
                ),
            },
        ),
        PublishedWeights(
            name=CHECKPOINTS["base"],
            about="BLIP-B captioner as LAVIS reads it (--captioner lavis)",
            licence="BSD-3-Clause",
            url=f"{_LAVIS_STORAGE}model_base_caption_capfilt_large.pth",
            size=896_081_425,
            sha256="96ac8749bd0a568c274ebe302b3a3748ab9be614c737f3d8c529697139174086",
        ),
    ),
    "large": (
        PublishedWeights(
            name=FOLDERS["large"],
            about="BLIP-L captioner",
            licence="BSD-3-Clause",
            repository="Salesforce/blip-image-captioning-large",
            revision="2227ac38c9f16105cb0412e7cab4759978a8fd90",
            files=("*.json", "*.txt", "model.safetensors"),
            size=1_880_000_000,
        ),
        PublishedWeights(
            name=CHECKPOINTS["large"],
            about="BLIP-L captioner as LAVIS reads it (--captioner lavis)",
            licence="BSD-3-Clause",
            url=f"{_LAVIS_STORAGE}model_large_caption.pth",
            size=1_785_000_000,
        ),
    ),
}


def release(kind: str) -> str:
    """A captioner's name, with its release if it runs in an environment of its own."""
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
    """A sentence about what a captioner lacks apart from its files, or None."""
    if kind == "lavis":
        from egoactgen_bench.captioning.lavis_environment import Environment

        if not Environment.of(workspace).ready:
            return "LAVIS has no environment in this workspace: create it with `bench setup lavis`."
    return None
