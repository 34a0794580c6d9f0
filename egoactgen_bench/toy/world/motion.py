"""One filmed action: the moment and the camera of each frame."""

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from egoactgen_bench.toy.world.actions import ACTIONS, WITH_HELD_ITEM, possible
from egoactgen_bench.toy.world.moments import ActionPlan, Moment
from egoactgen_bench.toy.world.rendering import Camera
from egoactgen_bench.toy.world.scene import Kitchen, Scene, sample_scene

FPS = 30
IDLE, CONTACT, PNR, LENGTH = 8, 26, 40, 48  # frame numbers: reach begins, …, clip ends
TWOS = 2  # frames per drawing: animation "on twos", which halves the filming time
LEAN = IDLE - 6  # the head leans before the hand moves
Cue = Literal["none", "weak", "strong"]
# Range of the fraction of its path that the acting hand has covered in the input frame.
PROGRESS: dict[Cue, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "weak": (0.10, 0.25),
    "strong": (0.35, 0.50),
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
        return Camera(
            x=self.base.x + 0.35 * x + towards * (aim[0] - 50),
            y=self.base.y + 0.3 * y + 0.6 * towards * (aim[1] - 56),
            roll=self.base.roll + 0.25 * roll + 4 * towards * (aim[0] - 50) / 50,
            zoom=self.base.zoom,
        )


def sample_clip(random: Random, kitchen: Kitchen, cue: Cue = "weak") -> Clip:
    """Sample a scene, then one of its possible actions, then a plan.

    The cue determines how far the hand has moved in the input frame; it changes nothing but the
    number of that frame. With "none", neither hand nor head has moved.
    """
    while True:
        scene = sample_scene(random, kitchen)
        plans = possible(scene, random)
        if len(plans) >= LEAST_POSSIBLE:
            break
    names = sorted(plans)
    action = random.choices(names, [3 if name in WITH_HELD_ITEM else 1 for name in names])[0]
    reached = IDLE + round((CONTACT - IDLE) * _unease(random.uniform(*PROGRESS[cue])))
    return Clip(
        scene,
        action,
        random.choice(ACTIONS[action].narrations),
        random.choice(plans[action]),
        LEAN if cue == "none" else reached,
        Camera(random.uniform(-2, 2), random.uniform(-1.5, 1.5), random.uniform(-2.5, 2.5)),
        tuple(random.uniform(0, 2 * math.pi) for _ in range(6)),
        random.uniform(0.03, 0.09),
    )


def _ease(t: float) -> float:
    """Smoothstep: 0 at t ≤ 0, 1 at t ≥ 1."""
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)


def _unease(value: float) -> float:
    """The inverse of `_ease` on [0, 1]."""
    return 0.5 - math.sin(math.asin(1 - 2 * value) / 3)
