"""The pages for raters: hit.html for Mechanical Turk, preview.html for any browser, offline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from markupsafe import Markup

from egoactgen_bench.artifacts.studies import StudyKind
from egoactgen_bench.presentation.pages import environment
from egoactgen_bench.stages.study.amazon import RESULT_COLUMNS
from egoactgen_bench.stages.study.safe_text import html_cell, keyed_hash

MOST_COLUMNS = 5  # candidates side by side; more take two rows
CONSENT = (
    "Taking part is voluntary and you may stop at any time. By submitting you agree that your "
    "answers, without your name or worker id, are used and published for research."
)


@dataclass(frozen=True)
class PageImage:
    """An image on a page, by its file name in the study."""

    name: str


@dataclass(frozen=True)
class Row:
    """The columns of a task as raters see them: unescaped texts, and images."""

    task: str
    columns: dict[str, str | PageImage]


@dataclass(frozen=True)
class Example:
    """Frames for the instructions: `good` shows the action after `input`, `bad` another one."""

    action: str
    other_action: str
    input: PageImage
    good: PageImage
    bad: PageImage


@dataclass(frozen=True)
class Look:
    """What all tasks of a study share; without an example, the instructions are only text."""

    study: StudyKind
    candidates: int
    example: Example | None
    consent: str | None
    ratio: float  # width / height of the tallest image

    @property
    def letters(self) -> str:
        """The labels of the candidates at positions 1…K; numbers would look like ranks."""
        return ascii_uppercase[: self.candidates]

    @property
    def grid(self) -> str:
        """The columns and rows of images, as variables of the style sheet; `narrow` on telephones.

        Above the candidates is a row for the input frame. A description has one row of two frames.
        """
        wide, narrow = 2, 2
        rows = {"wide": 1, "narrow": 1}
        if self.study == "best-of":
            one_row = self.candidates <= MOST_COLUMNS
            wide = self.candidates if one_row else math.ceil(self.candidates / 2)
            narrow = 2 if self.candidates <= 4 else 3
            rows = {
                "wide": 1 + math.ceil(self.candidates / wide),
                "narrow": 1 + math.ceil(self.candidates / narrow),
            }
        return (
            f"--ratio: {self.ratio:.3f}; --wide-columns: {wide}; --wide-rows: {rows['wide']}; "
            f"--narrow-columns: {narrow}; --narrow-rows: {rows['narrow']}"
        )


def hit(look: Look, image_base: str) -> str:
    """The template for Mechanical Turk, with its `${column}` placeholders."""
    columns = ["action", "description", "input", "target"]
    columns += [f"image_{position}" for position, _ in enumerate(look.letters, start=1)]
    fields = {column: f"${{{column}}}" for column in columns}
    return _render("hit.html", look, image_base, fields=fields)


def preview(
    look: Look, study: str, rows: Sequence[Row], batch: Sequence[dict[str, str]], key: bytes
) -> str:
    """All tasks on one page, which stores answers in the browser and saves a results file."""
    tasks = [
        {"name": row.task, "fields": {c: _address(v) for c, v in row.columns.items()}}
        for row in rows
    ]
    columns = list(batch[0])
    return _render(
        "preview.html",
        look,
        "images",
        study=study,
        tasks=tasks,
        batch=[[row[column] for column in columns] for row in batch],
        header=[*RESULT_COLUMNS, *(f"Input.{column}" for column in columns)],
        store=keyed_hash(key, "answers kept in the browser"),
    )


def _address(value: str | PageImage) -> str:
    return value if isinstance(value, str) else f"images/{value.name}"


def _render(template: str, look: Look, image_base: str, **variables: Any) -> str:
    # Mechanical Turk replaces placeholders everywhere, also in the texts inserted here.
    safe = {name: Markup(html_cell(text)) for name, text in _fixed_texts(look).items()}
    return (
        environment("egoactgen_bench.stages.study")
        .get_template(template)
        .render(look=look, image_base=image_base, text=safe, **variables)
    )


def _fixed_texts(look: Look) -> dict[str, str]:
    texts = {"consent": look.consent or CONSENT}
    if look.example:
        texts |= {"action": look.example.action, "other_action": look.example.other_action}
    return texts
