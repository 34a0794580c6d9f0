"""A figure like the paper's Figure 5: a row per sample with its input, outputs and target."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from PIL import Image

from egoactgen_bench.artifacts.manifests import TOY_MARK
from egoactgen_bench.errors import BenchError, SampleError, did_you_mean
from egoactgen_bench.measurement.sources import ImageFile
from egoactgen_bench.presentation import charts
from egoactgen_bench.stages.report.report_contents import Contents
from egoactgen_bench.stages.report.report_figures import Figure
from egoactgen_bench.support.images import read_rgb, resize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = 1.6  # width in inches
RESOLUTION = 140  # pixels per inch: an image of 256 pixels is not enlarged


def example_figure(contents: Contents, ids: Sequence[str]) -> Figure:
    """Draw the samples named in `ids`. Raises `BenchError` for an unknown one."""
    known = contents.split.samples["sample_id"].tolist()
    for sample_id in ids:
        if sample_id not in known:
            raise BenchError(
                f"Split '{contents.split.name}' has no sample '{sample_id}'."
                + did_you_mean(sample_id, known)
            )
    if "target_frame" not in contents.split.samples:
        raise BenchError(
            f"--ids needs the frames of split '{contents.split.name}', which are missing."
        )
    rows = [_images(contents, known.index(sample_id)) for sample_id in ids]
    titles = ["Input", *(candidate.label for candidate in contents.candidates), "Target"]
    actions = contents.split.samples.set_index("sample_id")["action"][list(ids)].tolist()
    first = rows[0][-1]
    ratio = first.height / first.width if isinstance(first, Image.Image) else 1.0
    with charts.drawing():
        size = CELL * (len(titles) + 0.6), (CELL * ratio + 0.06) * len(ids) + 0.3
        drawing = charts.new_figure(*size, RESOLUTION)
        drawing.get_layout_engine().set(  # type: ignore[union-attr, call-arg]
            w_pad=0.02, h_pad=0.02, wspace=0, hspace=0
        )
        grid = drawing.subplots(len(ids), len(titles), squeeze=False)
        for row, (images, action) in enumerate(zip(rows, actions, strict=True)):
            for column, image in enumerate(images):
                _show(grid[row][column], image, ratio)
            label = "\n".join(wrap(action, 16, max_lines=4, placeholder=" …"))
            grid[row][0].set_ylabel(label, color=charts.INK, fontsize=9, rotation=0,
                                    ha="right", va="center", labelpad=8)  # fmt: skip
        for column, title in enumerate(titles):
            # The mark of toy weights has a line of its own: a title is as wide as its image.
            shown = title.replace(f" {TOY_MARK}", f"\n{TOY_MARK}")
            grid[0][column].set_title(shown, color=charts.INK, fontsize=10, fontweight="bold")
    alt = f"Input, {', '.join(titles[1:-1])} and target for: {'; '.join(actions)}"
    return Figure("examples", drawing, alt)


def _images(contents: Contents, position: int) -> list[Image.Image | str]:
    """Input, each run's output and target at the target's size; a reason code for a missing one."""
    sample = contents.split.samples.iloc[position]
    outputs = (candidate.output(position) for candidate in contents.candidates)
    wanted: list[ImageFile | SampleError | None] = [
        ImageFile(contents.split.frame_path(sample["input_frame"]), sample["input_sha256"]),
        *outputs,
        ImageFile(contents.split.frame_path(sample["target_frame"]), sample["target_sha256"]),
    ]
    images = [_image(each) for each in wanted]
    target = images[-1]
    size = target.size if isinstance(target, Image.Image) else None
    return [
        resize(each, size) if size and isinstance(each, Image.Image) else each for each in images
    ]


def _image(wanted: ImageFile | SampleError | None) -> Image.Image | str:
    if not isinstance(wanted, ImageFile):
        return wanted.code if wanted else "not in run"
    try:
        return read_rgb(wanted.path)
    except SampleError as error:
        return error.code


def _show(axes: "Axes", image: Image.Image | str, ratio: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    if isinstance(image, str):
        kind: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, image, color=charts.SOFT, fontsize=8, **kind)
        axes.set_facecolor(charts.FILLS["reference"])
        axes.set_box_aspect(ratio)
    else:
        axes.imshow(image)
