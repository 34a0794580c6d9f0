"""The stage `pack`: runs with their images, scores and hashes in one archive."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from egoactgen_bench.artifacts.archive_records import FORMAT, too_many
from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.sample_boxes import BOXES
from egoactgen_bench.artifacts.scores import Scores, load_scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.measurement.candidates import candidates_of
from egoactgen_bench.measurement.protocols import PROTOCOLS
from egoactgen_bench.support.files import (
    json_bytes,
    sha256_bytes,
    sha256_file,
    write_csv,
)
from egoactgen_bench.support.images import read_image_file
from egoactgen_bench.support.provenance import versions
from egoactgen_bench.support.regular_files import read_regular
from egoactgen_bench.support.replacing import replacing
from egoactgen_bench.support.safe_names import is_safe_id

SPLIT_COLUMNS = ["sample_id", "video_id"]  # no narrations: the data set's licence covers them
SPLIT_FACTS = ("name", "dataset", "fingerprint", "frames_fingerprint", "egovlp")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip file's earliest date: bytes must not depend on the time


@dataclass(frozen=True, repr=False)
class Packed:
    """A finished archive, its sha256, and its rows for the leaderboard."""

    path: Path
    sha256: str
    rows: pd.DataFrame

    def __repr__(self) -> str:
        return f"<Packed {self.path}: {len(self.rows)} runs, sha256 {self.sha256[:12]}>"


def pack(
    workspace: Workspace, split: Split, names: Sequence[str], group: str, path: Path | None = None
) -> Packed:
    """Pack runs of a split with their scores into a zip file.

    `names` are the runs (none: all finished ones), `group` the submitter's name, `path` the archive
    (default: `packs/SPLIT-GROUP.zip` in the workspace). The leaderboard's rows are written next to
    it as CSV. Prompts are left out, since they contain narrations of the data set. The same runs
    give the same bytes. Raises `BenchError` for runs that are not scored, or changed since then.
    """
    if not is_safe_id(group):
        raise BenchError(f"'{group}' is not a valid group: use letters, digits, '.', '_' and '-'.")
    wanted = list(dict.fromkeys(names)) or workspace.finished_runs(split.name)
    runs = [load_run(workspace.find_run(split.name, name)) for name in wanted]
    if not runs:
        raise BenchError(
            f"Split '{split.name}' has no finished run to pack: make one with `bench run`."
        )
    for run in runs:
        if not is_safe_id(run.name):
            raise BenchError(
                f"Run '{run.name}' cannot be packed under its name: rename its folder, with "
                "letters, digits, '.', '_' and '-'."
            )
    scores = _scores(workspace, split, runs)
    for each in scores:
        if why := too_many(len(runs), len(each.metrics)):
            raise BenchError(f"{why[0].upper()}{why[1:]}.")
    path = path or workspace.root / "packs" / f"{split.name}-{group}.zip"
    with replacing(path) as temporary:
        _write(temporary, split, runs, scores, group)
    sha256 = sha256_file(path)
    rows = _rows(scores, runs, group, path.name, sha256)
    write_csv(path.with_suffix(".csv"), rows)
    return Packed(path, sha256, rows)


def _scores(workspace: Workspace, split: Split, runs: Sequence[Run]) -> list[Scores]:
    """The scores of each protocol that contains all runs with their present images."""
    candidates, _ = candidates_of(split, runs, ())
    now = {candidate.name: candidate.digest() for candidate in candidates}
    found = []
    for protocol in PROTOCOLS:
        folder = workspace.scores(split.name, protocol)
        if not (folder / "score.json").is_file():
            continue
        scores = load_scores(folder)
        scored = {run.run: run.images for run in scores.manifest.runs}
        if scores.manifest.fingerprint == split.fingerprint and now.items() <= scored.items():
            found.append(scores)
    if not found:
        raise BenchError(
            f"Not all of {', '.join(now)} are scored with their present images: score them with "
            f"`bench score {' '.join(now)}`, then pack them."
        )
    return found


def _write(
    path: Path, split: Split, runs: Sequence[Run], scores: Sequence[Scores], group: str
) -> None:
    hashes = {}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in _files(split, runs, scores):
            hashes[name] = sha256_bytes(data)
            _add(archive, name, data)
        manifest = {
            "format": FORMAT,
            "group": group,
            "split": {key: getattr(split.manifest, key) for key in SPLIT_FACTS},
            "runs": [run.name for run in runs],
            "protocols": [each.protocol for each in scores],
            "files": hashes,
            "versions": versions(),
        }
        _add(archive, "pack.json", json_bytes(manifest))


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    # Fixed permissions and time: the archive's bytes depend only on the content.
    entry.external_attr = 0o644 << 16
    packed = name.endswith((".json", ".csv"))  # images are compressed already
    entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    archive.writestr(entry, data)


def _files(
    split: Split, runs: Sequence[Run], scores: Sequence[Scores]
) -> Iterator[tuple[str, bytes]]:
    yield "split/samples.csv", _csv(split.samples[SPLIT_COLUMNS])
    boxes = split.folder / BOXES
    if split.manifest.licence is None and boxes.is_file():  # annotations have the frames' licence
        yield f"split/{BOXES}", read_regular(boxes)
    for run in runs:
        yield f"runs/{run.name}/run.json", json_bytes(run.manifest.model_dump(mode="json"))
        yield f"runs/{run.name}/samples.csv", _csv(run.samples.assign(prompt=""))
        for image, sha256 in zip(run.finished["image"], run.finished["sha256"], strict=True):
            yield f"runs/{run.name}/{image}", _image(run, image, sha256)
    names = [run.name for run in runs]
    for each in scores:
        folder = f"scores/{each.protocol}"
        kept = [run for run in each.manifest.runs if run.run in names]
        manifest = each.manifest.model_copy(update={"runs": kept, "files": {}})
        yield f"{folder}/score.json", json_bytes(manifest.model_dump(mode="json"))
        yield f"{folder}/scores.csv", _csv(each.values[each.values["run"].isin(names)])
        yield f"{folder}/errors.csv", _csv(each.errors[each.errors["run"].isin(names)])


def _image(run: Run, name: str, sha256: str) -> bytes:
    try:
        data = read_image_file(run.image_path(name))
    except SampleError as error:
        raise BenchError(f"An image of run '{run.name}' cannot be packed ({error}).") from None
    if sha256_bytes(data) != sha256:
        raise BenchError(
            f"{run.image_path(name)} differs from the image that run '{run.name}' recorded: "
            "make the run again."
        )
    return data


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _rows(
    scores: Sequence[Scores], runs: Sequence[Run], group: str, archive: str, sha256: str
) -> pd.DataFrame:
    """One row per run and protocol, for results/leaderboard/."""
    names = [run.name for run in runs]
    tables = []
    for each in scores:
        summary = each.summary[each.summary["run"].isin(names)]
        facts = {"group": group, "split": each.manifest.split, "protocol": each.protocol}
        proof = {
            "fingerprint": each.manifest.fingerprint,
            "frames_fingerprint": each.manifest.frames_fingerprint,
            "archive": archive,
            "archive_sha256": sha256,
            "toy_metrics": ",".join(n for n, about in each.metrics.items() if about.toy_weights),
            "toolkit": each.manifest.versions.get("egoactgen_bench", ""),
        }
        left = pd.DataFrame([facts], index=summary.index)
        right = pd.DataFrame([proof], index=summary.index)
        tables.append(pd.concat([left, summary, right], axis=1))
    return pd.concat(tables, ignore_index=True)
