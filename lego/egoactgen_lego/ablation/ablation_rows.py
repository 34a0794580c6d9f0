"""What the paper's tables compare: trainings, the runs based on them, and the tables.

A row is one method with the weights of one training; a table selects rows. To compare something
else, add a line here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from egoactgen_bench.api import plugins
from egoactgen_lego.features.conditioning_names import GROUP, canonical

# Where the descriptions and features of a training or a run come from: the tuned VLLM, the VLLM
# before tuning, the former's descriptions with the latter's features of them, the ground truth, the
# tuned VLLM's for other samples, or noise with the statistics of the tuned VLLM's.
Source = Literal["tuned", "untuned", "untuned-embeddings", "oracle", "shuffled", "random"]


@dataclass(frozen=True)
class Training:
    """A call of `bench train`; without a conditioning, the trainer takes labels only."""

    trainer: str
    conditioning: str | None = None
    source: Source = "tuned"
    based_on: str | None = None  # another training, whose weights this one takes


@dataclass(frozen=True)
class Row:
    """A call of `bench run`; without a method, the reference of the row's name.

    A control helps to interpret the numbers, and is marked as a reference in the tables.
    """

    method: str | None
    training: str | None = None
    source: Source | None = None  # None: that of its training
    control: bool = False

    @property
    def input_source(self) -> Source:
        """Where its descriptions and features come from."""
        return self.source or (training_of(self.training).source if self.training else "tuned")

    @property
    def conditioning(self) -> str | None:
        return training_of(self.training).conditioning if self.training else None


TRAININGS = {
    "ip2p": Training("ip2p"),
    "sd": Training("sd"),
    "sdedit": Training("sdedit", based_on="sd"),
    "descriptions": Training("lego", "descriptions"),
    "image": Training("lego", "image"),
    "text": Training("lego", "text"),
    "joint": Training("lego", "joint"),
    "untuned": Training("lego", "joint", "untuned"),
    "untuned-embeddings": Training("lego", "joint", "untuned-embeddings"),
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
    "untuned-embeddings": Row("lego", "untuned-embeddings"),
    "oracle": Row("lego", "descriptions", source="oracle", control=True),
    "shuffled": Row("lego", "descriptions", source="shuffled", control=True),
    "random": Row("lego", "random", control=True),
    "copy-input": Row(None, control=True),
}


def training_of(name: str) -> Training:
    """A training of `TRAININGS`; for other names, LEGO with the conditioning of that name."""
    return TRAININGS.get(name) or Training("lego", canonical(name))


@dataclass(frozen=True)
class Table:
    """A table: its title, and its rows in order, label → row.

    `published` is the table of the paper's numbers in results/published, if `bench score` does not
    print them.
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
        "What the denoiser is conditioned on (the paper's Table 3)",
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
            "joint embedding, not tuned, of tuned descriptions": "untuned-embeddings",
            "joint embedding, tuned": "joint",
        },
        "table4_vllm_finetuning",
    ),
    "controls": Table(
        "Controls: what descriptions and embeddings contribute",
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
    """The label of such a row in its table."""
    return " + ".join(["descriptions", *name.split("+")])
