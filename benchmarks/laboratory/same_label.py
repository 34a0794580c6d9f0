"""What the tuned VLLM says of another sample with the same label: its description and features.

    python -m benchmarks.laboratory.same_label SPLIT FEATURES OUT

Writes the set of descriptions `same-label` of SPLIT from its set `tuned`, and links to the files in
FEATURES under the names of the other samples.
"""

import argparse
from collections import defaultdict
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("split", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args()
    split = load_split(chosen.split)
    texts = load_descriptions(split.folder, "tuned").texts
    found = others(split)
    rows = [(name, texts[found[name]]) for name in split.samples["sample_id"]]
    table = pd.DataFrame(rows, columns=["sample_id", "description"])
    write_csv(split.folder / "descriptions" / "same-label.csv", table)
    of = {other: name for name, other in found.items()}
    with replacing_folder(chosen.out) as new:
        for kind in chosen.features.iterdir():
            if not kind.is_dir():
                continue
            (new / kind.name).mkdir()
            for path in kind.iterdir():
                (new / kind.name / f"{of[path.stem]}{path.suffix}").hardlink_to(path)


if __name__ == "__main__":
    main()
