"""The toy kitchen's worlds: what the input frame shows of the action, and from where it is seen."""

from dataclasses import dataclass
from typing import Literal

Cue = Literal["none", "weak", "strong", "relation"]
View = Literal["first", "third"]
SIZE = 256  # pixels per side


@dataclass(frozen=True)
class Variant:
    """One world.

    `cue`: how far the hand has moved in the input frame; with "none" and "relation" not at all, and
    with "relation" the scene determines what the label leaves open (`relations`). `view`: the eyes
    of the person, or a camera behind and above the person. `size`: of the drawn frames, in pixels
    per side.
    """

    cue: Cue = "weak"
    view: View = "first"
    size: int = SIZE

    @property
    def related(self) -> bool:
        """Whether rules choose the plan of an action, instead of chance."""
        return self.cue == "relation"

    @property
    def own_videos(self) -> str:
        """Part of the seeds of worlds whose videos are others than the standard world's."""
        parts = ["relation"] if self.related else []
        parts += ["third person"] if self.view == "third" else []
        return "".join(f" {part}" for part in parts)

    @property
    def suffix(self) -> str:
        """Of split names; empty for the standard world."""
        parts = [] if self.cue == "weak" else [f"-cue-{self.cue}"]
        parts += [] if self.view == "first" else [f"-view-{self.view}"]
        parts += [] if self.size == SIZE else [f"-size-{self.size}"]
        return "".join(parts)


STANDARD = Variant()
