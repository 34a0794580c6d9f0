"""Reduce a prepared split of times to what may be published: ids and times, no narrations.

python splits/publish.py workspace/splits/epic-kitchens-val splits/epic-kitchens-val
"""

import sys
from pathlib import Path

from egoactgen_bench.files import sha256_file, write_csv, write_json
from egoactgen_bench.splits import load_split

COLUMNS = ["sample_id", "video_id", "t_start", "t_end", "t_input", "t_target"]
KEYS = ("name", "dataset", "subset", "recipe", "counts", "fingerprint", "egovlp")


def publish(prepared: Path, standard: Path) -> None:
    """Write `standard`: samples.csv, rejected.csv and, last, split.json."""
    split = load_split(prepared)
    write_csv(standard / "samples.csv", split.samples[COLUMNS])
    rejected = (prepared / "rejected.csv").read_bytes()
    (standard / "rejected.csv").write_bytes(rejected)
    manifest = {key: split.manifest[key] for key in KEYS}
    manifest["files"] = {
        name: sha256_file(standard / name) for name in ("samples.csv", "rejected.csv")
    }
    write_json(standard / "split.json", manifest)


if __name__ == "__main__":
    publish(Path(sys.argv[1]), Path(sys.argv[2]))
