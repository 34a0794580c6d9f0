"""Reduce a prepared split to what may be published: ids and times, no narrations.

Of a split with frames also their fingerprint, and the libraries that made them; of a small one
without a licence also its boxes.

python splits/publish.py workspace/splits/epic-kitchens-val splits/epic-kitchens-val
"""

import sys
from pathlib import Path

from egoactgen_bench.artifacts.sample_boxes import BOXES
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.files import sha256_file, write_csv, write_json

COLUMNS = ["sample_id", "video_id", "t_start", "t_end", "t_input", "t_target"]
KEYS = ("format", "name", "dataset", "subset", "recipe", "counts", "fingerprint", "egovlp")
FRAME_KEYS = ("frames_fingerprint", "versions")
FEW = 1000  # samples, of which the frames' hashes are small enough to be kept one by one
HASHES = ["input_sha256", "target_sha256"]


def publish(prepared: Path, standard: Path) -> None:
    """Write `standard`: samples.csv, rejected.csv and, last, split.json."""
    split = load_split(prepared)
    with_frames = split.frames_fingerprint is not None
    hashes = HASHES if with_frames and len(split.samples) <= FEW else []
    write_csv(standard / "samples.csv", split.samples[COLUMNS + hashes])
    rejected = (prepared / "rejected.csv").read_bytes()
    (standard / "rejected.csv").write_bytes(rejected)
    known = split.manifest.model_dump(mode="json")
    manifest = {key: known[key] for key in (*KEYS, *FRAME_KEYS * with_frames)}
    names = ["samples.csv", "rejected.csv"]
    if hashes and known["boxes"] and known["licence"] is None:
        (standard / BOXES).write_bytes((prepared / BOXES).read_bytes())
        manifest["boxes"] = known["boxes"]
        names.append(BOXES)
    manifest["files"] = {name: sha256_file(standard / name) for name in names}
    write_json(standard / "split.json", manifest)


if __name__ == "__main__":
    publish(Path(sys.argv[1]), Path(sys.argv[2]))
