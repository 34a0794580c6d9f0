"""Hands and objects of samples: from Ego4D, EPIC's detections, VISOR, or a file of one's own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_lego.curation import ego4d_boxes, epic_boxes
from egoactgen_lego.curation.named_boxes import Boxes, Sample, boxes_of


def read_boxes(path: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    """(sample id, boxes) of those samples that `path` tells of.

    `path` is a file of one's own, {sample id: {"before": [{"name", "box"}], "during": …}}; Ego4D's
    fho_main.json; or a folder of EPIC's hand-object detections (*.pkl) or VISOR's files (*.json).
    """
    if path.is_dir():
        yield from epic_boxes.read(path, samples)
    elif not path.is_file():
        raise BenchError(f"There are no boxes {path}: no such file or folder.")
    elif ego4d_boxes.recognises(path):
        yield from ego4d_boxes.read(path, samples)
    else:
        yield from _read_own(path, samples)


def _read_own(path: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    told = read_json(path)
    if not isinstance(told, dict):
        raise BenchError(f"{path} holds no JSON object of sample ids.")
    for sample in samples:
        sample_id = sample["sample_id"]
        if sample_id not in told:
            continue
        try:
            yield sample_id, boxes_of(told[sample_id])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BenchError(
                f"{path}: the boxes of {sample_id} are not usable ({error})."
            ) from None
