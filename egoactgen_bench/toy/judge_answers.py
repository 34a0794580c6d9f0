"""What the toy vision-language model answers: rules and a small network, for the toy kitchen only.

The action is seen by the network of `judge_network`, from the change alone; scene and hands are
judged by rules on colours. It exercises everything that a real judge needs, and knows nothing else.
"""

import json
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageColor

from egoactgen_bench.datasets.labels import ego4d_label
from egoactgen_bench.metrics.vlm.judge_prompts import load_prompt
from egoactgen_bench.metrics.vlm.judge_replies import LEVELS, ORDERS
from egoactgen_bench.support.images import resize, uint8_to_unit
from egoactgen_bench.toy.judge_network import load_judge
from egoactgen_bench.toy.world.actions import ACTIONS
from egoactgen_bench.toy.world.scene import SKINS

IMAGES = {"action-1": 2, "scene-1": 2, "hands-1": 1, "prefers-1": 3}  # of each prompt
SCENE_LIMITS = (0.06, 0.1, 0.15, 0.25)  # mean differences of small images, by falling level
SKIN_DISTANCE, SKIN_SHARE = 0.12, 0.01


def answer(text: str, images: Sequence[Image.Image]) -> str:
    """The reply to a request: JSON for a prompt of the metrics, else one word."""
    for name, count in IMAGES.items():
        action = load_prompt(name).action_in(text)
        if action is not None and len(images) == count:
            return _judged(name, action, list(images))
    return "ready"


def _judged(name: str, action: str, images: list[Image.Image]) -> str:
    if name == "prefers-1":
        second, third = (_action(action, images[0], other) for other in images[1:])
        # Equal attempts: always the same place, as real models often do.
        return _reply("better", ORDERS[third > second])
    if name == "action-1":
        return _reply("score", _action(action, *images))
    return _reply("score", _scene(*images) if name == "scene-1" else _hands(*images))


def _reply(name: str, value: int | str) -> str:
    return json.dumps({"reason": "a rule of the toy judge", name: value})


def _action(label: str, before: Image.Image, after: Image.Image) -> int:
    verdict = load_judge().read([before], [after])[0]
    if not verdict.acted:
        return 0
    return LEVELS if _actions().get(label) == verdict.action else 1


@cache
def _actions() -> dict[str, str]:
    """Label, as data sets derive it from the narration → action."""
    return {
        ego4d_label(f"#C C {narration}") or "": name
        for name, action in ACTIONS.items()
        for narration in action.narrations
    }


def _scene(before: Image.Image, after: Image.Image) -> int:
    first, last = (_small(image, 16) for image in (before, after))
    difference = float(np.abs(first - last).mean())
    return LEVELS - sum(difference > limit for limit in SCENE_LIMITS)


def _hands(image: Image.Image) -> int:
    """Whether some pixels have a colour of skin."""
    colours = uint8_to_unit(np.array([ImageColor.getrgb(each) for each in SKINS], np.uint8))
    distances = np.abs(_small(image, 64).reshape(-1, 1, 3) - colours).max(axis=2).min(axis=1)
    return LEVELS if (distances < SKIN_DISTANCE).mean() > SKIN_SHARE else 0


def _small(image: Image.Image, side: int) -> np.ndarray:
    found: np.ndarray = uint8_to_unit(np.asarray(resize(image, (side, side))))
    return found
