"""The stage `embed`: H_i and H_t for existing descriptions, whatever their source."""

from pathlib import Path
from typing import Any

from PIL import Image

from egoactgen_bench.artifacts.batch_journal import OK, Row
from egoactgen_bench.artifacts.descriptions import Descriptions
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support import provenance
from egoactgen_lego.features.feature_computation import Embedder, require_computable
from egoactgen_lego.features.feature_files import FeatureWriter
from egoactgen_lego.lego_manifests import EmbedManifest
from egoactgen_lego.vllm.engine import Engine
from egoactgen_lego.vllm.prompting import QUESTION
from egoactgen_lego.vllm.sample_choice import Sample
from egoactgen_lego.vllm.vllm_model import PACKAGES
from egoactgen_lego.vllm.vllm_result import VllmOutcome, VllmResult


def embed(
    engine: Engine,
    descriptions: Descriptions,
    features: FeatureWriter,
    *,
    question: str = QUESTION,
    cache: Path | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> VllmOutcome:
    """Save each sample's features, as if the VLLM had generated the description.

    The description is tokenized again, which in rare cases gives other tokens than those that were
    sampled; `enrich` saves the features of the sampled tokens. Features that the folder `cache`
    contains for the same content are not computed again.
    """
    require_computable(features.kinds)
    plan = {**engine.plan(), "question": question, "features": features.metadata}
    plan |= {"descriptions": descriptions.name, "descriptions_sha256": descriptions.sha256}
    result = VllmResult(
        features.folder / "embed.json", EmbedManifest, plan, engine.batches, elsewhere="--out"
    )
    result.begin(overwrite, engine.own)
    dtypes = engine.options.dtype, features.dtype
    embedder = Embedder(engine.weights, engine.place, *dtypes, question, cache)

    def save(samples: list[Sample]) -> list[Row]:
        frames = engine.frames(samples)
        return [
            _save(embedder, sample, frame, descriptions.texts, features)
            for sample, frame in zip(samples, frames, strict=True)
        ]

    def content(rows: list[Row]) -> dict[str, Any]:
        embedded = sum(row["status"] == OK for row in rows)
        counts = {"samples": len(rows), "embedded": embedded}
        versions = provenance.versions(PACKAGES)
        return {"counts": counts, "toy_weights": engine.toy_weights, "versions": versions}

    engine.work([result], save, progress)
    return result.finish(engine.reported, content)


def _save(
    embedder: Embedder,
    sample: Sample,
    frame: Image.Image | SampleError,
    texts: dict[str, str],
    features: FeatureWriter,
) -> Row:
    sample_id, action = sample["sample_id"], sample["action"]
    if isinstance(frame, SampleError):
        return _row(sample, frame.code, frame.detail)
    if sample_id not in texts:
        return _row(sample, "missing_description", "the descriptions do not contain this sample")
    key = frame, action, texts[sample_id], features.kinds
    features.write(sample_id, embedder.of(*key), embedder.cached_paths(*key))
    return _row(sample, OK, "")


def _row(sample: Sample, status: str, detail: str) -> Row:
    return {"sample_id": sample["sample_id"], "status": status, "detail": detail}
