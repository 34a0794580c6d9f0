"""The stage `embed`: H_i and H_t of descriptions that are there, wherever they come from."""

from typing import Any

from egoactgen_bench import provenance
from egoactgen_bench.descriptions import Descriptions
from egoactgen_bench.errors import SampleError
from lego.features import FeatureWriter
from lego.vllm.enrich import PACKAGES
from lego.vllm.parts import OK, Outcome, Parts, Row
from lego.vllm.prompting import QUESTION
from lego.vllm.work import Engine, Sample


def embed(
    engine: Engine,
    descriptions: Descriptions,
    features: FeatureWriter,
    *,
    question: str = QUESTION,
    overwrite: bool = False,
    progress: bool = False,
) -> Outcome:
    """Save each sample's features, as the VLLM would have had them while it wrote the description.

    Its tokens are those of the text, which a sampled one may in rare cases have been written
    otherwise with; `enrich` saves the features of the tokens that it wrote.
    """
    plan = {**engine.plan(), "question": question, "features": features.told}
    plan |= {"descriptions": descriptions.name, "descriptions_sha256": descriptions.sha256}
    parts = Parts(features.folder / "embed.json", plan, engine.batches)
    parts.begin(overwrite, engine.own)

    def save(samples: list[Sample]) -> list[Row]:
        return _save(engine, samples, descriptions.texts, question, features)

    def tell(rows: list[Row]) -> dict[str, Any]:
        embedded = sum(row["status"] == OK for row in rows)
        counts = {"samples": len(rows), "embedded": embedded}
        return {"counts": counts, "versions": provenance.versions(PACKAGES)}

    if not parts.finished:
        engine.work(parts, save, progress)
    return parts.finish(engine.own, tell)


def _save(
    engine: Engine,
    samples: list[Sample],
    texts: dict[str, str],
    question: str,
    features: FeatureWriter,
) -> list[Row]:
    rows, whole, frames = {}, [], []
    for sample, frame in zip(samples, engine.frames(samples), strict=True):
        sample_id = sample["sample_id"]
        if isinstance(frame, SampleError):
            rows[sample_id] = _row(sample, frame.code, frame.detail)
        elif sample_id not in texts:
            rows[sample_id] = _row(sample, "missing_description", "the descriptions have none")
        else:
            rows[sample_id] = _row(sample, OK, "")
            whole.append(sample)
            frames.append(frame)
    if whole:
        images = engine.vllm.image_features(frames)
        questions = [question.format(sample["action"]) for sample in whole]
        answers = [texts[sample["sample_id"]] for sample in whole]
        states = engine.vllm.states(questions, images, answers)
        for sample, image, state in zip(whole, images, states, strict=True):
            features.write(sample["sample_id"], image, state)
    return [rows[sample["sample_id"]] for sample in samples]


def _row(sample: Sample, status: str, detail: str) -> Row:
    return {"sample_id": sample["sample_id"], "status": status, "detail": detail}
