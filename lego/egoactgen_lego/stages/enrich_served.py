"""The stage `enrich` with a model behind an OpenAI-compatible API."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.descriptions import new_descriptions
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.endpoints.chat_endpoint import ChatReply, chat, user_message
from egoactgen_bench.endpoints.endpoint_client import EndpointClient
from egoactgen_bench.endpoints.input_images import InputImage
from egoactgen_bench.endpoints.reply_records import endpoint_record
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import sha256_file, write_csv
from egoactgen_bench.support.seeds import derive_seed
from egoactgen_lego.curation.replies import OK, Replies, Row, failed_row, reply_row
from egoactgen_lego.curation.requesting import Progress, Requesting
from egoactgen_lego.lego_manifests import EnrichManifest
from egoactgen_lego.vllm.sample_choice import Sample, SampleChoice, input_frame
from egoactgen_lego.vllm.sampling import Sampling
from egoactgen_lego.vllm.text_generation import one_line

REPLIES = "replies.jsonl"
SEEDS = 1 << 31  # servers take a signed 32-bit integer


@dataclass(frozen=True)
class ServedEnriching:
    """How a served model describes the samples of a split; `run` writes the split's descriptions.

    The replies are in `descriptions/<name>.parts/`, from which an interrupted call resumes. Each
    sample has its own seed, which the server may ignore. `top_k` is not a parameter of the API.
    """

    split: Split
    client: EndpointClient
    name: str
    sampling: Sampling
    question: str
    seed: int
    limit: int | None

    @cached_property
    def choice(self) -> SampleChoice:
        return SampleChoice(self.split, self.limit)

    @property
    def table(self) -> Path:
        return new_descriptions(self.split.folder, self.name)

    @property
    def plan(self) -> dict[str, Any]:
        """Everything that the descriptions depend on."""
        return {
            "name": self.name,
            "split": self.split.name,
            "fingerprint": self.split.fingerprint,
            "frames_fingerprint": self.split.frames_fingerprint,
            "vllm": self.client.model,
            "weights": {},
            "limit": self.limit,
            "drawn": self.choice.drawn,
            "question": self.question,
            "sampling": self.sampling.model_dump(exclude={"top_k"}),
            "seed": self.seed,
        }

    def run(
        self, concurrency: int, attempts: int, overwrite: bool, progress: Progress
    ) -> EnrichManifest:
        """Describe the samples that have no description yet, and write the table of all.

        Raises `BenchError` for invalid calls, and if a limit of the client is reached; all replies
        are kept.
        """
        self.split.require_frames()
        parts = self.table.with_suffix(".parts")
        work: WorkFolder[EnrichManifest] = WorkFolder(
            self.table.with_suffix(".json"),
            EnrichManifest,
            self.plan,
            parts / PLAN,
            elsewhere="--name",
            shared=True,
        )
        work.begin(overwrite, lambda: _forget(parts))
        work.reopen()
        replies = Replies(parts / REPLIES)
        done = {key for key, row in replies.latest().items() if row["status"] == OK}
        missing = {
            sample["sample_id"]: sample
            for sample in self.choice.samples
            if sample["sample_id"] not in done
        }

        def ask(sample_id: str, draw: int) -> Row:
            return self._described(missing[sample_id], draw)

        Requesting(concurrency, attempts).all(ask, missing, replies, progress)
        return work.finish(self._written(replies))

    def _described(self, sample: Sample, draw: int) -> Row:
        """The row of one reply, whose text is the description on one line."""
        sample_id = sample["sample_id"]
        frame = input_frame(self.split, sample)
        if isinstance(frame, SampleError):
            return failed_row(sample_id, frame)
        try:
            reply = self._reply(sample, InputImage(frame), draw)
        except SampleError as error:
            return failed_row(sample_id, error)
        if not one_line(reply.text):
            return reply_row(sample_id, "empty_description", "the model generated no text", reply)
        # As with a local VLLM, a description that was cut off is used, and counted.
        return reply_row(sample_id, OK, "" if reply.ended else "cut_off", reply)

    def _reply(self, sample: Sample, frame: InputImage, draw: int) -> ChatReply:
        question = self.question.format(sample["action"])
        return chat(
            self.client,
            [user_message(question, [frame])],
            draw=draw,
            temperature=self.sampling.temperature,
            max_tokens=self.sampling.max_new_tokens,
            seed=derive_seed(self.seed, sample["sample_id"], str(draw)) % SEEDS,
        )

    def _written(self, replies: Replies) -> dict[str, Any]:
        """Write the table; returns the content of the manifest."""
        latest = replies.latest()
        rows = [latest[sample["sample_id"]] for sample in self.choice.samples]
        good = [row for row in rows if row["status"] == OK]
        texts = [(row["sample_id"], one_line(row["reply"])) for row in good]
        write_csv(self.table, pd.DataFrame(texts, columns=["sample_id", "description"]))
        tallies = [replies.tally(self.client.address.host)]
        record = endpoint_record(self.client.model, tallies, self.client.budget.prices)
        return {
            "counts": {
                "samples": len(rows),
                "described": len(good),
                "cut_off": sum(row["detail"] == "cut_off" for row in good),
            },
            "failed": [
                {key: row[key] for key in ("sample_id", "status", "detail")}
                for row in rows
                if row["status"] != OK
            ],
            "reproducible_by_seed": False,
            "endpoint": record.model_dump(mode="json"),
            "versions": provenance.versions(("openai",)),
            "files": {self.table.name: sha256_file(self.table)},
        }


def _forget(parts: Path) -> None:
    """Remove the replies of an earlier call, and what a local VLLM left."""
    for path in parts.iterdir():
        if path.name != PLAN:
            path.unlink()
