"""A third-party feature kind: one file outside the repository."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

MODULE = '''"""Depth of the input frame."""

from egoactgen_lego.features.feature_kind import FeatureKind


class Depth(FeatureKind):
    """Depth, as the tokens of another network."""

    name = "depth"
'''
TOKENS, WIDTH = 4, 3  # of a sample's depth features


def write_module(folder: Path) -> Path:
    """Write `depth_kind.py`, whose kind is `-o conditioning=joint+depth_kind:Depth`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "depth_kind.py"
    path.write_text(MODULE, encoding="utf-8")
    return path


def write_distribution(folder: Path) -> None:
    """Write the metadata of an installed package with this kind's entry point."""
    write_module(folder)
    metadata = folder / "depth_kind-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: depth-kind\nVersion: 1.0\n")
    line = "[egoactgen_lego.feature_kinds]\ndepth = depth_kind:Depth\n"
    (metadata / "entry_points.txt").write_text(line)


def write_features(folder: Path, sample_ids: Iterable[str], width: int = 12) -> Path:
    """Write random features of three kinds for each sample, H_i and H_t of a VLLM's `width`."""
    shapes = {"image": (5, width), "text": (6, width), "depth": (TOKENS, WIDTH)}
    for kind, shape in shapes.items():
        (folder / kind).mkdir(parents=True)
        for number, sample_id in enumerate(sample_ids):
            drawn = np.random.default_rng([number, *shape]).standard_normal(shape)
            np.save(folder / kind / f"{sample_id}.npy", drawn.astype(np.float16))
    return folder
