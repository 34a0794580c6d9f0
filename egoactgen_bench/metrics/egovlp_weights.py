"""Loads EgoVLP's checkpoints: builds a tower of the sizes in a published file."""

from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.egovlp_network import SpaceTimeTransformer, TextTower, VideoTower
from egoactgen_bench.support.files import read_json
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.model_folders import check_folder_files
from egoactgen_bench.weights.pretrained import refusing
from egoactgen_bench.weights.stored_tensors import MISFITS

Inflation = Literal["zeros", "bilinear"]
State = dict[str, Tensor]
Tower = TypeVar("Tower", bound=nn.Module)

VIDEO = ("video_model.", "vid_proj.")
TEXT = ("text_model.", "txt_proj.")
# A buffer (0, 1, 2 …) that some releases of transformers stored.
DERIVED = "text_model.embeddings.position_ids"


def load_video_tower(
    checkpoint: Path, frames: int | None = None, inflation: Inflation = "zeros"
) -> VideoTower:
    """The video tower of `checkpoint`, in eval mode, for clips of `frames` (None: as stored).

    Raises `BenchError` if parameters are missing, unknown or of another shape.
    """
    try:
        return build_video_tower(read_state(checkpoint, VIDEO), frames, inflation)
    except MISFITS as error:
        raise _misfit(checkpoint, error) from None


def load_text_tower(checkpoint: Path, distilbert: Path) -> TextTower:
    """The text tower of `checkpoint`, in eval mode, with config.json of the folder `distilbert`.

    Raises `BenchError` as `load_video_tower` does.
    """
    from transformers import DistilBertConfig

    check_folder_files(distilbert)
    path = distilbert / "config.json"
    sizes = read_json(path)
    with refusing(path), torch.device("meta"):  # errors that are not about the checkpoint
        TextTower(DistilBertConfig.from_dict(sizes), embedding=1)
    try:
        return build_text_tower(read_state(checkpoint, TEXT), sizes)
    except MISFITS as error:
        raise _misfit(checkpoint, error, f"EgoVLP's network of the sizes in {path}") from None


def read_state(checkpoint: Path, prefixes: tuple[str, ...] = VIDEO + TEXT) -> State:
    """The parameters under names that start with one of `prefixes`, float32, without "module."."""
    found = read_checkpoint(checkpoint)
    tensors = found.get("state_dict", found)
    state = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    unknown = [name for name in state if not name.startswith(VIDEO + TEXT)]
    if unknown:
        raise BenchError(f"{checkpoint} is not an EgoVLP checkpoint: it contains '{unknown[0]}'.")
    return {
        name: tensor.float()
        for name, tensor in state.items()
        if name.startswith(prefixes) and name != DERIVED
    }


def build_video_tower(
    state: State, frames: int | None = None, inflation: Inflation = "zeros"
) -> VideoTower:
    """A video tower of the sizes of `state`, loaded strictly; see `load_video_tower`."""
    temporal = state["video_model.temporal_embed"]
    temporal = inflate(temporal, frames or temporal.shape[1], inflation)
    hidden, width = state["video_model.blocks.0.mlp.fc1.weight"].shape
    with torch.device("meta"):
        transformer = SpaceTimeTransformer(
            width=width,
            hidden=hidden,
            depth=len({name.split(".")[2] for name in state if ".blocks." in name}),
            patch=state["video_model.patch_embed.proj.weight"].shape[-1],
            positions=state["video_model.pos_embed"].shape[1] - 1,
            frames=temporal.shape[1],
        )
        tower = VideoTower(transformer, embedding=len(state["vid_proj.0.weight"]))
    return _fill(tower, state | {"video_model.temporal_embed": temporal})


def build_text_tower(state: State, sizes: dict[str, object]) -> TextTower:
    """A text tower with the parameters `state`, loaded strictly; `sizes` is its config.json."""
    from transformers import DistilBertConfig

    config = DistilBertConfig.from_dict(sizes)
    return _fill(TextTower(config, embedding=len(state["txt_proj.1.weight"])), state)


def inflate(temporal: Tensor, frames: int, inflation: Inflation = "zeros") -> Tensor:
    """Temporal embeddings (1, stored, width) for clips of another length, (1, frames, width).

    As in EgoVLP: a shorter clip uses the first embeddings; for a longer one they are padded with
    zeros or interpolated linearly, keeping both ends.
    """
    stored = temporal.shape[1]
    if frames <= stored:
        return temporal[:, :frames]
    if inflation == "zeros":
        return nn.functional.pad(temporal, (0, 0, 0, frames - stored))
    channels_first = temporal.transpose(1, 2)
    wider = nn.functional.interpolate(channels_first, frames, mode="linear", align_corners=True)
    return wider.transpose(1, 2)


def _fill(tower: Tower, state: State) -> Tower:
    tower.load_state_dict(state, strict=True, assign=True)
    return tower.requires_grad_(False).eval()


def _misfit(checkpoint: Path, error: Exception, network: str = "EgoVLP's network") -> BenchError:
    if isinstance(error, KeyError):
        return BenchError(f"{checkpoint} is not an EgoVLP checkpoint: it lacks {error}.")
    detail = " ".join(str(error).split())[:300]
    return BenchError(f"{checkpoint} does not fit {network}: {detail}.")
