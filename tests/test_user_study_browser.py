"""The pages in a real browser: answered by mouse and by keyboard, saved, and imported again."""

import csv
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from drawn_runs import write_drawn_run
from egoactgen_bench.files import read_csv

CROWD_SCRIPT = '<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>'
LOADED = """selector => Array.from(document.querySelectorAll(selector))
    .every(image => image.complete && image.naturalWidth > 0)"""
# What Mechanical Turk gathers when a crowd-form is submitted.
ANSWERS = """() => Object.fromEntries(Array.from(
  document.querySelectorAll("crowd-form input:checked, crowd-form textarea"),
  field => [field.name, field.value]))"""


@pytest.fixture
def study(bench, drawn_split) -> Path:
    for name in ("lego", "ip2p", "sdedit"):
        write_drawn_run(drawn_split, name)
    assert bench("export-amt").status == 0
    return drawn_split.parents[1] / "studies" / "drawn-val-best-of"


@pytest.fixture
def description_study(bench, drawn_split) -> Path:
    samples = read_csv(drawn_split / "samples.csv")
    texts = {"sample_id": samples["sample_id"], "description": 'She <b>"opens"</b> it; פתח 🧅'}
    (drawn_split / "descriptions").mkdir()
    for name in ("tuned", "shelf"):
        pd.DataFrame(texts).to_csv(drawn_split / f"descriptions/{name}.csv", index=False)
    assert bench("export-amt", "--study", "description").status == 0
    return drawn_split.parents[1] / "studies" / "drawn-val-description"


def saved(page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click("header [data-do=save]")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_preview_answers_by_mouse_and_keyboard_survive_a_reload_and_are_imported(
    bench, page, site, study, tmp_path
):
    page.goto(f"{site(study)}/preview.html")
    shown = page.locator("form.current img")
    assert shown.count() == 4
    page.wait_for_function(LOADED, arg="form.current img")  # fails after its time
    page.click("form.current label.choice:nth-of-type(2)")
    page.fill("form.current textarea", '=1+1, "שלום"\n🧅')
    page.keyboard.press("1")  # typed into the comment, no choice
    page.click("[data-do=next]")
    page.keyboard.press("3")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    page.reload()
    assert page.inner_text(".where") == "Task 3 of 6"
    assert page.inner_text(".done") == "3 answered"
    assert page.is_checked("form.current input[value='1']")
    path = saved(page, tmp_path)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["Input.task"] for row in rows] == ["t001", "t002", "t003"]
    assert rows[0]["AssignmentStatus"] == "Submitted"
    assert re.fullmatch(r"\w{3} \w{3} \d\d [\d:]{8} UTC \d{4}", rows[0]["SubmitTime"])
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert bench("import-amt", path, "--study", study).status == 0
    key = pd.read_csv(study / "key.csv").set_index(["task", "position"])["run"]
    ratings = pd.read_csv(study / "ratings.csv").set_index("task")["run"]
    assert ratings.to_dict() == {
        "t001": key["t001", 2],
        "t002": key["t002", 3],
        "t003": key["t003", 1],
    }
    comments = json.loads((study / "comments.json").read_text())
    assert [entry["comment"] for entry in comments] == ['=1+1, "שלום"\n🧅1']


def test_hit_page_is_answered_by_keyboard_and_says_what_is_missing(page, study, tmp_path):
    with (study / "batch.csv").open(newline="") as stream:
        row = next(csv.DictReader(stream))
    text = re.sub(r"\$\{(\w+)\}", lambda name: row[name[1]], (study / "hit.html").read_text())
    (study / "filled.html").write_text(text)
    page.goto((study / "filled.html").as_uri(), wait_until="domcontentloaded")
    submit = (
        "document.querySelector('crowd-form').dispatchEvent(new Event('submit',{cancelable:true}))"
    )
    assert page.evaluate(submit) is False
    assert page.is_visible(".missing")
    page.keyboard.press("2")
    assert page.is_checked("input[value='2']")
    assert page.evaluate(submit) is True
    assert not page.is_visible(".missing")


def test_description_preview_is_answered_by_mouse_and_keyboard_and_imported(
    bench, page, site, description_study, tmp_path
):
    page.goto(f"{site(description_study)}/preview.html")
    page.wait_for_function(LOADED, arg="form.current img")  # fails after its time
    assert page.inner_text("form.current blockquote") == 'She <b>"opens"</b> it; פתח 🧅'
    answers = page.locator("form.current label.answer")
    answers.nth(0).click()
    answers.nth(3).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.keyboard.press("1")  # the second question stays open: not answered
    assert page.inner_text(".done") == "2 answered"
    path = saved(page, tmp_path)
    assert bench("import-amt", path, "--study", description_study).status == 0
    ratings = read_csv(description_study / "ratings.csv").set_index("task")
    assert ratings[["fits", "invents"]].to_numpy().tolist() == [["yes", "no"], ["no", "yes"]]
    key = pd.read_csv(description_study / "key.csv").set_index("task")["run"]
    assert ratings["description"].to_dict() == key[["t001", "t002"]].to_dict()


def test_hit_page_is_answered_by_mouse_and_imported(bench, page, study, tmp_path):
    rows = []
    for row in read_csv(study / "batch.csv", dtype=str).to_dict("records")[:2]:
        text = (study / "hit.html").read_text().replace(CROWD_SCRIPT, "")
        for column, value in row.items():
            text = text.replace(f"${{{column}}}", value)
        (study / "filled.html").write_text(text)
        page.goto((study / "filled.html").as_uri())
        page.wait_for_function(LOADED, arg="img")  # fails after its time
        page.click("label.choice:nth-of-type(3)")
        page.fill("textarea", "=SUM(1)")
        answer = {f"Answer.{name}": value for name, value in page.evaluate(ANSWERS).items()}
        rows.append({f"Input.{column}": value for column, value in row.items()} | answer)
    meta = {"WorkerId": "A1", "AssignmentStatus": "Approved"}
    table = [{"AssignmentId": f"a{n}"} | meta | row for n, row in enumerate(rows)]
    pd.DataFrame(table).to_csv(tmp_path / "results.csv", index=False)
    assert bench("import-amt", tmp_path / "results.csv", "--study", study).status == 0
    key = pd.read_csv(study / "key.csv").set_index(["task", "position"])["run"]
    ratings = read_csv(study / "ratings.csv").set_index("task")
    assert ratings["run"].to_dict() == {"t001": key["t001", 3], "t002": key["t002", 3]}
    assert ratings["comment"].tolist() == ["'=SUM(1)"] * 2


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_its_window(page, study, width):
    page.set_viewport_size({"width": width, "height": 900})
    for name in ("hit.html", "preview.html"):
        page.goto((study / name).as_uri(), wait_until="domcontentloaded")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
