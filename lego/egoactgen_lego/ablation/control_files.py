"""Uninformative descriptions and features, written as files next to the real ones.

Methods and trainers read them like any others. Comparing with them separates what the content of
the real ones contributes from what merely having more input contributes.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from egoactgen_bench.artifacts.descriptions import load_descriptions, new_descriptions
from egoactgen_bench.artifacts.manifests import DescriptionsManifest
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.support.files import read_json, sha256_file, write_csv
from egoactgen_bench.support.outside_links import refuse_outside_links
from egoactgen_bench.support.seeds import derive_seed, torch_generator
from egoactgen_lego.features.conditioning_names import paper_kinds
from egoactgen_lego.features.feature_files import FeatureWriter
from egoactgen_lego.features.feature_folder import FeatureFolder
from egoactgen_lego.features.feature_kind import FeatureKind
from egoactgen_lego.lego_manifests import ControlManifest

MEASURED = 1000  # samples from which the statistics of features are computed


def partners(sample_ids: list[str], seed: int) -> dict[str, str]:
    """Another sample for each one, each used once: the next one in an order drawn from `seed`."""
    order = sorted(sample_ids, key=lambda sample_id: derive_seed(seed, sample_id, "shuffle"))
    return dict(zip(order, order[1:] + order[:1], strict=True))


def shuffle_descriptions(split: Split, name: str, seed: int = 0) -> str:
    """Write the split's descriptions `<name>-shuffled` and return their name.

    Each sample gets the description of another sample.
    """
    real = load_descriptions(split.folder, name)
    made = f"{name}-shuffled"
    path = new_descriptions(split.folder, made)
    origin = {"name": made, "shuffled": name, "source_sha256": real.sha256, "seed": seed}
    if not _is_current(path.with_suffix(".json"), origin):
        others = partners(list(real.texts), seed)
        rows = [(sample_id, real.texts[others[sample_id]]) for sample_id in real.texts]
        write_csv(path, pd.DataFrame(rows, columns=["sample_id", "description"]))
        files = {path.name: sha256_file(path)}
        manifest = DescriptionsManifest.model_validate(origin | {"files": files})
        manifest.save(path.with_suffix(".json"))
    return made


def randomise_features(
    real: Path, folder: Path, kinds: tuple[FeatureKind, ...] | None = None, seed: int = 0
) -> Path:
    """Write noise with the statistics of the features in `real` to `folder`, and return it.

    Each dimension keeps its mean and its standard deviation over tokens and samples; features that
    vary in length are as long as another sample's. A sample's numbers are drawn from `seed` and its
    id. `kinds` are the paper's by default.
    """
    kinds = kinds or paper_kinds()
    refuse_outside_links(folder)
    found = FeatureFolder(real, kinds)
    origin = {"randomised": real.name, "source": found.digest(), "seed": seed}
    if _is_current(folder / "random.json", origin):
        return folder
    sizes = {kind.tokens_name: kind.tokens for kind in kinds if kind.tokens} | found.sizes()
    ids = [sample_id for sample_id in found.sample_ids() if not found.lacks(sample_id)]
    others = partners(ids, seed)
    moments = _moments(found, sizes, list(others)[:MEASURED])
    # bfloat16: drawn numbers may lie beyond float16's 65,504.
    writer = FeatureWriter(folder, dtype="bfloat16", kinds=kinds)
    for sample_id in ids:
        draw = torch_generator(derive_seed(seed, sample_id, "random features"))
        other = found.of(others[sample_id], sizes)
        lengths = {
            kind.name: len(_written(other[kind.name]) if kind.varies else other[kind.name])
            for kind in kinds
        }
        made = {
            name: mean + spread * torch.randn(lengths[name], len(mean), generator=draw)
            for name, (mean, spread) in moments.items()
        }
        writer.write(sample_id, made)
    ControlManifest.model_validate(origin).save(folder / "random.json")
    return folder


def _moments(
    found: FeatureFolder, sizes: dict[str, int], ids: list[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """By kind the mean and standard deviation, each (width,), over all tokens of these samples."""
    sums = {name: np.zeros((3, sizes[kind.width_name])) for name, kind in found.kinds.items()}
    for sample_id in ids:
        for name, states in found.of(sample_id, sizes).items():
            # float64: the spread is the small difference of large sums of squares.
            values = _written(states).numpy().astype(np.float64)
            sums[name] += [np.full(values.shape[1], len(values)), values.sum(0), (values**2).sum(0)]
    moments = {}
    for name, (count, total, squares) in sums.items():
        mean = total / count
        spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
        moments[name] = torch.tensor(mean).float(), torch.tensor(spread).float()
    return moments


def _written(states: Tensor) -> Tensor:
    """The states without the zeros at the end that pad a text."""
    rows = states.abs().sum(dim=1).nonzero()
    return states[: int(rows.max()) + 1 if len(rows) else 0]


def _is_current(manifest: Path, origin: dict[str, object]) -> bool:
    """Whether the existing files were made from the same source with the same seed."""
    found = read_json(manifest) if manifest.is_file() else None
    return isinstance(found, dict) and origin.items() <= found.items()
