"""One action as it is filmed: its frames, their moments and the camera's path."""

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from egoactgen_bench.toy.world.actions import ACTIONS, WITH_HELD_THING, possible
from egoactgen_bench.toy.world.moments import Moment, Plan
from egoactgen_bench.toy.world.photograph import Camera
from egoactgen_bench.toy.world.scene import Kitchen, Scene, sample_scene

FPS = 30
IDLE, CONTACT, PNR, LENGTH = 8, 26, 40, 48  # frames of a clip: the reach begins, …, the clip ends
TWOS = 2  # frames that show one drawing: animation on twos, which halves the time to film
LEAN = IDLE - 6  # the head leans before the hand sets out
Cue = Literal["none", "weak", "strong"]
# Share of its way that the acting hand has covered in the input frame.
PROGRESS: dict[Cue, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "weak": (0.10, 0.25),
    "strong": (0.35, 0.50),
}
LEAST_POSSIBLE = 6  # actions that every scene allows


@dataclass(frozen=True)
class Clip:
    """An action in a scene that was sampled before it, and how the head moves meanwhile."""

    scene: Scene
    action: str
    narration: str  # third person, as a narrator writes it: "takes the mug"
    plan: Plan
    pre15: int  # frame of the clip, as are contact and PNR
    base: Camera
    sway: tuple[float, ...]  # phases of the head's small movements
    lean: float

    def moment(self, frame: int) -> Moment:
        frame -= frame % TWOS
        reach = _ease((frame - IDLE) / (CONTACT - IDLE))
        done = _ease((frame - CONTACT) / (PNR - CONTACT))
        return ACTIONS[self.action].motion(self.scene, self.plan, reach, done)

    def camera(self, frame: int) -> Camera:
        """The head leans to the hand's goal while it reaches, and is never quite still."""
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
    """Sample a scene, then one of the actions that it allows, then a way to do it.

    The cue says how much of it the input frame shows: it moves that frame and nothing else. With
    none, neither hand nor head has set out.
    """
    while True:
        scene = sample_scene(random, kitchen)
        plans = possible(scene, random)
        if len(plans) >= LEAST_POSSIBLE:
            break
    names = sorted(plans)
    action = random.choices(names, [3 if name in WITH_HELD_THING else 1 for name in names])[0]
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
    """Smooth from 0 to 1 while t goes from 0 to 1."""
    t = min(1.0, max(0.0, t))
    return t * t * (3 - 2 * t)


def _unease(value: float) -> float:
    """The t at which `_ease` has the value."""
    return 0.5 - math.sin(math.asin(1 - 2 * value) / 3)
