"""The prompts of the judge: text files with a version, hashed into the metrics' signatures.

`prompts/<name>-<version>.txt`; a changed text gets another version, and the metric another
revision. Images are sent before the text, and without a system prompt.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "prompts"
ACTION = "{action}"


@dataclass(frozen=True)
class JudgePrompt:
    """A prompt: its name with the version (`action-1`), and its text."""

    name: str
    text: str

    @property
    def signed(self) -> str:
        """Its name and the start of its hash, as in signatures."""
        return f"{self.name}-{hashlib.sha256(self.text.encode()).hexdigest()[:12]}"

    def about(self, action: str = "") -> str:
        """The text that is sent."""
        # Not `format`, as the text contains JSON.
        return self.text.replace(ACTION, action)

    def action_in(self, sent: str) -> str | None:
        """The action of a text that is this prompt, or None if it is another text."""
        before, _, after = self.text.partition(ACTION)
        if not (sent.startswith(before) and sent.endswith(after)):
            return None
        return sent[len(before) : len(sent) - len(after)]


@cache
def load_prompt(name: str) -> JudgePrompt:
    """The prompt of this name, such as `action-1`."""
    # Equal on all systems, whatever line ends the file was checked out with.
    return JudgePrompt(name, (FOLDER / f"{name}.txt").read_text(encoding="utf-8").strip())
