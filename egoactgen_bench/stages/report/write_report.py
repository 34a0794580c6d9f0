"""Write a report: figures, thumbnails and, last, the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.presentation import charts
from egoactgen_bench.stages.report import report_figures
from egoactgen_bench.stages.report import report_page as page
from egoactgen_bench.stages.report.example_figure import example_figure
from egoactgen_bench.stages.report.gallery import frames, gallery
from egoactgen_bench.stages.report.gallery_selection import select
from egoactgen_bench.stages.report.report_contents import Contents, gather, gather_submissions
from egoactgen_bench.stages.report.report_figures import Figure
from egoactgen_bench.stages.report.thumbnails import Thumbnails, height_for, name_of
from egoactgen_bench.support.files import write_text
from egoactgen_bench.support.outside_links import refuse_outside_links
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.waiting import report_waiting


@dataclass(frozen=True)
class Report:
    """A finished report: its page, and notices for its readers."""

    page: Path
    notices: list[str] = field(default_factory=list)


def report(
    split: Split,
    workspace: Path,
    folder: Path | None = None,
    *,
    ids: Sequence[str] = (),
    descriptions: str | None = None,
    progress: bool = False,
) -> Report:
    """Report all scores of a split in a workspace, with a figure of the samples in `ids`.

    Writes index.html, figures/ and thumbnails/ to `folder` (default: reports/<split>).
    """
    place = Workspace(workspace)
    with report_waiting("Reading scores", shown=progress):
        contents = gather(place, split, descriptions)
    return build(contents, folder or place.report(split.name), ids, progress)


def report_submissions(
    archives: Sequence[Path],
    workspace: Path,
    folder: Path | None = None,
    *,
    ids: Sequence[str] = (),
    progress: bool = False,
) -> Report:
    """Report the archives of several groups side by side, after checking each of them.

    Writes to `folder` (default: reports/<split>-submissions).
    """
    place = Workspace(workspace)
    with report_waiting("Checking archives", shown=progress):
        contents = gather_submissions(place, archives)
    folder = folder or place.report(f"{contents.split.name}-submissions")
    return build(contents, folder, ids, progress)


def build(
    contents: Contents, folder: Path, ids: Sequence[str] = (), progress: bool = False
) -> Report:
    """Write the report of `contents` to `folder`."""
    refuse_outside_links(folder)
    drawn = []
    with report_progress("figures", 0, "figure", shown=progress) as bar:
        for kind, number, figure in _figures(contents, ids):
            charts.save(figure.drawing, folder / "figures" / figure.name)
            drawn.append((kind, number, figure))
            bar.update()
    selection = select(contents)
    wanted = frames(contents, selection.positions)
    height = height_for(len({name_of(frame) for frame in wanted}))
    thumbnails = Thumbnails(folder / "thumbnails" / str(height), height)
    failed = thumbnails.make(wanted, progress)
    shown = [
        page.PlacedFigure(kind, number, each.name, each.alt, *each.pixels, each.notes)
        for kind, number, each in drawn
    ]
    with report_waiting("Writing the page", shown=progress):
        data = gallery(contents, selection.positions, failed)
        text = page.render(contents, shown, data, height, str(selection))
    write_text(folder / "index.html", text)
    thumbnails.remove_others(wanted)
    return Report(folder / "index.html", contents.notices)


def _figures(contents: Contents, ids: Sequence[str]) -> Iterator[tuple[str, int, Figure]]:
    """(kind, index of the protocol or study, figure), each drawn when it is requested."""
    if ids:
        yield "examples", 0, example_figure(contents, ids)
    yield from report_figures.all_figures(contents)
