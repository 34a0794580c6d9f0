"""A folder of results that can be resumed: the plan is written first, the manifest last.

Before a long stage starts, it writes its *plan*: everything that determines the result. While the
plan exists and the manifest does not, the folder is unfinished: the same call resumes it, and a
call with another plan is refused. The manifest contains the plan and is written last.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from egoactgen_bench.artifacts.manifest_base import (
    FORMAT,
    ManifestT,
    build,
    read_manifest,
    read_versioned,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.support.outside_links import refuse_outside_links

PLAN = "plan.json"


@dataclass(frozen=True)
class WorkFolder(Generic[ManifestT]):
    """The location of a result, and the plan by which it is made.

    `manifest` and `plan_file` are paths. `plan` is always compared with an existing one,
    `while_unfinished` only until the folder is finished. `not_compared` names options that do not
    affect the result. `elsewhere` is the option that selects another location. In a folder that is
    `shared` with other results, other files are ignored. `own` are patterns of the names of files
    that an interrupted call of 0.1.0, which wrote no plan, may have left.
    """

    manifest: Path
    kind: type[ManifestT]
    plan: Mapping[str, Any]
    plan_file: Path
    while_unfinished: Mapping[str, Any] = field(default_factory=dict)
    not_compared: frozenset[str] = frozenset()
    elsewhere: str = "--name"
    shared: bool = False
    own: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return self.manifest.parent

    @property
    def finished(self) -> bool:
        return self.manifest.is_file()

    @property
    def begun(self) -> bool:
        """Whether the folder is unfinished."""
        return not self.finished and self.plan_file.is_file()

    def read(self) -> ManifestT:
        """The manifest of the finished folder."""
        return read_manifest(self.manifest, self.kind)

    def check(self, overwrite: bool = False) -> None:
        """Refuse a folder with another plan, unless to `overwrite` it, or with other content.

        A folder with links that lead out of it is always refused.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise BenchError(f"{self.folder} is not a folder: choose another {self.elsewhere}.")
        refuse_outside_links(self.folder)
        if self.folder not in self.plan_file.parents:
            refuse_outside_links(self.plan_file.parent)
        # The manifest is checked again last: another process may finish in between.
        for path in (self.manifest, self.plan_file, self.manifest):
            if path.is_file():
                if not overwrite:
                    self._refuse_another(path)
                if self.folder in path.parents:
                    return
                break  # a plan outside the folder does not describe other files in it
        if not self.shared and self.folder.is_dir() and any(map(self._is_foreign, self._content())):
            raise BenchError(
                f"{self.folder} is not empty and contains no {self.kind.noun}: "
                f"choose another {self.elsewhere}."
            )

    def begin(self, overwrite: bool = False, remove: Callable[[], object] = lambda: None) -> None:
        """Check the folder and write the plan.

        To `overwrite` a folder, the plan is written first, so that after an interruption the folder
        counts as unfinished; then the manifest is removed, then `remove` is called.
        """
        self.check(overwrite)
        self._check_types()
        if overwrite and (self.finished or self.begun):
            self.reopen()
            self.manifest.unlink(missing_ok=True)
            remove()
        if not self.finished and not self.plan_file.is_file():
            self.reopen()

    def clear(self) -> None:
        """Remove everything in the folder but the plan."""
        for path in self._content():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != self.plan_file:
                path.unlink()

    def reopen(self) -> None:
        """Write the plan, also to a finished folder that is about to be extended."""
        write_json(self.plan_file, {"format": FORMAT, **self.plan, **self.while_unfinished})

    def finish(self, content: Mapping[str, Any], manifest: Path | None = None) -> ManifestT:
        """Write the manifest, of the plan and `content`, and remove the plan.

        `manifest` is its path in a temporary folder that will replace this one.
        """
        made = build(self.kind, {**self.plan, **content})
        made.save(manifest or self.manifest)
        if manifest is None:
            self.plan_file.unlink(missing_ok=True)
        return made

    def _content(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if not path.name.startswith(".")]

    def _is_foreign(self, path: Path) -> bool:
        return not any(path.match(pattern) for pattern in self.own)

    def _check_types(self) -> None:
        """Refuse a plan that is not valid as a manifest, before any work is done."""
        build(self.kind, self.plan, partly=True)

    def _refuse_another(self, path: Path) -> None:
        finished = path == self.manifest
        if finished:
            read_manifest(path, self.kind)  # reports a malformed manifest
            found = self.kind.upgraded(read_json(path))
        else:
            found = read_versioned(path, self.kind.noun)
        wanted = {**self.plan} if finished else {**self.plan, **self.while_unfinished}
        older = found.get("format", 0) < FORMAT
        if changed := changes(self._comparable(found), wanted, known_only=finished and older):
            state = "a finished" if finished else "an unfinished"
            raise BenchError(
                f"{self.folder} contains {state} {self.kind.noun} with other settings ({changed}): "
                f"choose another {self.elsewhere}, or replace it with --overwrite."
            )

    def _comparable(self, found: dict[str, Any]) -> dict[str, Any]:
        """The plan or manifest that was found, without options that do not affect the result."""
        options = found.get("options")
        if not self.not_compared or not isinstance(options, dict):
            return found
        resolved = options.get("resolved")
        resolved = resolved if isinstance(resolved, dict) else {}
        kept = {key: value for key, value in resolved.items() if key not in self.not_compared}
        return found | {"options": {"resolved": kept}}


def changes(there: Mapping[str, Any], here: Mapping[str, Any], *, known_only: bool = False) -> str:
    """`"options.steps 100 → 50, seed 0 → 1"`: where the plan `here` differs; empty if nowhere.

    Keys that only `there` has (counts, timing) do not belong to the plan. With `known_only`, keys
    missing from `there` are not compared: older formats record less.
    """
    old, new = _flat({key: there.get(key) for key in here}), _flat(dict(here))
    if known_only:
        recorded = _flat(dict(there))
        new = {key: value for key, value in new.items() if key in recorded}
        old = {key: value for key, value in old.items() if key in recorded}
    changed = [key for key in {**new, **old} if old.get(key) != new.get(key)]
    # A changed fingerprint follows from another change, and is listed only if that is unknown.
    changed = [key for key in changed if not key.endswith("fingerprint")] or changed
    return ", ".join(f"{key} {_short(old.get(key))} → {_short(new.get(key))}" for key in changed)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """`{"options": {"steps": 1}}` → `{"options.steps": 1}`; options as passed are omitted."""
    if not isinstance(value, dict):
        return {prefix.removesuffix("."): value}
    pairs = (_flat(inner, f"{prefix}{key}.") for key, inner in value.items() if key != "passed")
    return {key: inner for pair in pairs for key, inner in pair.items()}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= 40:
        return text
    return f'{text[:12]}…"' if isinstance(value, str) else f"{text[:12]}…"
