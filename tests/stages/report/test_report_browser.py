"""The report's page in a real browser, from disk and from loopback."""

from pathlib import Path

import pytest

from drawn_runs import write_drawn_run
from drawn_split import write_drawn_split
from egoactgen_bench import load_run, load_scores, load_split, report, score
from egoactgen_bench.support.files import read_csv, write_csv


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The report of two runs on 6 samples, one image missing."""
    root = tmp_path_factory.mktemp("workspace")
    drawn = write_drawn_split(root / "splits" / "drawn-val", count=6)
    texts = read_csv(drawn / "samples.csv")[["sample_id"]]
    texts["description"] = "The <b>left</b> hand; פתח"
    write_csv(drawn / "descriptions" / "made.csv", texts)
    runs = [
        load_run(write_drawn_run(drawn, name, failed))
        for name, failed in (("ip2p", ("V00_0",)), ("lego", ()))
    ]
    split = load_split(drawn)
    score(split, runs, root / "scores/drawn-val/standard", metrics=["psnr"], bootstrap=50)
    return report(split, root).page.parent


@pytest.fixture(scope="module")
def values(folder) -> dict[str, dict[str, float]]:
    """run → sample → PSNR."""
    table = load_scores(folder.parents[1] / "scores/drawn-val/standard").values
    return {
        str(run): dict(zip(rows["sample_id"], rows["value"], strict=True))
        for run, rows in table.groupby("run", observed=True)
    }


def shown_ids(page) -> list[str]:
    return page.locator("#cards .sample header .hint").all_inner_texts()


def choose(page, name: str, label: str) -> None:
    page.select_option(f"#gallery-controls [name={name}]", label=label)


def test_the_gallery_sorts_filters_and_searches(page, site, folder, values):
    page.goto(f"{site(folder)}/index.html")
    ids = [f"V{index % 3:02d}_{index}" for index in range(6)]
    apart = {each: abs(values["lego"][each] - values["ip2p"][each]) for each in ids[1:]}
    disputed = [*sorted(apart, key=lambda each: -apart[each]), "V00_0"]
    assert shown_ids(page) == disputed
    choose(page, "order", "split order")
    assert shown_ids(page) == ids
    choose(page, "order", "best first")
    choose(page, "run", "lego")
    assert shown_ids(page) == sorted(ids, key=lambda each: -values["lego"][each])
    choose(page, "order", "worst first")
    assert shown_ids(page) == sorted(ids, key=lambda each: values["lego"][each])
    choose(page, "order", "largest disagreement")
    assert shown_ids(page) == disputed
    choose(page, "order", "split order")
    choose(page, "verb", "take")
    assert shown_ids(page) == ["V01_1", "V01_4"]
    choose(page, "verb", "all")
    choose(page, "video", "V02")
    assert shown_ids(page) == ["V02_2", "V02_5"]
    page.fill("[name=words]", "CUT v02_5")
    assert shown_ids(page) == ["V02_5"]
    assert page.inner_text("#found") == "1 of 6 samples"


def test_images_values_and_descriptions_are_visible(page, site, folder, values):
    page.goto(f"{site(folder)}/index.html")
    choose(page, "order", "split order")
    page.locator("#cards").scroll_into_view_if_needed()
    first, second = page.locator("#cards .sample").nth(0), page.locator("#cards .sample").nth(1)
    assert first.locator(".lost").all_inner_texts() == ["out of memory"]
    assert second.locator(".name").all_inner_texts() == [
        "Input",
        f"ip2p\n{values['ip2p']['V01_1']:.2f}",
        f"lego\n{values['lego']['V01_1']:.2f}",
        "Target",
    ]
    assert second.locator("h3").get_attribute("title") == "The <b>left</b> hand; פתח"
    page.wait_for_function(
        "Array.from(document.querySelectorAll('#cards .sample:nth-child(2) img'))"
        ".every(image => image.complete && image.naturalWidth > 0)"
    )


def test_a_sample_is_viewed_by_keyboard(page, folder, values):
    page.goto((folder / "index.html").as_uri())
    choose(page, "order", "split order")
    page.locator("#cards .sample").nth(1).locator(".cell").nth(0).focus()
    page.keyboard.press("Enter")
    pressed = page.locator("#viewer .tabs [aria-pressed=true]")
    assert pressed.inner_text() == "Input"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert pressed.inner_text() == "lego"
    assert page.locator("#viewer .values td.current").all_inner_texts() == [
        f"{values['lego']['V01_1']:.2f}"
    ]
    assert page.inner_text("#viewer .about") == "The <b>left</b> hand; פתח"
    page.keyboard.press("ArrowLeft")
    assert pressed.inner_text() == "ip2p"
    page.keyboard.press("n")
    assert page.inner_text("#viewer .bar .hint >> nth=0") == "V02_2"
    assert pressed.inner_text() == "ip2p"
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert page.inner_text("#viewer .bar .hint >> nth=0") == "V00_0"
    assert page.inner_text("#viewer .stage .lost") == "ip2p: out of memory"
    assert page.is_disabled("#viewer [data-do=previous]")
    page.keyboard.press("Escape")
    assert not page.is_visible("#viewer")


def test_parts_are_shown_by_verb_and_by_video(page, folder):
    page.goto((folder / "index.html").as_uri())
    table = page.locator("#slices tbody th")
    assert table.all_inner_texts() == ["cut", "open", "take"]
    page.select_option("#slice-controls [name=kind]", "video")
    assert table.all_inner_texts() == ["V00", "V01", "V02"]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_never_wider_than_its_window(page, folder, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto((folder / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_navigation_leads_to_its_sections(page, folder):
    page.goto((folder / "index.html").as_uri())
    page.add_style_tag(content="html { scroll-behavior: auto !important }")
    # Images that load while scrolling, or a growing gallery, must not move the target away.
    assert page.locator("main > section").last.get_attribute("id") == "gallery"
    page.click("nav a[href='#runs']")
    page.wait_for_function(
        "Array.from(document.querySelectorAll('.chart img')).every(image => image.height > 0)"
    )
    top = page.evaluate("document.getElementById('runs').getBoundingClientRect().top")
    bottom = page.evaluate("document.querySelector('nav').getBoundingClientRect().bottom")
    assert bottom <= top + 30 < 200
