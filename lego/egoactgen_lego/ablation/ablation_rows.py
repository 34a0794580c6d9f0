"""What the paper's tables compare: the trainings, the runs that stand on them, the tables.

A row is one method on one training; the tables only choose among rows. To compare something else,
add a line here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from egoactgen_bench.api import plugins
from egoactgen_lego.features.conditioning_names import GROUP, canonical

# Whose descriptions and features a training or a run is told: of the VLLM that was tuned, of one
# that was not, those that are true; those of the first given to other samples, or noise like them.
Source = Literal["tuned", "untuned", "oracle", "shuffled", "random"]


@dataclass(frozen=True)
class Training:
    """A call of `bench train`; without a conditioning the trainer reads labels alone."""

    trainer: str
    conditioning: str | None = None
    source: Source = "tuned"
    stands_on: str | None = None  # another training, whose weights this one is about


@dataclass(frozen=True)
class Row:
    """A call of `bench run`; without a method the reference of the row's name.

    A control says what the numbers mean, and competes with no row.
    """

    method: str | None
    training: str | None = None
    source: Source | None = None  # default: its training's
    control: bool = False

    @property
    def told(self) -> Source:
        """Whose descriptions and features it is told."""
        return self.source or (training_of(self.training).source if self.training else "tuned")

    @property
    def conditioning(self) -> str | None:
        return training_of(self.training).conditioning if self.training else None


TRAININGS = {
    "ip2p": Training("ip2p"),
    "sd": Training("sd"),
    "sdedit": Training("sdedit", stands_on="sd"),
    "descriptions": Training("lego", "descriptions"),
    "image": Training("lego", "image"),
    "text": Training("lego", "text"),
    "joint": Training("lego", "joint"),
    "untuned": Training("lego", "joint", "untuned"),
    "random": Training("lego", "joint", "random"),
}

ROWS = {
    "proxedit": Row("proxedit", "sd"),
    "sdedit": Row("sdedit", "sdedit"),
    "ip2p": Row("ip2p", "ip2p"),
    "descriptions": Row("lego", "descriptions"),
    "image": Row("lego", "image"),
    "text": Row("lego", "text"),
    "joint": Row("lego", "joint"),
    "untuned": Row("lego", "untuned"),
    "oracle": Row("lego", "descriptions", source="oracle", control=True),
    "shuffled": Row("lego", "descriptions", source="shuffled", control=True),
    "random": Row("lego", "random", control=True),
    "copy-input": Row(None, control=True),
}


def training_of(name: str) -> Training:
    """One of `TRAININGS`, or of LEGO with the conditioning that its name is."""
    return TRAININGS.get(name) or Training("lego", canonical(name))


@dataclass(frozen=True)
class Table:
    """A table: its title, its rows in their order by what they are called in it.

    `published` names the paper's own numbers in results/published, where `bench score` has none.
    """

    title: str
    rows: dict[str, str]
    published: str | None = None


TABLES = {
    "methods": Table(
        "Methods (the paper's Tables 1 and 2)",
        {
            "ProxEdit": "proxedit",
            "SDEdit": "sdedit",
            "InstructPix2Pix": "ip2p",
            "LEGO": "joint",
            "input frame": "copy-input",
        },
    ),
    "conditioning": Table(
        "What the denoiser is told (the paper's Table 3)",
        {
            "action labels": "ip2p",
            "descriptions": "descriptions",
            "descriptions + image embedding": "image",
            "descriptions + text embedding": "text",
            "descriptions + joint embedding": "joint",
        },
        "table3_conditioning",
    ),
    "tuning": Table(
        "Whether the VLLM is tuned (the paper's Table 4)",
        {
            "descriptions, tuned": "descriptions",
            "joint embedding, not tuned": "untuned",
            "joint embedding, tuned": "joint",
        },
        "table4_vllm_finetuning",
    ),
    "controls": Table(
        "Controls: what descriptions and embeddings are worth",
        {
            "action labels": "ip2p",
            "descriptions": "descriptions",
            "true descriptions (oracle)": "oracle",
            "descriptions of other samples": "shuffled",
            "joint embedding": "joint",
            "random embeddings": "random",
            "input frame": "copy-input",
        },
    ),
}


def further_rows(names: Iterable[str]) -> dict[str, Row]:
    """The rows of `names` that are not in `ROWS` but name feature kinds, such as `joint+depth`.

    Each has a training of its own, and belongs to the table `conditioning`.
    """
    kinds = plugins.registered(GROUP).keys() - ROWS.keys()
    return {name: Row("lego", name) for name in names if name in kinds or set("+:") & set(name)}


def further_label(name: str) -> str:
    """What such a row is called in its table."""
    return " + ".join(["descriptions", *name.split("+")])
