"""One filmed action: the moment and the camera of each frame."""

import math
from dataclasses import dataclass, replace
from random import Random

from egoactgen_bench.toy.world.actions import ACTIONS, WITH_HELD_ITEM, possible
from egoactgen_bench.toy.world.moments import ActionPlan, Moment
from egoactgen_bench.toy.world.narrations import long_tail
from egoactgen_bench.toy.world.relations import is_open, related_plan
from egoactgen_bench.toy.world.rendering import Camera
from egoactgen_bench.toy.world.scene import Kitchen, Scene, sample_scene
from egoactgen_bench.toy.world.variants import STANDARD, Cue, Variant

FPS = 30
IDLE, CONTACT, PNR, LENGTH = 8, 26, 40, 48  # frame numbers: reach begins, …, clip ends
TWOS = 2  # frames per drawing: animation "on twos", which halves the filming time
LEAN = IDLE - 6  # the head leans before the hand moves
# Range of the fraction of its path that the acting hand has covered in the input frame.
PROGRESS: dict[Cue, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "weak": (0.10, 0.25),
    "strong": (0.35, 0.50),
    "relation": (0.0, 0.0),
}
LEAST_POSSIBLE = 6  # minimum number of possible actions per scene


@dataclass(frozen=True)
class Clip:
    """An action in a scene, and the movement of the head (the camera)."""

    scene: Scene
    action: str
    narration: str  # third person: "takes the mug"
    plan: ActionPlan
    pre15: int  # number of the input frame, from the clip's first frame
    base: Camera
    sway: tuple[float, ...]  # phases of the head's small movements
    lean: float

    def moment(self, frame: int) -> Moment:
        """The state of the world at a frame, counted from the clip's first frame."""
        frame -= frame % TWOS
        reach = _ease((frame - IDLE) / (CONTACT - IDLE))
        done = _ease((frame - CONTACT) / (PNR - CONTACT))
        return ACTIONS[self.action].motion(self.scene, self.plan, reach, done)

    def camera(self, frame: int) -> Camera:
        """The camera at a frame: it leans to the hand's goal during the reach, and sways."""
        frame -= frame % TWOS
        towards = self.lean * _ease((frame - LEAN) / (CONTACT - LEAN))
        x, y, roll = (
            math.sin(0.11 * frame + self.sway[i]) + 0.5 * math.sin(0.27 * frame + self.sway[i + 3])
            for i in range(3)
        )
        aim = self.plan.goal if self.plan.goal != (0.0, 0.0) else self.plan.place
        return replace(
            self.base,
            x=self.base.x + 0.35 * x + towards * (aim[0] - 50),
            y=self.base.y + 0.3 * y + 0.6 * towards * (aim[1] - 56),
            roll=self.base.roll + 0.25 * roll + 4 * towards * (aim[0] - 50) / 50,
        )


def sample_clip(random: Random, kitchen: Kitchen, variant: Variant = STANDARD) -> Clip:
    """Sample a scene, then one of its possible actions, then a plan.

    The cue determines how far the hand has moved in the input frame. With "none" and "relation",
    neither hand nor head has moved; with "relation", the plan follows from the scene.
    """
    while True:
        scene = sample_scene(random, kitchen)
        plans = possible(scene, random)
        if len(plans) >= LEAST_POSSIBLE:
            break
    names = sorted(plans)
    often = {
        name
        for name in names
        if (is_open(scene, name, plans[name]) if variant.related else name in WITH_HELD_ITEM)
    }
    action = random.choices(names, [3 if name in often else 1 for name in names])[0]
    reached = IDLE + round((CONTACT - IDLE) * _unease(random.uniform(*PROGRESS[variant.cue])))
    wordings = ACTIONS[action].narrations
    return Clip(
        scene,
        action,
        long_tail(random, action, wordings) if variant.related else random.choice(wordings),
        related_plan(scene, action, plans[action])
        if variant.related
        else random.choice(plans[action]),
        LEAN if variant.cue in ("none", "relation") else reached,
        _base(random, variant),
        tuple(random.uniform(0, 2 * math.pi) for _ in range(6)),
        random.uniform(0.03, 0.09) if variant.view == "first" else 0.0,
    )


def _base(random: Random, variant: Variant) -> Camera:
    """The camera of a clip before the head moves."""
    if variant.view == "third":
        return Camera(
            x=random.uniform(-8, 8),
            y=random.uniform(14, 22),
            roll=random.uniform(-5, 5),
            zoom=random.uniform(0.56, 0.66),
            outside=True,
        )
    return Camera(random.uniform(-2, 2), random.uniform(-1.5, 1.5), random.uniform(-2.5, 2.5))


def _ease(t: float) -> float:
    """Smoothstep: 0 at t ≤ 0, 1 at t ≥ 1."""
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)


def _unease(value: float) -> float:
    """The inverse of `_ease` on [0, 1]."""
    return 0.5 - math.sin(math.asin(1 - 2 * value) / 3)
