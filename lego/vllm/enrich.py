"""The stage `enrich`: a description of every sample of a split, from its frame and its label."""

from dataclasses import asdict
from typing import Any

import pandas as pd

from egoactgen_bench import provenance
from egoactgen_bench.errors import SampleError
from egoactgen_bench.files import sha256_file, write_csv
from egoactgen_bench.seeds import derive_seed, torch_generator
from lego.features import FeatureWriter
from lego.vllm.generating import Sampling
from lego.vllm.parts import OK, Outcome, Parts, Row
from lego.vllm.prompting import QUESTION
from lego.vllm.work import Engine, Sample

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "pillow")


def enrich(
    engine: Engine,
    name: str,
    *,
    sampling: Sampling | None = None,
    question: str = QUESTION,
    seed: int = 0,
    features: FeatureWriter | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Outcome:
    """Write the split's descriptions `name`, going on where an earlier call was stopped.

    Each sample's words are drawn from its own stream of `seed`. With `features`, H_i and H_t of
    what is written are saved on the way. Of several shards the last to finish writes the table.
    """
    chosen = sampling or Sampling()
    path = engine.split.folder / "descriptions" / f"{name}.csv"
    plan = {"name": name, **engine.plan(), "question": question, "sampling": asdict(chosen)}
    plan |= {"seed": seed, "features": features.told if features else None}
    parts = Parts(path.with_suffix(".json"), plan, engine.batches)
    parts.begin(overwrite, engine.own)

    def describe(samples: list[Sample]) -> list[Row]:
        return _describe(engine, samples, chosen, question, seed, features)

    def write(rows: list[Row]) -> dict[str, Any]:
        good = [row for row in rows if row["status"] == OK]
        write_csv(path, pd.DataFrame(good, columns=["sample_id", "description"]))
        cut_off = sum(not row["ended"] for row in rows)
        return {
            "counts": {"samples": len(rows), "described": len(good), "cut_off": cut_off},
            "files": {path.name: sha256_file(path)},
            "versions": provenance.versions(PACKAGES),
        }

    if not parts.finished:
        engine.work(parts, describe, progress)
    return parts.finish(engine.own, write)


def _describe(
    engine: Engine,
    samples: list[Sample],
    sampling: Sampling,
    question: str,
    seed: int,
    features: FeatureWriter | None,
) -> list[Row]:
    """The rows of one batch; a sample whose frame cannot be read costs itself only."""
    frames = engine.frames(samples)
    rows: dict[str, Row] = {
        sample["sample_id"]: _row(sample, frame.code, frame.detail)
        for sample, frame in zip(samples, frames, strict=True)
        if isinstance(frame, SampleError)
    }
    whole = [sample for sample in samples if sample["sample_id"] not in rows]
    if whole:
        images = engine.vllm.image_features([f for f in frames if not isinstance(f, SampleError)])
        questions = [question.format(sample["action"]) for sample in whole]
        seeds = [derive_seed(seed, sample["sample_id"], "description") for sample in whole]
        generators = [torch_generator(number) for number in seeds]
        writings = engine.vllm.describe(questions, images, sampling, generators)
        for sample, image, writing in zip(whole, images, writings, strict=True):
            text = one_line(engine.vllm.text(writing))
            status = (OK, "") if text else ("empty_description", "the VLLM ended at once")
            rows[sample["sample_id"]] = _row(sample, *status, text, writing.ended)
            if features:
                features.write(sample["sample_id"], image, writing.states)
    return [rows[sample["sample_id"]] for sample in samples]


def one_line(text: str) -> str:
    """A description as a table's cell holds it: in one line, without control characters."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _row(sample: Sample, status: str, detail: str, text: str = "", ended: bool = True) -> Row:
    return {
        "sample_id": sample["sample_id"],
        "status": status,
        "detail": detail,
        "description": text,
        "ended": ended,
    }
