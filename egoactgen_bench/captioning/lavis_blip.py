"""BLIP through salesforce-lavis, which runs in its own process and environment."""

import atexit
import csv
import functools
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from egoactgen_bench.captioning.captioner import Captioner, Decoding
from egoactgen_bench.captioning.lavis_environment import (
    REQUIREMENTS,
    WORKER,
    Environment,
    last_words,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.provenance import content_digest, versions
from egoactgen_bench.support.replacing import replacing, temporary_folder


@dataclass(frozen=True)
class LavisCaptioner(Captioner):
    """LAVIS's BlipCaption in eval mode.

    `weights` is a checkpoint of BLIP's authors or a transformers folder, which is converted.
    """

    weights: Path
    vocabulary: Path
    decoding: Decoding
    device: str
    workspace: Path

    def signature(self) -> str:
        digests = (content_digest(path) for path in (self.weights, self.vocabulary))
        libraries = f"{sha256_file(REQUIREMENTS)[:12]},torch-{versions(['torch'])['torch']}"
        return f"lavis|{'|'.join(digests)}|{libraries}|{self.decoding.signature()}|eval"

    def caption(self, frames: Sequence[Image.Image]) -> list[str]:
        if not frames:
            return []
        workspace = self.workspace.absolute()
        job = {
            "weights": str(_checkpoint(self.weights, workspace / "cache" / "lavis")),
            "decoding": asdict(self.decoding),
            "device": self.device,
        }
        return _worker(workspace, self.vocabulary).caption(frames, job)


class Worker:
    """A running LAVIS process, which ends with this one."""

    def __init__(self, workspace: Path, vocabulary: Path) -> None:
        environment = Environment.of(workspace)
        if not environment.ready:
            raise BenchError(f"{environment.folder} is incomplete: run `bench setup lavis`.")
        scratch = workspace / "cache" / "lavis"
        self._scratch = ExitStack()
        self.folder = self._scratch.enter_context(temporary_folder(scratch, "worker"))
        tokenizer = self.folder / "bert-base-uncased"  # the name that LAVIS loads
        tokenizer.mkdir()
        (tokenizer / "vocab.txt").write_bytes(vocabulary.read_bytes())
        self._log = (self.folder / "worker.log").open("wb")
        self._process = subprocess.Popen(
            # -I: neither PYTHONPATH nor the current folder may shadow LAVIS's libraries.
            [environment.python, "-I", "-W", "ignore", WORKER],
            cwd=self.folder,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        atexit.register(self.close)

    def caption(self, frames: Sequence[Image.Image], job: Mapping[str, object]) -> list[str]:
        """Write frames and a job, wait for the worker, and read the captions."""
        paths = [self.folder / f"{number}.png" for number in range(len(frames))]
        for path, frame in zip(paths, frames, strict=True):
            frame.save(path, compress_level=1)
        table, order = self.folder / "captions.csv", self.folder / "job.json"
        table.unlink(missing_ok=True)
        files = {"frames": [path.name for path in paths], "captions": table.name}
        order.write_text(json.dumps({**job, **files}), encoding="utf-8")
        if (answer := self._ask(order.name)) != "done":
            name = Path(str(job["weights"])).name
            raise BenchError(f"LAVIS could not caption with {name}: {answer}")
        with table.open(newline="", encoding="utf-8") as stream:
            return [row["caption"].strip() for row in csv.DictReader(stream)]

    def _ask(self, order: str) -> str:
        """The worker's answer, or the last error in its log if it died."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{order}\n")
            self._process.stdin.flush()
        if answer := self._process.stdout.readline().strip():
            return answer
        return last_words((self.folder / "worker.log").read_text("utf-8", errors="replace"))

    def close(self) -> None:
        """End the process and remove its files."""
        self._process.kill()
        self._process.wait()
        self._log.close()
        self._scratch.close()


# One process for all batches, as LAVIS takes longer to start than to caption one of them.
@functools.cache
def _worker(workspace: Path, vocabulary: Path) -> Worker:
    return Worker(workspace, vocabulary)


def _checkpoint(weights: Path, cache: Path) -> Path:
    """The weights as a file in the authors' format; a folder is converted once."""
    if weights.is_file():
        return weights.absolute()
    converted = cache / f"{content_digest(weights)[:24]}.pth"
    if not converted.is_file():
        import torch

        from egoactgen_bench.captioning.blip_names import released_state
        from egoactgen_bench.captioning.transformers_blip import read_blip

        state = released_state(read_blip(weights).state_dict())
        with replacing(converted) as unfinished:
            torch.save({"model": state}, unfinished)
    return converted
