"""Enriched action descriptions of a split: `descriptions/<name>.csv`."""

from dataclasses import dataclass
from pathlib import Path

from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.support.files import read_csv, read_json, sha256_file
from egoactgen_bench.support.regular_files import owned_path


@dataclass(frozen=True)
class Descriptions:
    """One set of descriptions: its name, its file's sha256, sample id → description."""

    name: str
    sha256: str
    texts: dict[str, str]
    toy_weights: bool = False  # whether their manifest says that toy weights generated them


def load_descriptions(split_folder: Path, name: str) -> Descriptions:
    """Read a set of descriptions of a split; samples with an empty cell have no description.

    Raises `BenchError` if it is missing or malformed.
    """
    folder = split_folder / "descriptions"
    path = folder / f"{name}.csv"
    known = [path.stem for path in folder.glob("*.csv")]
    if name not in known:
        raise BenchError(
            f"Split '{split_folder.name}' has no descriptions '{name}'."
            + (did_you_mean(name, known) if known else f" They belong in {path}.")
        )
    path = owned_path(split_folder, f"descriptions/{name}.csv")
    table = read_csv(path, ("sample_id", "description"), dtype=str)
    repeated = table["sample_id"][table["sample_id"].duplicated()]
    if len(repeated):
        raise BenchError(f"{path} lists sample '{repeated.iloc[0]}' twice.")
    pairs = zip(table["sample_id"], table["description"], strict=True)
    texts = {key: text for key, text in pairs if text}
    return Descriptions(name, sha256_file(path), texts, records_toy_weights(path))


def records_toy_weights(path: Path) -> bool:
    """Whether the manifest of a set of descriptions or features, if any, records toy weights."""
    manifest = path.with_suffix(".json")
    content = read_json(manifest) if manifest.is_file() else None
    return isinstance(content, dict) and content.get("toy_weights") is True


def new_descriptions(split_folder: Path, name: str) -> Path:
    """The path of a set of descriptions to be written, next to its manifest.

    Raises `BenchError` if it would be written to another place than the split.
    """
    return owned_path(split_folder, f"descriptions/{name}.csv")


def descriptions_of(
    split: Split, name: str | None, notices: list[str] | None = None
) -> Descriptions | None:
    """The set `name`; by default the split's only set, if it describes every sample, else None.

    Appends to `notices` that the only set was not used.
    """
    if name is not None:
        return load_descriptions(split.folder, name)
    known = sorted(path.stem for path in (split.folder / "descriptions").glob("*.csv"))
    if len(known) != 1:
        return None
    found = load_descriptions(split.folder, known[0])
    ids = split.samples["sample_id"]
    described = int(ids.isin(found.texts).sum())
    if described == len(ids):
        return found
    if notices is not None:
        notices.append(
            f"warning: the descriptions '{found.name}' are not used, as they describe only "
            f"{described:,} of the split's {len(ids):,} samples: pass --descriptions {found.name} "
            "to use them."
        )
    return None
