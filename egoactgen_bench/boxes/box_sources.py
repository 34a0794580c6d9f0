"""Hands and objects of samples: from Ego4D, EPIC's detections, VISOR, or your own file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from egoactgen_bench.boxes import ego4d_boxes, epic_boxes
from egoactgen_bench.boxes.named_boxes import Boxes, Sample, boxes_of
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json


def read_boxes(path: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    """(sample id, boxes) of the samples for which `path` has boxes.

    `path` is a JSON file {sample id: {"before": [{"name", "box", "kind"}], "during": …}}, in which
    the kind may be missing; Ego4D's fho_main.json; or a folder of EPIC's hand-object detections
    (*.pkl) or VISOR's files (*.json).
    """
    if path.is_dir():
        yield from epic_boxes.read(path, samples)
    elif not path.is_file():
        raise BenchError(f"The boxes {path} do not exist: name a file or a folder.")
    elif ego4d_boxes.recognises(path):
        yield from ego4d_boxes.read(path, samples)
    else:
        yield from _read_own(path, samples)


def _read_own(path: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    boxes = read_json(path)
    if not isinstance(boxes, dict):
        raise BenchError(f"{path} is not a JSON object whose keys are sample ids.")
    for sample in samples:
        sample_id = sample["sample_id"]
        if sample_id not in boxes:
            continue
        try:
            yield sample_id, boxes_of(boxes[sample_id])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BenchError(f"{path}: the boxes of {sample_id} are invalid ({error}).") from None
