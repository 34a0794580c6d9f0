"""The stage `curate`: instruction data for tuning the VLLM (section 3.1 of the paper)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.api.options import chosen
from egoactgen_bench.artifacts.descriptions import new_descriptions
from egoactgen_bench.artifacts.manifests import DescriptionsManifest
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.boxes.box_sources import read_boxes
from egoactgen_bench.boxes.named_boxes import Boxes, Sample
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import (
    read_json,
    sha256_bytes,
    sha256_file,
    write_csv,
    write_json,
)
from egoactgen_bench.support.sample_drawing import draw_samples, drawing_record
from egoactgen_bench.support.seeds import derive_seed
from egoactgen_lego.curation.asking import (
    Example,
    Message,
    Query,
    description_in,
    messages,
    read_examples,
)
from egoactgen_lego.curation.chat import Chat
from egoactgen_lego.curation.replies import OK, Replies, Row, failed_row, reply_row
from egoactgen_lego.curation.requesting import Progress, Requesting
from egoactgen_lego.lego_manifests import CURATION, CurationManifest
from egoactgen_lego.options.curate_options import CurateOptions
from egoactgen_lego.vllm.prompting import IMAGE, QUESTIONS

DATA, REPLIES = "instructions.json", "replies.jsonl"


@dataclass(frozen=True)
class CurationResult:
    """The result of a curation: its manifest, and the rows of samples without a description."""

    folder: Path
    manifest: CurationManifest
    lacking: list[Row]


def curate(
    split: Split,
    folder: Path,
    chat: Chat,
    settings: CurateOptions | None = None,
    *,
    progress: Progress = lambda replies, left: None,
    **choices: Any,
) -> CurationResult:
    """Have `chat` describe each sample, and write LLaVA's instruction data to `folder`.

    Samples that already have a description are skipped. After an unusable reply the request is
    repeated, up to `attempts` requests in total; samples without a usable reply are left out of the
    data and named in the result. Paths of images are relative to the split's folder. `settings` and
    `choices` are fields of `CurateOptions`; `choices` override `settings`.
    """
    asked = chosen(CurateOptions, settings, choices, "curate")
    drawn = draw_samples(split.samples, asked.limit, asked.seed)
    samples: list[Sample] = drawn.to_dict("records")  # type: ignore[assignment]
    worked = read_examples(asked.examples)
    known = dict(read_boxes(asked.boxes, samples)) if asked.boxes else {}
    queries = {
        sample["sample_id"]: Query(sample["action"], known.get(sample["sample_id"], Boxes()))
        for sample in samples
        if not asked.boxes or sample["sample_id"] in known
    }
    work = WorkFolder(
        folder / CURATION,
        CurationManifest,
        _plan(split, chat, worked, queries, asked),
        folder / PLAN,
        elsewhere="--name or --out",
    )
    work.begin(asked.overwrite, lambda: _forget(folder))
    work.reopen()
    replies = Replies(folder / REPLIES)
    done = {key for key, row in replies.latest().items() if row["status"] == OK}
    missing = {key: query for key, query in queries.items() if key not in done}

    def ask(sample_id: str, draw: int) -> Row:
        return _ask(chat, sample_id, messages(worked, missing[sample_id]), draw)

    Requesting(asked.concurrency, asked.attempts).all(ask, missing, replies, progress)
    return _finish(split, work, samples, queries, replies, chat.origin(replies))


def _forget(folder: Path) -> None:
    for name in (CURATION, DATA, REPLIES):
        (folder / name).unlink(missing_ok=True)


def _plan(
    split: Split,
    chat: Chat,
    worked: Sequence[Example],
    queries: Mapping[str, Query],
    options: CurateOptions,
) -> dict[str, Any]:
    """Everything that the data depends on; the conversations by their hash."""
    conversations = [[key, messages(worked, query)] for key, query in queries.items()]
    return {
        "split": split.name,
        "fingerprint": split.fingerprint,
        "model": chat.name,
        "conversations_sha256": sha256_bytes(json.dumps(conversations).encode()),
        "examples": len(worked),
        "seed": options.seed,
        "limit": options.limit,
        "drawn": drawing_record(len(split.samples), options.limit, options.seed),
    }


def _ask(chat: Chat, sample_id: str, asked: Sequence[Message], draw: int) -> Row:
    """One reply as a row; a failed request gives a row, too."""
    try:
        # With the sample, as two of them may ask the same and yet are to be described separately.
        reply = chat.ask(asked, f"{sample_id} {draw}")
    except SampleError as error:
        return failed_row(sample_id, error)
    if not reply.ended:
        return reply_row(sample_id, "cut_off", "the reply exceeds the maximum length", reply)
    try:
        description_in(reply.text)
    except ValueError as error:
        return reply_row(sample_id, "malformed", str(error), reply)
    return reply_row(sample_id, OK, "", reply)


def _finish(
    split: Split,
    work: WorkFolder[CurationManifest],
    samples: Sequence[Sample],
    queries: Mapping[str, Query],
    replies: Replies,
    origin: Mapping[str, Any],
) -> CurationResult:
    """Write the data, then the manifest; `origin` are the fields about the model's server."""
    latest = replies.latest()
    without_boxes = {"status": "no_boxes", "detail": "no boxes for this sample"}
    data, lacking = [], []
    for sample in samples:
        key = sample["sample_id"]
        row = latest[key] if key in queries else {"sample_id": key, **without_boxes}
        if row["status"] == OK:
            text = description_in(row["reply"])
            data.append(instruction(sample, text, work.plan["seed"]))
        else:
            lacking.append(row)
    write_json(work.folder / DATA, data)
    manifest = work.finish(
        {
            "counts": {"samples": len(samples), "described": len(data), "lacking": len(lacking)},
            "replies": replies.counts(),
            "tokens": {"in": replies.usage.tokens_in, "out": replies.usage.tokens_out},
            **origin,
            "images": f"relative to the folder of the split {split.name}",
            "versions": provenance.versions(("openai", "transformers")),
        }
    )
    return CurationResult(work.folder, manifest, lacking)


def write_descriptions(split: Split, name: str, done: CurationResult) -> None:
    """Write the sentences of a curation as the split's descriptions `name`."""
    path = new_descriptions(split.folder, name)
    data = read_json(done.folder / DATA)
    try:
        rows = [(entry["id"], entry["conversations"][1]["value"]) for entry in data]
    except (KeyError, IndexError, TypeError) as error:
        raise BenchError(
            f"{done.folder / DATA} is not the instruction data of a curation ({error!r}): make it "
            "again with --overwrite."
        ) from None
    write_csv(path, pd.DataFrame(rows, columns=["sample_id", "description"]))
    DescriptionsManifest.model_validate(
        {
            "name": name,
            "curation": done.manifest.model_dump(mode="json"),
            "files": {path.name: sha256_file(path)},
        }
    ).save(path.with_suffix(".json"))


def instruction(sample: Sample, description: str, seed: int) -> dict[str, Any]:
    """One entry of LLaVA's instruction data, with one of the question templates."""
    sample_id = sample["sample_id"]
    template = QUESTIONS[derive_seed(seed, sample_id, "question") % len(QUESTIONS)]
    return {
        "id": sample_id,
        "image": sample["input_frame"],
        "action": sample["action"],
        "conversations": [
            {"from": "human", "value": f"{IMAGE}\n{template.format(sample['action'])}"},
            {"from": "gpt", "value": description},
        ],
    }
