"""Whether weights in a folder are whole: their hashes, and what their files themselves show."""

from pathlib import Path

from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.placeholder_files import refuse_placeholder
from egoactgen_bench.support.provenance import files_in
from egoactgen_bench.weights.foreign_checkpoints import check_archive
from egoactgen_bench.weights.stored_tensors import check_safetensors
from egoactgen_bench.weights.weights_registry import differences

ARCHIVES = (".pth", ".pt", ".bin", ".ckpt")  # of PyTorch


def problems_of(weights: PublishedWeights, folder: Path) -> list[str] | None:
    """What is wrong with weights in a folder, one sentence each; None if they are absent.

    A file that is not whole gives one sentence, with the remedy, in place of its hash.
    """
    different = differences(weights, folder)
    if different is None:
        return None
    path = folder / weights.name
    found: list[str] = []
    for file in files_in(path):
        try:
            check_whole(file)
        except BenchError as error:
            found.append(str(error).rstrip("."))
            name = weights.name if path.is_file() else file.relative_to(path).as_posix()
            different = [line for line in different if not line.startswith(f"{name}: ")]
    return found + different


def check_whole(path: Path) -> None:
    """Raise `BenchError` for a pointer of Git LFS, a web page, and tensors that were cut."""
    if path.suffix == ".safetensors":
        check_safetensors(path)
    elif path.suffix in ARCHIVES:
        check_archive(path)
    else:
        refuse_placeholder(path)
