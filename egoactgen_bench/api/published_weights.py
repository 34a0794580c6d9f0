"""Published weights, which plug-ins declare together with their source."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from egoactgen_bench.api.plugins import is_registered
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.support.byte_counts import byte_text
from egoactgen_bench.support.safe_names import is_safe_id

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PublishedWeights(BaseModel):
    """A file or folder of published weights, and its source.

    A plug-in lists its weights in the class attribute `published_weights`, which
    `bench models list|fetch|verify` and error messages use:

        MINE = PublishedWeights(
            name="mine.safetensors",                  # its name in the weights folder
            about="ViT-S/16 trained on kitchens",
            licence="MIT",
            size=88_000_000,                          # approximate, in bytes
            repository="someone/mine",                # of the Hugging Face Hub, or url="https://…"
            revision="0123456789abcdef…",             # a commit
            file="model.safetensors",                 # or files=("*.json", "*.safetensors")
            sha256="…",                               # or file_hashes={"model.safetensors": "…"}
        )

        class Mine(Metric[Options]):
            published_weights = (MINE,)

    `files` (glob patterns) fetches a folder, `file` a single file. `sha256` is the hash of the
    file, `file_hashes` are those of files in the folder. Hashes that are not published are recorded
    at the first fetch and compared from then on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    about: str
    licence: str
    size: int | None = Field(default=None, gt=0)
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    repository: str | None = None
    revision: str | None = None
    file: str | None = None
    files: tuple[str, ...] = ()
    sha256: Digest | None = None
    file_hashes: Mapping[str, Digest] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if not is_safe_id(self.name):
            raise ValueError(f"name '{self.name}' is not a plain file name")
        if (self.url is None) == (self.repository is None):
            raise ValueError(f"{self.name}: give either url or repository")
        if self.repository and not (self.revision and bool(self.file) != self.is_folder):
            raise ValueError(f"{self.name}: a repository needs a revision, and file or files")
        if self.sha256 if self.is_folder else self.file_hashes:
            raise ValueError(f"{self.name}: a file has a sha256, a folder file_hashes")
        return self

    @property
    def source(self) -> str:
        """`repository@revision`, or the URL."""
        return f"{self.repository}@{self.revision}" if self.repository else str(self.url)

    @property
    def is_folder(self) -> bool:
        return bool(self.files)

    @property
    def published_hashes(self) -> dict[str, str]:
        """sha256 by file name, in the folder if it is one."""
        return dict(self.file_hashes) or ({self.name: self.sha256} if self.sha256 else {})

    @property
    def size_text(self) -> str:
        """`340 MB`, or `size unknown`."""
        return "size unknown" if self.size is None else byte_text(self.size)

    @property
    def short_licence(self) -> str:
        """The licence without the remark in parentheses: `MIT`."""
        return self.licence.partition(" (")[0]

    @property
    def is_pinned(self) -> bool:
        """Whether the source cannot change: a commit of the hub, or a URL with a hash."""
        if self.repository:
            return re.fullmatch(r"[0-9a-f]{40}", self.revision or "") is not None
        return self.sha256 is not None


def how_to_get(names: Sequence[str], plugin: type[Any], folder: Path) -> str:
    """How to get weights that `plugin` needs and `folder` lacks, as part of a sentence.

    For weights that the plug-in declares, this is a complete command.
    """
    declared = {weights.name for weights in getattr(plugin, "published_weights", ())}
    known = [name for name in names if name in declared]
    other = [name for name in names if name not in declared]
    ways = [f"get {'it' if len(known) == 1 else 'them'} with `{_command(known, plugin, folder)}`"]
    ways = ways if known else []
    if other:
        ways.append(f"put {', '.join(other) if known else 'it'} into {folder}")
    return ", and ".join(ways)


def _command(names: Sequence[str], plugin: type[Any], folder: Path) -> str:
    words = ["bench", "models", "fetch", *names]
    if not is_registered(plugin):
        words += ["--plugin", f"{plugin.__module__}:{plugin.__qualname__}"]
    if folder.absolute() != Workspace.default().models.absolute():
        words += ["--weights-dir", str(folder)]
    return shlex.join(words)
