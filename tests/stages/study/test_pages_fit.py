"""Everything that an answer needs is in the window, on a desktop and on a telephone."""

import re
from pathlib import Path

import pytest
from PIL import Image

from egoactgen_bench.stages.study.study_pages import Look, PageImage, Row, hit, preview

WINDOWS = {"desktop": (1440, 900), "telephone": (390, 844)}
SIZES = {"square": (256, 256), "4:3": (342, 256), "16:9": (456, 256)}
DESCRIPTION = (
    "A hand reaches for the handle of the wooden drawer below the counter, grips it with the "
    "fingers and the thumb, and pulls it slowly towards the person, so that the cutlery inside "
    "becomes visible, while the other hand rests on the counter next to the sink. The cutting "
    "board with the onion stays where it was, and so do the two mugs."
)
TASKS = (("best-of", 2), ("best-of", 4), ("best-of", 9), ("description", 1))
NEEDED = (".action", ".frame img", ".question", "legend", ".choice", ".answer", "blockquote")
LAST = {"hit": "crowd-button", "preview": "header [data-do=next]"}


def write_page(folder: Path, page: str, study: str, candidates: int, size: tuple[int, int]) -> str:
    """Write a page of one task, and return its URL."""
    (folder / "images").mkdir(exist_ok=True)
    Image.new("RGB", size, "teal").save(folder / "images/frame.png")
    look = Look(study, candidates, None, None, size[0] / size[1])
    texts = {"action": "take a plate from the drying rack", "description": DESCRIPTION}
    names = ["input", "target", *(f"image_{n + 1}" for n in range(candidates))]
    if page == "preview":
        columns = texts | dict.fromkeys(names, PageImage("frame.png"))
        html = preview(look, "study", [Row("t001", columns)], [{"task": "t001"}], b"key")
    else:
        filled = texts | dict.fromkeys(names, "images/frame.png")
        html = re.sub(r"\$\{(\w+)\}", lambda name: filled[name[1]], hit(look, "images"))
    path = folder / f"{page}.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


def show(page, url: str) -> None:
    """Open a page and wait for its images, which move what is below them."""
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth)")


def boxes(page, selector: str) -> list[dict[str, float]]:
    return [box for each in page.locator(selector).all() if (box := each.bounding_box())]


def outside(page, width: int, height: int, last: str) -> list[str]:
    """The needed parts that are not wholly in the window, or below a bar."""
    bars = [b for b in boxes(page, ".bar, .submit") if b["y"] > height / 2]
    end = min([height, *(bar["y"] for bar in bars)]) + 0.5
    found = [(name, box, end) for name in NEEDED for box in boxes(page, name)]
    found += [(last, box, height) for box in boxes(page, last)]
    assert len(found) >= 5
    return [
        f"{name}: {box}"
        for name, box, below in found
        if not (0 <= box["x"] <= box["x"] + box["width"] <= width and box["y"] >= 0)
        or box["y"] + box["height"] > below
    ]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", LAST)
def test_a_task_fits_the_window(page, tmp_path, name, window):
    width, height = WINDOWS[window]
    page.set_viewport_size({"width": width, "height": height})
    for size in SIZES.values():
        for study, candidates in (
            ("best-of", 2),
            ("best-of", 4),
            ("best-of", 9),
            ("description", 1),
        ):
            url = write_page(tmp_path, name, study, candidates, size)
            show(page, url)
            assert outside(page, width, height, LAST[name]) == [], (study, candidates, size)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", LAST)
def test_the_action_precedes_four_candidates_in_one_row(page, tmp_path, name):
    page.set_viewport_size({"width": 1440, "height": 900})
    show(page, write_page(tmp_path, name, "best-of", 4, SIZES["square"]))
    (action,) = boxes(page, ".action")
    images = boxes(page, ".frame img, .choice img")
    assert all(action["y"] + action["height"] <= image["y"] for image in images)
    assert len({image["y"] for image in images[1:]}) == 1
    assert min(image["width"] for image in images) > 250


def test_an_unfilled_template_says_where_to_paste_it(page, tmp_path):
    filled = write_page(tmp_path, "hit", "best-of", 3, SIZES["square"])
    page.goto(filled, wait_until="domcontentloaded")
    assert page.is_hidden(".template")
    text = hit(Look("best-of", 3, None, None, 1), "images")
    assert 'In the step "Design Layout"' in text.partition("-->")[0]
    (tmp_path / "raw.html").write_text(text, encoding="utf-8")
    page.goto((tmp_path / "raw.html").as_uri(), wait_until="domcontentloaded")
    assert "upload batch.csv to fill it in" in page.inner_text(".template")
