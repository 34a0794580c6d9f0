"""The pages in a real browser: answered by mouse and by keyboard, saved, and imported again."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from drawn_runs import write_drawn_run

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator["sync_api.Page"]:
    context = browser.new_context(accept_downloads=True, offline=True)
    page = context.new_page()
    page.failures = []
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    yield page
    assert page.failures == []
    context.close()


@pytest.fixture
def study(bench, drawn_split) -> Path:
    for name in ("lego", "ip2p", "sdedit"):
        write_drawn_run(drawn_split, name)
    assert bench("export-amt").status == 0
    return drawn_split.parents[1] / "studies" / "drawn-val-best-of"


def saved(page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click("header [data-do=save]")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_preview_answers_by_mouse_and_keyboard_survive_a_reload_and_are_imported(
    bench, page, study, tmp_path
):
    page.goto((study / "preview.html").as_uri())
    shown = page.locator("form.current img")
    assert shown.count() == 4
    assert shown.evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 0)")
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


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_its_window(page, study, width):
    page.set_viewport_size({"width": width, "height": 900})
    for name in ("hit.html", "preview.html"):
        page.goto((study / name).as_uri(), wait_until="domcontentloaded")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
