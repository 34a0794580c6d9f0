"""Keep the shared weights of a workspace in 16 bits, or make a base of kept weights ready for use.

    python -m benchmarks.laboratory.keep_weights MODELS KEPT
    python -m benchmarks.laboratory.keep_weights --ready KEPT BASE

The base shares its autoencoder and its tokenizer with the weights that come with the package.
"""

import argparse
import shutil
from pathlib import Path

from benchmarks.toy_kitchen.ship_weights import copy_halved, without_paths
from egoactgen_bench.artifacts.manifests import TRAIN
from egoactgen_bench.support.files import read_json, sha256_file, write_json
from egoactgen_bench.support.replacing import replacing_folder
from egoactgen_bench.toy import DENOISER_WEIGHTS

BASE = ("unet", "text_encoder", "scheduler")
VLLMS = ("tuned", "blind", "off-the-shelf")


def keep(models: Path, kept: Path) -> None:
    for part in BASE:
        copy_halved(models / "lab-editor" / part, kept / "base" / part)
    for name in ("sampling.json", TRAIN):
        write_json(kept / "base" / name, without_paths(read_json(models / "lab-editor" / name)))
    for name in VLLMS:
        copy_halved(models / f"vllm-lab-{name}", kept / f"vllm-{name}")
        for path in (kept / f"vllm-{name}").glob("*.csv"):
            path.unlink()
    hashes = {
        str(path.relative_to(kept)): sha256_file(path)
        for path in sorted(kept.rglob("*.safetensors"))
    }
    write_json(kept / "weights.json", hashes)


def ready(kept: Path, base: Path) -> None:
    with replacing_folder(base) as new:
        shutil.copytree(kept / "base", new, dirs_exist_ok=True)
        for part in DENOISER_WEIGHTS.iterdir():
            if part.is_dir():
                shutil.copytree(part, new / part.name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ready", action="store_true")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    chosen = parser.parse_args()
    (ready if chosen.ready else keep)(chosen.source, chosen.target)


if __name__ == "__main__":
    main()
