"""The pages in a real browser: answered by mouse and keyboard, saved, and imported."""

import csv
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from drawn_runs import write_drawn_run
from egoactgen_bench.support.files import read_csv

CROWD_SCRIPT = "https://assets.crowd.aws/crowd-html-elements.js"
LOADED = """selector => Array.from(document.querySelectorAll(selector))
    .every(image => image.complete && image.naturalWidth > 0)"""


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
    page.wait_for_function(LOADED, arg="form.current img")  # fails after a timeout
    page.click("form.current label.choice:nth-of-type(2)")
    page.fill("form.current textarea", '=1+1, "שלום"\n🧅')
    page.keyboard.press("1")  # typed into the comment: does not choose
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


@pytest.fixture
def crowd(page) -> "Crowd":
    page.context.set_offline(False)
    page.route(
        CROWD_SCRIPT,
        lambda route: route.fulfill(path=Path(__file__).parents[2] / "helpers" / "crowd_form.js"),
    )
    return Crowd(page)


class Crowd:
    """A simulation of Mechanical Turk for workers and requesters."""

    def __init__(self, page) -> None:
        self.page = page
        self.rows: list[dict[str, str]] = []

    def show(self, study: Path, task: int) -> None:
        """Open hit.html with its placeholders replaced by a row of batch.csv."""
        self.inputs = read_csv(study / "batch.csv", dtype=str).to_dict("records")[task]
        text = (study / "hit.html").read_text()
        text = re.sub(r"\$\{(\w+)\}", lambda name: self.inputs[name[1]], text)
        (study / "filled.html").write_text(text)
        self.page.goto((study / "filled.html").as_uri())
        self.page.wait_for_function(LOADED, arg="img")  # fails after a timeout

    def submitted(self) -> bool:
        """Whether the page submitted its answers; if so, they are added to the results."""
        answers = self.page.evaluate("window.taskAnswers")
        if answers:
            about = {"AssignmentId": f"a{len(self.rows)}", "WorkerId": "A1"}
            shown = {f"Input.{column}": value for column, value in self.inputs.items()}
            about |= {"AssignmentStatus": "Approved", "Answer.taskAnswers": answers}
            self.rows.append(about | shown)
        return bool(answers)

    def results(self, path: Path) -> Path:
        pd.DataFrame(self.rows).to_csv(path, index=False, quoting=csv.QUOTE_ALL)
        return path


def tab_to(page, selector: str) -> None:
    """Press Tab until an element is focused, as without a mouse."""
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def press_submit(page) -> None:
    tab_to(page, "crowd-button")
    page.keyboard.press("Enter")


def test_hit_page_is_answered_by_keyboard_alone_and_imported(bench, page, crowd, study, tmp_path):
    crowd.show(study, 0)
    press_submit(page)
    assert not crowd.submitted()
    assert page.is_visible(".missing")
    page.keyboard.press("ArrowRight")  # the first unanswered question has the focus: from A to B
    tab_to(page, "textarea")
    page.keyboard.type("=SUM(1), a b c 1 2 3")  # letters of a comment do not choose
    press_submit(page)
    assert crowd.submitted()
    assert not page.is_visible(".missing")
    crowd.show(study, 1)
    page.keyboard.press("c")
    press_submit(page)
    assert crowd.submitted()
    path = crowd.results(tmp_path / "results.csv")
    assert bench("import-amt", path, "--study", study).status == 0
    key = pd.read_csv(study / "key.csv").set_index(["task", "position"])["run"]
    ratings = read_csv(study / "ratings.csv").set_index("task")
    assert ratings["run"].to_dict() == {"t001": key["t001", 2], "t002": key["t002", 3]}
    assert ratings["comment"].fillna("").tolist() == ["'=SUM(1), a b c 1 2 3", ""]


def test_description_hit_page_is_answered_by_keyboard_alone_and_imported(
    bench, page, crowd, description_study, tmp_path
):
    crowd.show(description_study, 0)
    tab_to(page, "[name=fits]")
    page.keyboard.press("Space")
    press_submit(page)
    assert not crowd.submitted()
    assert page.evaluate("document.activeElement.name") == "invents"
    page.keyboard.press("ArrowDown")
    press_submit(page)
    assert crowd.submitted()
    crowd.show(description_study, 1)
    page.keyboard.press("2")
    page.keyboard.press("3")
    press_submit(page)
    assert crowd.submitted()
    path = crowd.results(tmp_path / "results.csv")
    assert bench("import-amt", path, "--study", description_study).status == 0
    ratings = read_csv(description_study / "ratings.csv")
    assert ratings["task"].tolist() == ["t001", "t002"]
    assert ratings[["fits", "invents"]].to_numpy().tolist() == [["yes", "no"], ["no", "yes"]]


def test_hit_page_is_answered_by_mouse_and_imported(bench, page, crowd, study, tmp_path):
    for task in (0, 1):
        crowd.show(study, task)
        page.click("label.choice:nth-of-type(3)")
        page.fill("textarea", "=SUM(1)")
        page.click("crowd-button")
        assert crowd.submitted()
    path = crowd.results(tmp_path / "results.csv")
    assert bench("import-amt", path, "--study", study).status == 0
    key = pd.read_csv(study / "key.csv").set_index(["task", "position"])["run"]
    ratings = read_csv(study / "ratings.csv").set_index("task")
    assert ratings["run"].to_dict() == {"t001": key["t001", 3], "t002": key["t002", 3]}
    assert ratings["comment"].tolist() == ["'=SUM(1)"] * 2


def test_preview_is_answered_and_saved_by_keyboard_alone(bench, page, study, tmp_path):
    page.goto((study / "preview.html").as_uri())
    for letter in "abc":
        page.keyboard.press(letter)
        page.keyboard.press("Enter")
    tab_to(page, "form.current input")
    page.keyboard.press("ArrowDown")  # from A to B
    with page.expect_download() as download:
        for _ in range(4):
            page.keyboard.press("Shift+Tab")
            if page.evaluate("document.activeElement.matches('header [data-do=save]')"):
                break
        page.keyboard.press("Space")
    download.value.save_as(tmp_path / "saved.csv")
    assert bench("import-amt", tmp_path / "saved.csv", "--study", study).status == 0
    key = pd.read_csv(study / "key.csv").set_index(["task", "position"])["run"]
    ratings = pd.read_csv(study / "ratings.csv").set_index("task")["run"]
    chosen = {"t001": 1, "t002": 2, "t003": 3, "t004": 2}
    assert ratings.to_dict() == {task: key[task, place] for task, place in chosen.items()}


def test_description_preview_is_answered_by_mouse_and_keyboard_and_imported(
    bench, page, site, description_study, tmp_path
):
    page.goto(f"{site(description_study)}/preview.html")
    page.wait_for_function(LOADED, arg="form.current img")  # fails after a timeout
    assert page.inner_text("form.current blockquote") == 'She <b>"opens"</b> it; פתח 🧅'
    answers = page.locator("form.current label.answer")
    answers.nth(0).click()
    answers.nth(3).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.keyboard.press("1")  # the second question stays unanswered
    assert page.inner_text(".done") == "2 answered"
    path = saved(page, tmp_path)
    assert bench("import-amt", path, "--study", description_study).status == 0
    ratings = read_csv(description_study / "ratings.csv").set_index("task")
    assert ratings[["fits", "invents"]].to_numpy().tolist() == [["yes", "no"], ["no", "yes"]]
    key = pd.read_csv(description_study / "key.csv").set_index("task")["run"]
    assert ratings["description"].to_dict() == key[["t001", "t002"]].to_dict()


@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_the_width_of_the_window(page, study, width):
    page.set_viewport_size({"width": width, "height": 900})
    for name in ("hit.html", "preview.html"):
        page.goto((study / name).as_uri(), wait_until="domcontentloaded")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
