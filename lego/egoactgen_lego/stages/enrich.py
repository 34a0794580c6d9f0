"""The stage `enrich`: a description of each sample of a split, from its frame and its label."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from torch import Tensor

from egoactgen_bench.artifacts.batch_journal import OK, Row
from egoactgen_bench.artifacts.descriptions import load_descriptions, new_descriptions
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import sha256_file, write_csv
from egoactgen_bench.support.seeds import derive_seed
from egoactgen_lego.features.feature_computation import require_computable
from egoactgen_lego.features.feature_files import FeatureWriter
from egoactgen_lego.features.feature_kind import Reading
from egoactgen_lego.lego_manifests import EnrichManifest
from egoactgen_lego.vllm.engine import Engine
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.sample_choice import Sample
from egoactgen_lego.vllm.sampling import Sampling
from egoactgen_lego.vllm.text_generation import Writing, generator_of, one_line
from egoactgen_lego.vllm.vllm_model import PACKAGES
from egoactgen_lego.vllm.vllm_result import VllmOutcome, VllmResult


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
) -> VllmOutcome:
    """Write the split's descriptions `name`; an interrupted call resumes.

    Each sample's words are sampled from its own random stream, derived from `seed`. With
    `features`, H_i and H_t of the generated tokens are saved, too; if the descriptions exist
    already, they are sampled again to compute the features. The last shard to finish writes the
    table.
    """
    if features:
        require_computable(features.kinds)
    stage = Enriching(engine, name, sampling or Sampling(), question, seed, features)
    results = [stage.descriptions, *([stage.saved] if stage.saved else [])]
    for result in results:
        result.begin(overwrite, engine.own)
    engine.work(results, stage.describe, progress)
    done = stage.descriptions.finish(engine.reported, stage.write)
    if stage.saved:
        stage.saved.finish(engine.reported, stage.content)
    return done


@dataclass(frozen=True)
class Enriching:
    """How one call describes a batch of samples, and writes the results of all batches."""

    engine: Engine
    name: str
    sampling: Sampling
    question: str
    seed: int
    features: FeatureWriter | None

    @cached_property
    def plan(self) -> dict[str, Any]:
        """Everything that the descriptions depend on."""
        return {
            "name": self.name,
            **self.engine.plan(),
            "question": self.question,
            "sampling": self.sampling.model_dump(),
            "seed": self.seed,
        }

    @property
    def table(self) -> Path:
        return new_descriptions(self.engine.split.folder, self.name)

    @cached_property
    def descriptions(self) -> VllmResult[EnrichManifest]:
        """The journal of the descriptions."""
        path = self.table.with_suffix(".json")
        return VllmResult(path, EnrichManifest, self.plan, self.engine.batches, elsewhere="--name")

    @cached_property
    def saved(self) -> VllmResult[EnrichManifest] | None:
        """The journal of the features, in their own folder."""
        if self.features is None:
            return None
        plan = self.plan | {"features": self.features.metadata}
        path = self.features.folder / "enrich.json"
        return VllmResult(path, EnrichManifest, plan, self.engine.batches, elsewhere="--features")

    @cached_property
    def known(self) -> dict[str, str]:
        """The descriptions, if an earlier call finished them."""
        finished = self.descriptions.work.finished
        return load_descriptions(self.engine.split.folder, self.name).texts if finished else {}

    def describe(self, samples: list[Sample]) -> list[Row]:
        """The rows of one batch; a frame that cannot be read does not affect the other samples."""
        engine, frames = self.engine, self.engine.frames(samples)
        rows: dict[str, Row] = {
            sample["sample_id"]: _row(sample, frame.code, frame.detail)
            for sample, frame in zip(samples, frames, strict=True)
            if isinstance(frame, SampleError)
        }
        whole = [sample for sample in samples if sample["sample_id"] not in rows]
        if whole:
            seen = [frame for frame in frames if not isinstance(frame, SampleError)]
            images = engine.vllm.image_features(seen)
            questions = [self.question.format(sample["action"]) for sample in whole]
            draws = [generator_of(derive_seed(self.seed, s["sample_id"])) for s in whole]
            writings = engine.vllm.describe(questions, images, self.sampling, draws)
            for sample, frame, image, writing in zip(whole, seen, images, writings, strict=True):
                rows[sample["sample_id"]] = self._described(sample, frame, image, writing)
        return [rows[sample["sample_id"]] for sample in samples]

    def _described(
        self, sample: Sample, frame: Image.Image, image: Tensor, writing: Writing
    ) -> Row:
        sample_id, text = sample["sample_id"], one_line(self.engine.vllm.text(writing))
        if self.known and text != self.known.get(sample_id, ""):
            raise BenchError(
                f"{self.table.name} contains another description of {sample_id} than this call "
                "generates: compute the features of existing descriptions with `bench lego embed`, "
                "or generate all descriptions again with --overwrite."
            )
        if self.features:
            reading = Reading(self.engine.vllm, frame, self.question.format(sample["action"]), text)
            reading.image_states, reading.text_states = image, writing.states
            states = {kind.name: kind.compute(reading) for kind in self.features.kinds}
            self.features.write(sample_id, states)
        status = (OK, "") if text else ("empty_description", "the VLLM generated no text")
        return _row(sample, *status, text, writing.ended)

    def write(self, rows: list[Row]) -> dict[str, Any]:
        """Write the table of all rows; returns the content of its manifest."""
        good = [row for row in rows if row["status"] == OK]
        write_csv(self.table, pd.DataFrame(good, columns=["sample_id", "description"]))
        content = self.content(rows)
        content["counts"]["cut_off"] = sum(not row["ended"] for row in rows)
        return content | {"files": {self.table.name: sha256_file(self.table)}}

    def content(self, rows: list[Row]) -> dict[str, Any]:
        """What both manifests contain about the rows."""
        described = sum(row["status"] == OK for row in rows)
        counts = {"samples": len(rows), "described": described}
        versions = provenance.versions(PACKAGES)
        return {"counts": counts, "toy_weights": self.engine.toy_weights, "versions": versions}


def _row(sample: Sample, status: str, detail: str, text: str = "", ended: bool = True) -> Row:
    return {
        "sample_id": sample["sample_id"],
        "status": status,
        "detail": detail,
        "description": text,
        "ended": ended,
    }
