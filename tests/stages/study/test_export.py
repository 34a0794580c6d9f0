"""`bench export-amt`: the content of a batch, what raters must not see, and refusals."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drawn_runs import write_drawn_run
from drawn_split import write_drawn_split
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.files import sha256_file, write_csv, write_json
from egoactgen_bench.support.images import png_bytes, write_png


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def study(drawn_split: Path) -> Path:
    """The folder of the default study of the drawn split, which has three runs."""
    for name in ("lego", "ip2p", "sdedit"):
        write_drawn_run(drawn_split, name)
    return drawn_split.parents[1] / "studies" / "drawn-val-best-of"


def test_batch_and_key_have_the_contract_columns(bench, study):
    result = bench("export-amt")
    assert result.status == 0, result.err
    batch, key = rows_of(study / "batch.csv"), rows_of(study / "key.csv")
    assert list(batch[0]) == ["task", "action", "input", "image_1", "image_2", "image_3"]
    assert list(key[0])[:5] == ["task", "position", "run", "sample_id", "kind"]
    assert len(batch) == 6
    assert len(key) == 18
    assert {row["kind"] for row in key} == {"vote"}
    assert "preview" in result.out
    assert "only 6 examples can be shown, not 60" in result.out
    for name in ("study.json", "hit.html", "preview.html"):
        assert (study / name).is_file()


def test_each_run_is_at_each_position_equally_often(bench, study):
    bench("export-amt")
    counts = Counter((row["run"], row["position"]) for row in rows_of(study / "key.csv"))
    assert set(counts.values()) == {2}
    assert len(counts) == 9


def test_key_names_the_run_whose_pixels_are_shown(bench, study, drawn_split):
    bench("export-amt")
    cells = {row["task"]: row for row in rows_of(study / "batch.csv")}
    runs = drawn_split.parents[1] / "runs" / "drawn-val"
    for row in rows_of(study / "key.csv"):
        shown = np.asarray(Image.open(study / cells[row["task"]][f"image_{row['position']}"]))
        made = np.asarray(Image.open(runs / row["run"] / "images" / f"{row['sample_id']}.png"))
        assert (shown == made[0, 0]).all()
        assert shown.shape == (64, 96, 3)


def test_raters_cannot_see_the_method(bench, study):
    bench("export-amt", "--image-base-url", "https://host.example/study", "--checks", 2)
    for name in ("batch.csv", "hit.html", "preview.html"):
        text = (study / name).read_text()
        for word in ("lego", "ip2p", "sdedit", "vote", "sample_id", "V00_0"):
            assert word not in text.lower().replace("drawn-val-best-of", ""), (name, word)
    sizes = set()
    for path in (study / "images").iterdir():
        assert len(path.stem) == 32
        assert int(path.stem, 16)
        with Image.open(path) as image:
            image.load()
            assert image.info == {}
            sizes.add(image.size)
    assert sizes == {(96, 64)}


def test_names_and_orders_cannot_be_recomputed_without_the_runs_of_the_whole_split(
    bench, study, drawn_split
):
    bench("export-amt", "--examples", 3)
    names = sorted(path.name for path in (study / "images").iterdir())
    outside = load_split(drawn_split).samples["sample_id"].tolist()
    outside = next(s for s in outside if s not in (study / "key.csv").read_text())
    run = drawn_split.parents[1] / "runs" / "drawn-val" / "lego"
    table = pd.read_csv(run / "samples.csv", keep_default_na=False)
    table.loc[table["sample_id"] == outside, "sha256"] = "0" * 64
    write_csv(run / "samples.csv", table)
    bench("export-amt", "--examples", 3, "--name", "other", "lego", "ip2p", "sdedit")
    other = sorted(path.name for path in (study.parent / "other" / "images").iterdir())
    assert not set(names) & set(other)


def test_the_same_command_writes_the_same_bytes(bench, study, tmp_path):
    def hashes(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}

    bench("export-amt", "--checks", 3)
    first = hashes(study)
    bench("export-amt", "--checks", 3)
    assert hashes(study) == first
    bench("export-amt", "--checks", 3, "--out", tmp_path / "again")
    assert hashes(tmp_path / "again") == first


def test_another_study_is_only_replaced_with_overwrite(bench, study):
    bench("export-amt")
    key = (study / "key.csv").read_bytes()
    result = bench("export-amt", "--seed", 1)
    assert result.status == 2
    assert "--overwrite" in result.err
    assert (study / "key.csv").read_bytes() == key
    assert bench("export-amt", "--seed", 1, "--overwrite").status == 0
    assert (study / "key.csv").read_bytes() != key
    url = "https://host.example/study"
    assert bench("export-amt", "--seed", 1, "--image-base-url", url).status == 0  # the same key
    assert bench("export-amt", "--seed", 1).status == 0
    shown = {row[c] for row in rows_of(study / "batch.csv") for c in row if c.startswith("i")}
    assert shown == {f"images/{path.name}" for path in (study / "images").iterdir()}


def test_single_run_is_compared_with_copy_input(bench, study):
    result = bench("export-amt", "lego")
    assert "copy-input" in result.out
    assert {row["run"] for row in rows_of(study / "key.csv")} == {"lego", "copy-input"}
    cells = {row["task"]: row for row in rows_of(study / "batch.csv")}
    for row in rows_of(study / "key.csv"):
        if row["run"] == "copy-input":
            shown = (study / cells[row["task"]][f"image_{row['position']}"]).read_bytes()
            assert shown == (study / cells[row["task"]]["input"]).read_bytes()


def test_only_samples_that_every_run_has_are_shown(bench, study, drawn_split):
    write_drawn_run(drawn_split, "sdedit", failed=("V00_0", "V01_1"))
    result = bench("export-amt")
    shown = {row["sample_id"] for row in rows_of(study / "key.csv")}
    assert shown == {"V02_2", "V00_3", "V01_4", "V02_5"}
    assert "only 4 examples can be shown, not 60" in result.out


def test_checks_have_known_answers_and_are_not_votes(bench, study, drawn_split):
    bench("export-amt", "--examples", 3, "--checks", 4)
    key = pd.read_csv(study / "key.csv", keep_default_na=False, dtype=str)
    cells = pd.read_csv(study / "batch.csv").set_index("task")
    votes, checks = key[key["kind"] == "vote"], key[key["kind"] == "check"]
    assert votes["task"].nunique() == 3
    assert checks["task"].nunique() == 4
    known = checks[checks["run"] == "target"]
    assert len(known) == 2
    assert (known["position"] == known["expected"]).all()
    assert not set(known["sample_id"]) & set(votes["sample_id"])
    for _, row in known.iterrows():
        shown = Image.open(study / cells.loc[row["task"], f"image_{row['position']}"])
        true = Image.open(drawn_split / "frames" / row["sample_id"] / "target.png")
        assert png_bytes(shown) == png_bytes(true)
    for _, group in checks[checks["repeats"] != ""].groupby("task"):
        asked = votes[votes["task"] == group["repeats"].iloc[0]]
        assert asked["run"].tolist() != group["run"].tolist()
        assert set(asked["run"]) == set(group["run"])
        assert set(asked["sample_id"]) == set(group["sample_id"])


def test_cost_and_wage_are_printed(bench, study):
    out = bench("export-amt", "--pay", "0.10", "--seconds-per-task", 30).out
    assert "6 tasks × 5 raters = 30 answers" in out
    assert "$3.60" in out  # 30 · 0.10 · 1.2
    assert "$12.00 per hour" in out


def test_hit_has_a_placeholder_for_every_column(bench, study):
    bench("export-amt", "--image-base-url", "https://host.example/study/", "--examples", 2)
    page = (study / "hit.html").read_text()
    for column in ("action", "input", "image_1", "image_2", "image_3"):
        assert f"${{{column}}}" in page
    assert "https://assets.crowd.aws/crowd-html-elements.js" in page
    assert page.count('type="radio"') == page.count("required>") == 3
    assert 'src="https://host.example/study/' in page  # the instructions' example
    row = rows_of(study / "batch.csv")[0]
    assert row["image_1"].startswith("https://host.example/study/")
    assert (study / "images" / row["image_1"].rpartition("/")[2]).is_file()


def test_manifest_hashes_every_file(bench, study):
    bench("export-amt")
    files = json.loads((study / "study.json").read_text())["files"]
    on_disk = {p.relative_to(study).as_posix() for p in study.rglob("*") if p.is_file()}
    assert set(files) == on_disk - {"study.json"}
    assert all(sha256_file(study / name) == value for name, value in files.items())


def test_verify_reports_a_changed_study(bench, study):
    bench("export-amt")
    assert bench("verify", study).status == 0
    with (study / "key.csv").open("a") as stream:
        stream.write(" ")
    result = bench("verify", study)
    assert result.status == 1
    assert "key.csv" in result.out + result.err


def refusals(split: Path):
    yield ["nope"], "No finished run 'nope' of split"
    yield ["--image-base-url", "ftp://x"], "is not a URL like https://"
    yield ["--image-base-url", "https://x/y?z=1"], "is not a URL like https://"
    yield ["--name", "../x"], "is not a valid study name"
    yield ["--descriptions", "x"], "is an option of --study description"
    yield ["--study", "description"], "has no descriptions"
    yield ["--study", "description", "lego"], "compares sets of descriptions, not runs"
    yield ["--split", "drown-val"], "Did you mean 'drawn-val'?"


def test_invalid_calls_are_refused_in_one_sentence(bench, study, drawn_split):
    for call, words in refusals(drawn_split):
        result = bench("export-amt", *call)
        assert result.status == 2, call
        assert words in result.err
        assert result.err.count("\n") == 1
    assert not study.exists()


def test_missing_runs_other_split_and_changed_image_are_refused(bench, drawn_split):
    assert "no finished run" in bench("export-amt").err
    folder = write_drawn_run(drawn_split, "copy-input")
    assert "nothing to compare it with" in bench("export-amt").err
    write_drawn_run(drawn_split, "lego")
    write_png(folder / "images" / "V00_0.png", Image.new("RGB", (64, 64)))
    assert "differs from the image that run 'copy-input' recorded" in bench("export-amt").err
    manifest = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", manifest | {"fingerprint": "0" * 64})
    assert "fingerprints differ" in bench("export-amt").err


def test_examples_are_stratified_by_verb(bench, tmp_path):
    split = write_drawn_split(tmp_path / "workspace" / "splits" / "wide", count=30)
    write_drawn_run(split, "lego")
    bench("export-amt", "--examples", 9)
    key = pd.read_csv(tmp_path / "workspace/studies/wide-best-of/key.csv")
    shown = load_split(split).samples.set_index("sample_id").loc[key["sample_id"].unique()]
    assert shown["verb"].value_counts().to_dict() == {"open": 3, "take": 3, "cut": 3}
