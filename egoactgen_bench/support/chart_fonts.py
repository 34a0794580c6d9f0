"""DejaVu Sans as matplotlib brings it, so that pictures look alike on every machine."""

from pathlib import Path


def chart_font(bold: bool = False) -> Path:
    """The file of the font."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


def register_chart_fonts() -> None:
    """Make the font known to matplotlib.

    Its list of fonts is a file in the home folder that all environments share. One that was
    written while an environment was removed lacks the fonts of all others, and a figure fails.
    """
    from matplotlib.font_manager import fontManager

    known = {font.fname for font in fontManager.ttflist}
    for path in (chart_font(), chart_font(bold=True)):
        if str(path) not in known:
            fontManager.addfont(path)
