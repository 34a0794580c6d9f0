"""The descriptions and features of two control arms, made from those of other samples or splits.

    python -m benchmarks.laboratory.control_inputs same-label SPLIT FEATURES OUT
    python -m benchmarks.laboratory.control_inputs blind SPLIT GREY

`same-label`: what the tuned VLLM says of another sample with the same action. Writes the set of
descriptions `same-label` of SPLIT from its set `tuned`, and links to the files in FEATURES under
the names of the other samples. `blind`: copies the descriptions of the grey split.
"""

import argparse
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.support.replacing import replacing_folder
from egoactgen_lego.ablation.control_files import partners


def others(split: Split) -> dict[str, str]:
    """Another sample with the same action for each sample, each used once.

    Of an action with a single sample, the sample itself.
    """
    groups = defaultdict(list)
    for sample_id, facts in split.truth().items():
        groups[facts["action"]].append(sample_id)
    return {name: other for group in groups.values() for name, other in partners(group, 0).items()}


def same_label(split: Split, features: Path, out: Path) -> None:
    texts = load_descriptions(split.folder, "tuned").texts
    found = others(split)
    _write(split, "same-label", {name: texts[other] for name, other in found.items()})
    of = {other: name for name, other in found.items()}
    with replacing_folder(out) as new:
        for kind in ("image", "text"):
            (new / kind).mkdir()
            for path in (features / kind).iterdir():
                (new / kind / f"{of[path.stem]}{path.suffix}").hardlink_to(path)
        shutil.copyfile(features / "enrich.json", new / "enrich.json")


def blind(split: Split, grey: Split) -> None:
    _write(split, "blind", load_descriptions(grey.folder, "blind").texts)


def _write(split: Split, name: str, texts: dict[str, str]) -> None:
    rows = [(sample_id, texts[sample_id]) for sample_id in split.samples["sample_id"]]
    table = pd.DataFrame(rows, columns=["sample_id", "description"])
    write_csv(split.folder / "descriptions" / f"{name}.csv", table)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    one, two = kinds.add_parser("same-label"), kinds.add_parser("blind")
    for each in (one, two):
        each.add_argument("split", type=Path)
    one.add_argument("features", type=Path)
    one.add_argument("out", type=Path)
    two.add_argument("grey", type=Path)
    chosen = parser.parse_args(words)
    split = load_split(chosen.split)
    if chosen.kind == "blind":
        blind(split, load_split(chosen.grey))
    else:
        same_label(split, chosen.features, chosen.out)


if __name__ == "__main__":
    main()
