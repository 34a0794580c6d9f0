"""The report's tables, viewer, links, dark mode and print in a real browser."""

import re

import pytest

from drawn_runs import write_drawn_run
from drawn_split import write_drawn_split
from egoactgen_bench import load_run, load_split, report, score
from pdf_text import pdf_text

METRICS = "psnr", "ssim", "change"


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """The report of two runs of 6 samples, with 3 metrics of which one is shown on request."""
    root = tmp_path_factory.mktemp("workspace")
    drawn = write_drawn_split(root / "splits" / "drawn-val", count=6)
    runs = [load_run(write_drawn_run(drawn, name, ())) for name in ("ip2p", "lego")]
    split = load_split(drawn)
    score(split, runs, root / "scores/drawn-val/standard", metrics=METRICS, bootstrap=50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("egoactgen_bench.stages.report.result_tables.MOST_COLUMNS", 2)
        return report(split, root).page.as_uri()


def column(page, place: int) -> list[float]:
    texts = page.locator(f".on-screen tbody tr > :nth-child({place})").all_inner_texts()
    return [float(text.split()[0].rstrip("*").replace("−", "-")) for text in texts]


def test_a_table_is_sorted_by_keyboard(page, address):
    page.goto(address)
    head = page.locator(".on-screen thead th").nth(2)
    initial = column(page, 3)
    page.locator(".on-screen thead button").nth(2).focus()
    for direction, expected in (
        ("descending", sorted(initial, reverse=True)),
        ("ascending", sorted(initial)),
        (None, initial),
    ):
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == direction
        assert column(page, 3) == expected
    assert initial[0] != initial[1]


def test_metrics_are_chosen(page, address):
    page.goto(address)
    heads = page.locator(".on-screen thead th:visible")
    assert heads.all_inner_texts()[2:] == ["PSNR\u00a0↑", "SSIM\u00a0↑"]
    page.click(".columns summary")
    page.locator(".columns label", has_text="PSNR").click()
    page.locator(".columns label", has_text="Change").click()
    assert heads.all_inner_texts()[2:] == ["SSIM\u00a0↑", "Change\u00a0↑"]
    assert page.locator(".on-screen tbody tr").first.locator("td:visible").count() == 3
    page.click(".columns button >> text=all")
    assert page.inner_text(".columns summary .count") == "3 of 3 shown"


def test_two_images_are_compared_and_the_view_has_a_link(page, address):
    page.goto(address)
    page.locator("#cards .cell", has_text="lego").first.click()
    assert page.locator("#viewer .second").is_hidden()
    page.keyboard.press("s")
    page.locator("#viewer input[type=range]").focus()
    page.keyboard.press("Home")
    assert page.evaluate(
        "getComputedStyle(document.querySelector('#viewer .second')).clipPath"
    ) == ("inset(0px 0px 0px 0%)")
    page.select_option("#viewer [name=other]", label="ip2p")
    page.keyboard.press("Escape")
    assert page.evaluate("location.hash") == "#gallery"
    choose = "#gallery-controls [name=verb]"
    page.select_option(choose, label="take")
    page.locator("#cards .cell", has_text="lego").first.click()
    page.keyboard.press("d")
    assert page.locator("#viewer .stage").get_attribute("data-mode") == "difference"
    page.select_option("#viewer [name=other]", label="Input")
    link = page.evaluate("document.querySelector('#viewer .link').href")
    sample = page.inner_text("#viewer .bar .hint >> nth=0")
    page.goto("about:blank")
    page.goto(link)
    assert page.evaluate(f"document.querySelector('{choose}').selectedOptions[0].text") == "take"
    assert page.inner_text("#viewer .bar .hint >> nth=0") == sample
    assert page.inner_text("#viewer .stage .left") == "lego − Input"
    page.goto(f"{address}#gallery?sample=<b>x</b>&order=none&verb=none")
    page.reload()
    assert page.inner_text(".lost-link") == "The gallery does not show the sample <b>x</b>."
    assert not page.is_visible("#viewer")


def test_dark_mode_follows_the_system_until_it_is_chosen(page, address):
    ground = "getComputedStyle(document.body).backgroundColor"
    page.goto(address)
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{ground} !== '{light}'")
    page.click("#theme")
    assert page.evaluate(ground) == light
    page.reload()
    assert page.evaluate(ground) == light
    page.emulate_media(color_scheme="dark", media="print")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_every_column_of_every_table_is_printed(page, address):
    page.goto(address)
    heads = page.evaluate(
        "Array.from(document.querySelectorAll('thead th'), head => head.textContent)"
    )
    rows = page.evaluate(
        "Array.from(document.querySelectorAll('.on-screen tr'), row =>"
        " Array.from(row.cells).slice(2).map(cell => cell.textContent))"
    )
    printed = pdf_text(page.pdf(format="A4"))
    wanted = [*heads, *(text for row in rows for text in row)]
    assert {"Change ↑", "Difference"} <= {re.sub(r"\s+", " ", head) for head in heads}
    assert [text for text in wanted if re.sub(r"\s", "", text) not in printed] == []


@pytest.mark.parametrize("view", ["slider", "difference"])
def test_the_viewer_fits_a_telephone(page, address, view):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    page.locator("#cards .cell").first.click()
    page.select_option("#viewer [name=mode]", view)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.getElementById('viewer').scrollWidth") <= 390
