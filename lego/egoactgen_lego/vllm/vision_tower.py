"""The CLIP vision tower of a LLaVA in the old format: from its own folder, or from the shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, sha256_file
from egoactgen_bench.support.hub_snapshots import snapshot_in
from egoactgen_bench.weights.foreign_checkpoints import read_source
from egoactgen_bench.weights.model_folders import CONFIG, check_folder_files, tensor_source
from egoactgen_bench.weights.pretrained import load_processor, refusing

TOWER = "model.vision_tower.vision_tower."  # its prefix in the shards
INNER = "vision_model."
POSITIONS = "embeddings.position_ids"  # a table that every model computes itself

# The configurations of OpenAI's towers of these names; shards do not contain them.
PUBLISHED = {
    "clip-vit-large-patch14": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
        "image_size": 224,
        "projection_dim": 768,
        "hidden_act": "quick_gelu",
    }
}
PUBLISHED["clip-vit-large-patch14-336"] = PUBLISHED["clip-vit-large-patch14"] | {"image_size": 336}


@dataclass(frozen=True)
class Tower:
    """A tower's configuration, its tensors (names from `vision_model.` on), and their source."""

    config: Any
    tensors: dict[str, Tensor]
    source: dict[str, str]
    folder: Path | None

    @property
    def tokens(self) -> int:
        """The number of patches of an image."""
        return int(self.config.image_size // self.config.patch_size) ** 2

    def weights(self, model: Any, dtype: torch.dtype) -> dict[str, Tensor]:
        """The tensors under the names that they have in `model`, a LLaVA."""
        new = "model.vision_tower."
        # Some versions of transformers keep CLIP's inner name, others drop it.
        kept = any(name.startswith(new + INNER) for name in model.state_dict())
        return {
            new + (name if kept else name.removeprefix(INNER)): tensor.to(dtype)
            for name, tensor in self.tensors.items()
        }

    def image_processor(self) -> Any:
        """CLIP's preprocessing with Pillow, which the authors' code uses."""
        from transformers import CLIPImageProcessorPil

        if self.folder and (self.folder / "preprocessor_config.json").is_file():
            return load_processor(CLIPImageProcessorPil, self.folder)
        side = self.config.image_size
        return CLIPImageProcessorPil(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        )


def find_tower(
    name: str, shards: dict[str, Tensor], config: dict[str, Any], places: Sequence[Path]
) -> Tower:
    """The tower called `name` in LLaVA's configuration (a hub's name or a path).

    It is read from the folder stated in `config`, else from one of that name in `places`, else from
    the shards. The authors' code also prefers the tower's own files to the shards.
    """
    short = Path(name).name
    stated = config.get("vision_tower")
    if stated is not None and not Path(stated).is_dir():
        raise BenchError(f"vision_tower: the folder {stated} does not exist.")
    found = [Path(stated)] if stated else [p / short for p in places if (p / short).is_dir()]
    if found:
        return _read_folder(snapshot_in(found[0]))
    inside = {n.removeprefix(TOWER): t for n, t in shards.items() if n.startswith(TOWER)}
    if inside and short in PUBLISHED:
        from transformers import CLIPVisionConfig

        return Tower(CLIPVisionConfig(**PUBLISHED[short]), inside, {"of": "the shards"}, None)
    what = "lacks the configuration of its vision tower" if inside else "lacks a vision tower"
    raise BenchError(
        f"The VLLM {what}: put the folder {short}/ next to it or into the weights folder, or name "
        'it in --config JSON as {"vision_tower": "DIR"}.'
    )


def _read_folder(folder: Path) -> Tower:
    from transformers import CLIPVisionConfig, CLIPVisionModel

    check_folder_files(folder)
    stated = read_json(folder / CONFIG)
    source = tensor_source(folder)
    if source is None:
        raise BenchError(f"{folder} contains no weights: model.safetensors is missing.")
    tensors = read_source(source)
    with refusing(folder / CONFIG), torch.device("meta"):
        config = CLIPVisionConfig(**stated.get("vision_config", stated))
        CLIPVisionModel(config)  # sizes that make no sense fail only here
    return Tower(
        config,
        {n: t for n, t in tensors.items() if n.startswith(INNER) and not n.endswith(POSITIONS)},
        {"of": folder.name, source.name: sha256_file(source)},
        folder,
    )
