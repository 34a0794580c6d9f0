"""The stage `curate`: instruction data for tuning the VLLM (section 3.1 of the paper)."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench import provenance
from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import read_json, sha256_file, write_csv, write_json
from egoactgen_bench.seeds import derive_seed
from egoactgen_bench.splits import Split
from lego.curation.asking import (
    EXAMPLES,
    Example,
    Query,
    description_in,
    messages,
    read_examples,
)
from lego.curation.box_sources import read_boxes
from lego.curation.boxes import Boxes, Sample
from lego.curation.chat import Chat, NoReply, Reply
from lego.curation.replies import OK, Replies, Row
from lego.vllm.prompting import IMAGE, QUESTIONS

DATA, MANIFEST, PLAN, REPLIES = "instructions.json", "curation.json", "plan.json", "replies.jsonl"


@dataclass(frozen=True)
class Curated:
    """What a curation came to: rows of samples that have no description, and its manifest."""

    folder: Path
    manifest: dict[str, Any]
    lacking: list[Row]


def curate(
    split: Split,
    folder: Path,
    chat: Chat,
    *,
    boxes: Path | None = None,
    examples: Path = EXAMPLES,
    seed: int = 0,
    limit: int | None = None,
    concurrency: int = 8,
    attempts: int = 3,
    overwrite: bool = False,
    progress: Callable[[Replies, int], None] = lambda replies, left: None,
) -> Curated:
    """Ask `chat` for a description of each sample, and write LLaVA's instruction data to `folder`.

    Samples whose description is there are not asked again. A reply that cannot be used is asked
    anew, `attempts` times in all; samples that still lack one are left out of the data and named
    in the result. Images are named from the split's folder on.
    """
    samples: list[Sample] = split.samples[:limit].to_dict("records")  # type: ignore[assignment]
    worked = read_examples(examples)
    known = dict(read_boxes(boxes, samples)) if boxes else {}
    queries = {
        sample["sample_id"]: Query(sample["action"], known.get(sample["sample_id"], Boxes()))
        for sample in samples
        if not boxes or sample["sample_id"] in known
    }
    plan = _plan(split, chat, worked, queries, seed, limit)
    replies = _open(folder, plan, overwrite)
    done = {key for key, row in replies.latest().items() if row["status"] == OK}
    missing = {key: query for key, query in queries.items() if key not in done}
    _ask_all(chat, worked, missing, replies, concurrency, attempts, progress)
    return _finish(split, folder, plan, samples, queries, replies)


def _plan(
    split: Split,
    chat: Chat,
    worked: Sequence[Example],
    queries: Mapping[str, Query],
    seed: int,
    limit: int | None,
) -> dict[str, Any]:
    """All that shapes the data; the conversations by their digest, so that nothing is missed."""
    asked = [[key, messages(worked, query)] for key, query in queries.items()]
    return {
        "split": split.name,
        "fingerprint": split.fingerprint,
        "model": chat.name,
        "conversations_sha256": hashlib.sha256(json.dumps(asked).encode()).hexdigest(),
        "examples": len(worked),
        "seed": seed,
        "limit": limit,
    }


def _open(folder: Path, plan: dict[str, Any], overwrite: bool) -> Replies:
    if overwrite:
        for name in (MANIFEST, DATA, PLAN, REPLIES):
            (folder / name).unlink(missing_ok=True)
    path = folder / PLAN
    if path.is_file():
        found = read_json(path)
        changed = [key for key in plan if found.get(key) != plan[key]]
        if changed:
            raise BenchError(
                f"{folder} holds a curation that differs in {', '.join(changed)}: "
                "name this one with --name, or replace that one with --overwrite."
            )
    elif folder.exists() and any(folder.iterdir()):
        raise BenchError(f"{folder} is not empty and holds no curation: give another --out.")
    write_json(path, plan)
    return Replies(folder / REPLIES)


def _ask_all(
    chat: Chat,
    worked: Sequence[Example],
    queries: Mapping[str, Query],
    replies: Replies,
    concurrency: int,
    attempts: int,
    progress: Callable[[Replies, int], None],
) -> None:
    """Ask for each description, at most `concurrency` at a time, noting replies as they come."""
    tried = dict.fromkeys(queries, 0)
    waiting = iter(queries)
    left = len(queries)
    with ThreadPoolExecutor(concurrency) as threads:
        running: dict[Future[Row], str] = {}

        def send(keys: Iterator[str]) -> None:
            for key in keys:
                tried[key] += 1
                asked = messages(worked, queries[key])
                running[threads.submit(_ask, chat, key, asked)] = key

        send(islice(waiting, concurrency))
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                key = running.pop(future)
                row = future.result()
                replies.add(row)
                again = row["status"] not in (OK, "no_reply") and tried[key] < attempts
                left -= not again
                progress(replies, left)
                send(iter([key]) if again else islice(waiting, 1))


def _ask(chat: Chat, sample_id: str, asked: Sequence[dict[str, str]]) -> Row:
    """One reply as a row; no reply at all is one, too."""
    try:
        reply = chat.ask(asked)
    except NoReply as error:
        return _row(sample_id, "no_reply", str(error), Reply("", False, 0, 0))
    if not reply.ended:
        return _row(sample_id, "cut_off", "the reply does not come to its end", reply)
    try:
        description_in(reply.text)
    except ValueError as error:
        return _row(sample_id, "malformed", str(error), reply)
    return _row(sample_id, OK, "", reply)


def _row(sample_id: str, status: str, detail: str, reply: Reply) -> Row:
    return {
        "sample_id": sample_id,
        "status": status,
        "detail": detail,
        "reply": reply.text,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
    }


def _finish(
    split: Split,
    folder: Path,
    plan: dict[str, Any],
    samples: Sequence[Sample],
    queries: Mapping[str, Query],
    replies: Replies,
) -> Curated:
    """Write the data, then the manifest."""
    latest = replies.latest()
    without_boxes = {"status": "no_boxes", "detail": "the boxes tell nothing of it"}
    data, lacking = [], []
    for sample in samples:
        key = sample["sample_id"]
        row = latest[key] if key in queries else {"sample_id": key, **without_boxes}
        if row["status"] == OK:
            data.append(instruction(sample, description_in(row["reply"]), plan["seed"]))
        else:
            lacking.append(row)
    write_json(folder / DATA, data)
    tokens_in, tokens_out = replies.tokens()
    manifest = plan | {
        "counts": {"samples": len(samples), "described": len(data), "lacking": len(lacking)},
        "replies": replies.counts(),
        "tokens": {"in": tokens_in, "out": tokens_out},
        "images": f"relative to the folder of the split {split.name}",
        "versions": provenance.versions(("openai", "transformers")),
    }
    write_json(folder / MANIFEST, manifest)
    return Curated(folder, manifest, lacking)


def write_descriptions(split: Split, name: str, done: Curated) -> None:
    """Write the sentences of a curation as the split's descriptions `name`, too."""
    path = split.folder / "descriptions" / f"{name}.csv"
    data = read_json(done.folder / DATA)
    rows = [(entry["id"], entry["conversations"][1]["value"]) for entry in data]
    write_csv(path, pd.DataFrame(rows, columns=["sample_id", "description"]))
    told = {"name": name, "curation": done.manifest, "files": {path.name: sha256_file(path)}}
    write_json(path.with_suffix(".json"), told)


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
