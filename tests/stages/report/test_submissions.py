"""`bench pack`, `bench verify X.zip`, `bench report A.zip B.zip`: valid and malicious archives."""

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest

from drawn_runs import write_drawn_run
from drawn_split import write_drawn_split
from egoactgen_bench import load_run, load_scores, load_split, score
from egoactgen_bench.artifacts.archive import unpack
from egoactgen_bench.artifacts.archive_records import too_many
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.stages.pack import pack
from egoactgen_bench.stages.report.submissions import join

Files = dict[str, bytes]


def packed(
    root: Path, group: str, names: Sequence[str], metrics: Sequence[str] = ("psnr",), **choices
) -> Path:
    """An archive of synthetic runs, packed in a separate workspace of the group."""
    split = root / group / "splits" / "drawn-val"
    write_drawn_split(split, count=6)
    runs = [load_run(write_drawn_run(split, name)) for name in names]
    folder = root / group / "scores" / "drawn-val" / choices.get("protocol", "standard")
    score(load_split(split), runs, folder, metrics=metrics, **choices)
    return pack(Workspace(root / group), load_split(split), names, group).path


def rewritten(path: Path, change: Callable[[Files], object], honest: bool = True) -> Path:
    """The archive with its files changed, and, if `honest`, their hashes in pack.json as well."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    if honest:
        manifest = json.loads(files["pack.json"])
        hashes = {n: hashlib.sha256(d).hexdigest() for n, d in files.items() if n != "pack.json"}
        files["pack.json"] = json.dumps(manifest | {"files": hashes}).encode()
    out = path.with_name("changed.zip")
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out


def edit(name: str, old: str, new: str) -> Callable[[Files], object]:
    def change(files: Files) -> None:
        assert old in files[name].decode()
        files[name] = files[name].decode().replace(old, new).encode()

    return change


@pytest.fixture
def archive(tmp_path) -> Path:
    return packed(tmp_path, "alpha", ["lego", "ip2p"])


def test_packing_twice_gives_the_same_bytes_and_nothing_of_the_data_set(archive, tmp_path):
    first = archive.read_bytes()
    split = load_split(tmp_path / "alpha/splits/drawn-val")
    again = pack(
        Workspace(tmp_path / "alpha"), split, ["lego", "ip2p"], "alpha", tmp_path / "b.zip"
    )
    assert again.path.read_bytes() == first
    with zipfile.ZipFile(archive) as found:
        names = found.namelist()
        texts = b"".join(found.read(name) for name in names if not name.endswith(".png"))
    assert not any("frames/" in name for name in names)
    assert b"open drawer" not in texts
    row = pd.read_csv(archive.with_suffix(".csv")).iloc[0]
    assert row["archive_sha256"] == hashlib.sha256(first).hexdigest()
    assert (row["group"], row["run"], row["n"]) == ("alpha", "lego", 6)


@pytest.mark.parametrize("licence", [None, "a licence"])
def test_boxes_are_packed_unless_a_licence_covers_them(bench, archive, tmp_path, licence):
    folder = tmp_path / "alpha/splits/drawn-val"
    (folder / "boxes.csv").write_text(
        "sample_id,frame,kind,x,y,width,height\nV00_0,target,tool,1,1,9,9\n"
    )
    manifest = json.loads((folder / "split.json").read_text())
    (folder / "split.json").write_text(json.dumps(manifest | {"licence": licence}))
    found = pack(Workspace(tmp_path / "alpha"), load_split(folder), ["lego"], "alpha").path
    with zipfile.ZipFile(found) as opened:
        assert ("split/boxes.csv" in opened.namelist()) == (licence is None)
    assert bench("verify", found).status == 0


def test_verify_lists_the_differences_of_an_archive(bench, archive):
    assert bench("verify", archive).status == 0

    def change(files: Files) -> None:
        files["runs/lego/images/V01_1.png"] += b"x"
        del files["runs/ip2p/images/V00_0.png"]
        files["runs/lego/images/other.png"] = b"x"

    result = bench("verify", rewritten(archive, change, honest=False))
    assert result.status == 1
    assert sorted(result.out.splitlines()) == [
        "runs/ip2p/images/V00_0.png: is missing",
        "runs/lego/images/V01_1.png: differs from its recorded sha256",
        "runs/lego/images/other.png: not listed in pack.json",
    ]


def test_a_run_changed_after_scoring_is_not_packed(bench, drawn_split):
    write_drawn_run(drawn_split, "lego")
    result = bench("pack")
    assert result.status == 2
    assert "score them with `bench score lego`, then pack them" in result.err
    assert bench("score", "--metrics", "psnr").status == 0
    write_drawn_run(drawn_split, "lego", failed=("V00_0",))
    assert bench("pack").status == 2


def test_several_groups_in_one_report_have_the_values_of_one_scoring(bench, archive, tmp_path):
    other = packed(tmp_path, "beta", ["sdedit"])
    together = packed(tmp_path, "all", ["lego", "ip2p", "sdedit"])
    write_drawn_split(tmp_path / "workspace" / "splits" / "mine", count=6)
    result = bench("report", archive, other)
    assert (result.status, result.err) == (0, "")
    page = tmp_path / "workspace/reports/mine-submissions/index.html"
    text = page.read_text()
    on_screen = text.split('class="on-paper"')[0]
    assert re.findall(r'<th scope="row">([^<]*)</th><td>6</td>', on_screen) == [
        "alpha/lego",
        "alpha/ip2p",
        "beta/sdedit",
    ]
    assert "open drawer" in text
    split = load_split(tmp_path / "workspace/splits/mine")
    joined = join([archive, other], tmp_path / "here", {split.fingerprint: split}).scores[0]
    expected = load_scores(together.parents[1] / "scores/drawn-val/standard")
    columns = ["n", "psnr", "psnr_lo", "psnr_hi"]
    pd.testing.assert_frame_equal(
        joined.summary[columns], expected.summary[columns], check_dtype=False
    )
    columns = ["difference", "p_value"]
    pd.testing.assert_frame_equal(joined.comparisons[columns], expected.comparisons[columns])


def test_without_the_split_the_page_shows_only_the_generated_images(bench, archive, tmp_path):
    result = bench("report", archive)
    assert result.status == 0
    assert "is not in the workspace: its frames and actions are not shown" in result.out
    assert (tmp_path / "workspace/reports/drawn-val-submissions/index.html").is_file()


def test_archives_that_do_not_belong_together_are_rejected(bench, archive, tmp_path):
    same = packed(tmp_path / "again", "alpha", ["lego"])
    assert "Two archives contain 'alpha/lego'" in bench("report", archive, same).err
    released = packed(tmp_path, "gamma", ["sdedit"], protocol="lego-release")
    assert "no protocol in common" in bench("report", archive, released).err

    def moved(files: Files) -> None:
        for name in [name for name in files if name.endswith(".json")]:
            text = files[name].decode()
            fingerprint = json.loads(files["pack.json"])["split"]["fingerprint"]
            files[name] = text.replace(fingerprint, "0" * 64).encode()

    other = rewritten(packed(tmp_path, "delta", ["sdedit"]), moved)
    result = bench("report", archive, other)
    assert result.status == 2
    assert "belong to different test sets (drawn-val, " in result.err


def test_a_metric_that_was_computed_differently_is_left_out(archive, tmp_path):
    other = packed(tmp_path, "beta", ["sdedit"], metrics=["psnr", "ssim"])

    def change(files: Files) -> None:
        edit("scores/standard/score.json", "range:255", "range:1")(files)

    scores = join([archive, rewritten(other, change)], tmp_path / "here", {}).scores[0]
    assert list(scores.metrics) == ["ssim"]
    assert scores.summary["ssim"].isna().tolist() == [True, True, False]
    assert any(note.startswith("psnr is omitted") for note in scores.manifest.notices)


def test_versions_of_packages_may_differ(archive, tmp_path):
    """Neither does the version that 0.1.0 wrote in place of a metric's revision."""
    other = packed(tmp_path, "beta", ["sdedit"])
    for same in ("|v:0.1.0", "|v:9.9", ""):
        changed = rewritten(other, edit("scores/standard/score.json", "|r:1", same))
        scores = join([archive, changed], tmp_path / "here", {}).scores[0]
        assert list(scores.metrics) == ["psnr"]
        assert not any("is omitted" in note for note in scores.manifest.notices)


def test_another_revision_of_a_metric_counts_as_computed_differently(archive, tmp_path):
    other = packed(tmp_path, "beta", ["sdedit"], metrics=["psnr", "ssim"])

    def change(files: Files) -> None:
        edit("scores/standard/score.json", "range:255|r:1", "range:255|r:2")(files)

    scores = join([archive, rewritten(other, change)], tmp_path / "here", {}).scores[0]
    assert list(scores.metrics) == ["ssim"]
    assert any(note.startswith("psnr is omitted") for note in scores.manifest.notices)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "/tmp/evil.png",
        "runs/lego/images/../../../evil.png",
        "runs/lego/images/a\\..\\evil.png",
        "runs/../evil/run.json",
        "runs/lego/images/.hidden",
        "C:/evil.png",
        "notes.txt",
        "runs/lego/images/",
    ],
)
def test_unsafe_names_in_an_archive_are_rejected(bench, archive, tmp_path, name):
    with zipfile.ZipFile(archive, "a") as changed:
        changed.writestr(name, b"x")
    before = sorted(path for path in tmp_path.rglob("*") if "workspace" not in path.parts)
    result = bench("report", archive)
    assert result.status == 2
    assert "is refused: " in result.err
    assert result.err.count("\n") == 1
    assert sorted(path for path in tmp_path.rglob("*") if "workspace" not in path.parts) == before
    assert not (tmp_path / "workspace").exists()


def test_links_are_refused(bench, archive):
    link = zipfile.ZipInfo("runs/lego/images/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as changed:
        changed.writestr(link, "/etc/passwd")
    assert "is a link or not a regular file" in bench("report", archive).err
    assert "is a link or not a regular file" in bench("verify", archive).err


def test_zip_bombs_are_rejected(bench, archive):
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as changed:
        changed.writestr("runs/lego/images/zeros.png", bytes(150 << 20))
    result = bench("report", archive)
    assert result.status == 2
    assert "would unpack to more than" in result.err


def test_duplicate_files_and_broken_archives_are_rejected(bench, archive, tmp_path):
    with pytest.warns(UserWarning), zipfile.ZipFile(archive, "a") as changed:
        changed.writestr("pack.json", b"{}")
    assert "lists a file twice" in bench("report", archive).err
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK no zip")
    assert "is not a zip archive made by `bench pack`" in bench("report", broken).err
    missing = bench("report", tmp_path / "none.zip").err
    assert "none.zip was not found: create one with `bench pack`" in missing


def test_a_changed_archive_is_rejected_and_leaves_no_files(bench, archive, tmp_path):
    changed = rewritten(archive, edit("scores/standard/scores.csv", "1", "2"), honest=False)
    result = bench("report", changed)
    assert result.status == 2
    assert "scores/standard/scores.csv: differs from its recorded sha256" in result.err
    assert list((tmp_path / "workspace").rglob("*.csv")) == []


def hide(files: Files) -> None:
    """Make a table refer to a file outside the archive as a run's image."""
    edit("runs/lego/samples.csv", "images/V00_0.png", "../../../../etc/passwd")(files)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (hide, "which is not its own file images/V00_0.png"),
        (edit("scores/standard/score.json", '"decimals": 2', '"decimals": "2"'), "decimals"),
        (
            edit("scores/standard/scores.csv", ",psnr,", ",psnr,x"),
            "could not convert string to float",
        ),
        (edit("scores/standard/scores.csv", "run,", "ran,"), "lacks the column run"),
        (edit("runs/lego/run.json", '"method": "lego"', '"method": 7'), "method"),
        (edit("pack.json", '"format": 1', '"format": 2'), "has format 2"),
        (edit("pack.json", '"group": "alpha"', '"group": "../alpha"'), "group"),
    ],
)
def test_malicious_tables_and_manifests_are_one_sentence(bench, archive, change, sentence):
    result = bench("report", rewritten(archive, change))
    assert result.status == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1


def rows(*changes: tuple[int, str, object], repeat: int = 0) -> Callable[[Files], object]:
    """Change cells of scores.csv, and repeat its first rows."""

    def change(files: Files) -> None:
        name = "scores/standard/scores.csv"
        table = pd.read_csv(BytesIO(files[name]), dtype=str, keep_default_na=False)
        for row, column, value in changes:
            table.loc[row, column] = value
        table = pd.concat([table, table[:repeat]])
        files[name] = table.to_csv(index=False).encode()

    return change


def manifest(name: str, **values: object) -> Callable[[Files], object]:
    def change(files: Files) -> None:
        files[name] = json.dumps(json.loads(files[name]) | values).encode()

    return change


def about_psnr(**values: object) -> Callable[[Files], object]:
    def change(files: Files) -> None:
        name = "scores/standard/score.json"
        content = json.loads(files[name])
        content["metrics"]["psnr"] |= values
        files[name] = json.dumps(content).encode()

    return change


def test_a_submission_cannot_change_how_a_known_metric_is_shown(bench, archive):
    pages = []
    for change in (
        lambda files: None,
        about_psnr(lowest=-1e9, highest=1e-9, label="EgoVLP", decimals=0, advised_samples=10**6),
    ):
        assert (
            bench("report", rewritten(archive, change), "--out", archive.parent / "page").status
            == 0
        )
        page = (archive.parent / "page/index.html").read_text()
        pages.append(re.findall(r'<table class="results">.*?</table>', page, re.DOTALL)[0])
    assert "PSNR" in pages[0]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (rows((0, "value", "-99")), "a value of psnr of -99, and its range is 0 to inf"),
        (rows((0, "value", "nan")), "scores.csv is not a readable table"),
        (rows(repeat=1), "contains a value twice"),
        (rows((0, "run", "imaginary")), "names the run 'imaginary', which is not in the archive"),
        (rows((0, "sample_id", "V99_9")), "values of sample 'V99_9', of which run 'lego' has no"),
        (rows((0, "sample_id", "")), "values of psnr that are not of each sample"),
        (rows((0, "metric", "ssim")), "has values of 'ssim', unlike score.json"),
        (about_psnr(factor=1000.0), "with factor 1000.0 for psnr, and this toolkit has 1.0"),
        (about_psnr(higher_is_better=False), "with higher_is_better False for psnr"),
        (manifest("runs/lego/run.json", counts={"samples": 7}), "the counts of runs/lego/run.json"),
        (manifest("runs/lego/run.json", counts={"samples": -6}), "counts.samples: "),
        (manifest("runs/lego/run.json", timing={"seconds": -1.0}), "timing.seconds: "),
        (manifest("pack.json", runs=["lego", "lego"]), "lists a run or protocol twice"),
        (manifest("pack.json", runs=["lego"]), "belongs to no run or protocol of pack.json"),
        (manifest("pack.json", runs=["lego", "ip2p", "x"]), "runs/x/run.json is missing"),
        (lambda files: files.pop("scores/standard/errors.csv"), "errors.csv is missing"),
        (lambda files: files.pop("runs/ip2p/images/V00_0.png"), "names 'images/V00_0.png', which"),
        (edit("split/samples.csv", "V00_0", "V01_1"), "contains the sample 'V01_1' twice"),
        (edit("split/samples.csv", "V00_0", "V77_7"), "contains the sample 'V00_0', which the"),
    ],
)
def test_archives_whose_content_is_not_plausible_are_rejected(bench, archive, change, sentence):
    changed = rewritten(archive, change)
    result = bench("report", changed)
    assert result.status == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1
    assert not list(changed.parents[2].glob("workspace/submissions/*"))
    assert bench("verify", changed).status != 0


def test_an_archive_has_the_samples_of_the_split_of_its_fingerprint(bench, archive, tmp_path):
    write_drawn_split(tmp_path / "workspace" / "splits" / "mine", count=6)
    result = bench("report", rewritten(archive, edit("split/samples.csv", ",V00", ",V01")))
    assert result.status == 2
    assert "does not contain the samples of split 'mine'" in result.err


@pytest.mark.parametrize(("runs", "metrics", "refused"), [(20, 16, False), (100, 16, True)])
def test_the_number_of_paired_tests_is_bounded(runs, metrics, refused):
    assert bool(too_many(runs, metrics)) is refused
    assert too_many(1, 10_000) is None


def test_unpacking_again_reuses_the_unpacked_files(archive, tmp_path):
    _, folder = unpack(archive, tmp_path / "here")
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert unpack(archive, tmp_path / "here")[1] == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times
    assert load_run(folder / "runs/lego").finished["sample_id"].size == 6
