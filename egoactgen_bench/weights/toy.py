"""The toy weights that come with the package, and the published ones that they stand in for."""

from pathlib import Path

from egoactgen_bench import plugins

NAME = "toy"
FOLDER = Path(__file__).parent / NAME
JUDGE = FOLDER / "judge.safetensors"
STAND_INS = {
    "ViT-L-14.safetensors": "clip",
    "blip-image-captioning-base": "blip",
    "dinov2-base": "dinov2",
    "distilbert-base-uncased": "distilbert",
    "egovlp.pth": "egovlp.safetensors",
    "inception-2015-12-05.pt": "squeezenet.safetensors",
    "pt_inception-2015-12-05-6726825d.pth": "squeezenet.safetensors",
    "squeezenet1_1-b8a52dc0.pth": "squeezenet.safetensors",
}


def folder_for(dataset: str, chosen: Path | None, models: Path) -> Path:
    """The folder of weights to score a data set with: the chosen one, if any.

    By default `models`, and for the toy kitchen the toy weights; they may be chosen by their name.
    """
    if chosen is not None:
        return FOLDER if chosen == Path(NAME) and not chosen.exists() else chosen
    known = plugins.registered("datasets")
    return FOLDER if dataset in known and known[dataset].load().toy else models
