"""Whether a method follows its text: the judge's verdicts on images of true and swapped labels.

    python -m benchmarks.toy_kitchen.swapped --workspace workspace --split toy-kitchen-1024

A swapped label names another action that the scene allows, drawn at random from the sample's id;
LEGO's VLLM generates the description for it. Nothing is trained; the methods use the weights that
come with the package. Percentages of images with the action that was asked for and with the
video's, and their 95 % intervals over videos; first of the true frames.
"""

import argparse
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.toy_kitchen.shares import share
from benchmarks.toy_kitchen.trust.control_images import filmed_clips
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import SampleError
from egoactgen_bench.generation.method_factory import build
from egoactgen_bench.support import seeds
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.support.images import read_rgb
from egoactgen_bench.toy.judge_network import load_judge
from egoactgen_bench.toy.world.actions import possible

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen" / "swapped.csv"
BATCH = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--split", default="toy-kitchen-1024")
    parser.add_argument("--methods", default="lego,ip2p")
    parser.add_argument("--csv", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    place = Workspace(arguments.workspace)
    split = load_split(place.find_split(arguments.split))
    true = {name: facts["action"] for name, facts in split.truth().items()}
    labels = {"true": true, "swapped": swapped(split, true)}
    seen = {("target frames", "true"): of_targets(split)} | {
        (method, kind): of_method(method, place, split, actions)
        for method in arguments.methods.split(",")
        for kind, actions in labels.items()
    }
    videos = split.samples.set_index("sample_id")["video_id"]
    found = []
    for (method, kind), actions in seen.items():
        clusters = pd.factorize(videos[list(actions)])[0]
        for action, wanted in (("asked for", labels[kind]), ("filmed", true)):
            right = np.array([float(actions[name] == wanted[name]) for name in actions])
            about = {"method": method, "labels": kind, "clips": len(right), "action": action}
            found.append(about | share(right, clusters))
    table = pd.DataFrame(found)
    write_csv(arguments.csv, table)
    print(table.to_string(index=False))


def swapped(split: Split, true: dict[str, str]) -> dict[str, str]:
    """For each sample another action that its scene allows, and that another sample shows.

    Samples that have none are left out.
    """
    clips, known, found = filmed_clips(set(true)), set(true.values()), {}
    for name, action in true.items():
        draw = Random(name)
        if others := sorted(known & possible(clips[name].scene, draw).keys() - {action}):
            found[name] = draw.choice(others)
    return found


def of_targets(split: Split) -> dict[str, str]:
    """The action that the judge sees in each target frame."""
    rows, judge = split.samples, load_judge()
    inputs, targets = (
        [read_rgb(split.frame_path(path)) for path in rows[f"{role}_frame"]]
        for role in ("input", "target")
    )
    seen = judge.read(inputs, targets)
    return dict(zip(rows["sample_id"], (each.action for each in seen), strict=True))


def of_method(
    method: str, place: Workspace, split: Split, actions: dict[str, str]
) -> dict[str, str]:
    """The action that the judge sees in each image, which is made for a label of `actions`."""
    true, rows = split.truth(), split.samples.to_dict("records")
    labels = {true[row["sample_id"]]["action"]: row["action"] for row in rows}  # one per action
    rows = [row for row in rows if row["sample_id"] in actions]
    context = MethodContext(models=place.models, cache=place.cache)
    built = build(method, context=context, dataset=split.manifest.dataset)
    built.load()
    judge, found = load_judge(), dict[str, str]()
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        names = [row["sample_id"] for row in part]
        inputs = [read_rgb(split.frame_path(row["input_frame"])) for row in part]
        texts = [
            row["action"] if actions[name] == true[name]["action"] else labels[actions[name]]
            for name, row in zip(names, part, strict=True)
        ]
        requests = [
            Request(name, frame, text, None, seeds.derive_seed(0, name))
            for name, frame, text in zip(names, inputs, texts, strict=True)
        ]
        seen = judge.read(inputs, [_frame(each) for each in built.generate(requests)])
        found |= dict(zip(names, (each.action for each in seen), strict=True))
    return found


def _frame(answer: Image.Image | SampleError) -> Image.Image:
    if isinstance(answer, SampleError):
        raise answer
    return answer


if __name__ == "__main__":
    main()
