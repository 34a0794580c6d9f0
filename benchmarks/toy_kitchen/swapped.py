"""Whether a method follows its text: the judge's verdicts on images of true and swapped labels.

    python -m benchmarks.toy_kitchen.swapped --workspace workspace --split toy-kitchen-256

A swapped label names another action that the scene allows, drawn at random from the sample's id;
LEGO's VLLM generates the description for it. Nothing is trained; the methods use the weights that
come with the package.
"""

import argparse
from collections.abc import Hashable
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
from PIL import Image

from benchmarks.toy_kitchen.trust.control_images import filmed_clips
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import SampleError
from egoactgen_bench.generation.method_factory import build
from egoactgen_bench.support import seeds
from egoactgen_bench.support.files import read_json, write_csv
from egoactgen_bench.support.images import read_rgb
from egoactgen_bench.toy.judge_network import load_judge
from egoactgen_bench.toy.world.actions import possible

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen" / "swapped.csv"
BATCH = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--split", default="toy-kitchen-256")
    parser.add_argument("--methods", default="lego,ip2p")
    parser.add_argument("--csv", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    place = Workspace(arguments.workspace)
    split = load_split(place.find_split(arguments.split))
    truth = read_json(split.folder / "truth.json")
    true = {name: facts["action"] for name, facts in truth.items()}
    found = [
        {"method": method, "labels": kind, **judged(method, place, split, actions, true)}
        for method in arguments.methods.split(",")
        for kind, actions in (("true", true), ("swapped", swapped(split, true)))
    ]
    table = pd.DataFrame(found)
    write_csv(arguments.csv, table)
    print(table.to_string(index=False))


def swapped(split: Split, true: dict[str, str]) -> dict[str, str]:
    """For each sample another action that its scene allows."""
    clips = filmed_clips(set(true))
    known = set(true.values())
    return {
        name: draw.choice(sorted(known & possible(clips[name].scene, draw).keys() - {action}))
        for name, action in true.items()
        for draw in [Random(name)]
    }


def judged(
    method: str, place: Workspace, split: Split, actions: dict[str, str], true: dict[str, str]
) -> dict[str, Any]:
    """Fractions of images in which the judge sees the requested action, and the video's action."""
    rows = split.samples.to_dict("records")
    labels = {true[row["sample_id"]]: row["action"] for row in rows}  # one label per action
    context = MethodContext(models=place.models, cache=place.cache)
    built = build(method, context=context, dataset=split.manifest.dataset)
    built.load()
    judge, right, filmed = load_judge(), 0, 0
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        names = [row["sample_id"] for row in part]
        inputs = [read_rgb(split.frame_path(row["input_frame"])) for row in part]
        requests = [
            Request(name, frame, _label(row, actions, true, labels), None, _seed(name))
            for name, frame, row in zip(names, inputs, part, strict=True)
        ]
        seen = judge.read(inputs, [_frame(each) for each in built.generate(requests)])
        right += sum(each.action == actions[name] for each, name in zip(seen, names, strict=True))
        filmed += sum(each.action == true[name] for each, name in zip(seen, names, strict=True))
    shares = {"asked_for": right / len(rows), "filmed": filmed / len(rows)}
    return {"clips": len(rows)} | {name: round(share, 4) for name, share in shares.items()}


def _frame(answer: Image.Image | SampleError) -> Image.Image:
    if isinstance(answer, SampleError):
        raise answer
    return answer


def _label(
    row: dict[Hashable, Any], actions: dict[str, str], true: dict[str, str], labels: dict[str, str]
) -> str:
    name = row["sample_id"]
    return row["action"] if actions[name] == true[name] else labels[actions[name]]


def _seed(name: str) -> int:
    return seeds.derive_seed(0, name)


if __name__ == "__main__":
    main()
