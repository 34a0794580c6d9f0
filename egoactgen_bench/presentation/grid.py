"""Draws a grid of captioned images as one image."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from egoactgen_bench.support.chart_fonts import chart_font
from egoactgen_bench.support.images import resize

PAPER, INK, FAINT, ACCENT, EMPTY = "#ffffff", "#1d2433", "#5b6577", "#1f5fd6", "#eef1f6"
HEIGHT, MARGIN, GAP, LEADING = 384, 36, 28, 1.35
TITLE, BODY = 24, 19
MOST_COLUMNS = 4

Font = ImageFont.FreeTypeFont


@dataclass(frozen=True)
class Card:
    """One image, or the reason why it is missing, and the texts below it."""

    frame: Image.Image | str
    title: str
    text: str = ""
    marked: bool = False  # its title is coloured, as for the input frame of the others


def draw_grid(cards: Sequence[Card], size: tuple[int, int]) -> Image.Image:
    """All cards in reading order, each image with the aspect ratio of `size` (width, height)."""
    width = round(HEIGHT * size[0] / size[1])
    rows = -(-len(cards) // MOST_COLUMNS)
    columns = -(-len(cards) // rows)
    lines = [cards[start : start + columns] for start in range(0, len(cards), columns)]
    heights = [max(_height(card, width) for card in line) for line in lines]
    canvas = Image.new(
        "RGB",
        (
            2 * MARGIN + columns * (width + GAP) - GAP,
            2 * MARGIN + sum(heights) + (len(lines) - 1) * GAP,
        ),
        PAPER,
    )
    top = MARGIN
    for line, height in zip(lines, heights, strict=True):
        for column, card in enumerate(line):
            _draw(canvas, card, MARGIN + column * (width + GAP), top, width)
        top += height + GAP
    return canvas


def _draw(canvas: Image.Image, card: Card, left: int, top: int, width: int) -> None:
    pen = ImageDraw.Draw(canvas)
    if isinstance(card.frame, Image.Image):
        canvas.paste(resize(card.frame, (width, HEIGHT)), (left, top))
    else:
        pen.rectangle((left, top, left + width - 1, top + HEIGHT - 1), fill=EMPTY)
        middle = (left + width // 2, top + HEIGHT // 2)
        reason = "\n".join(_wrapped(card.frame, _font(BODY), width - 2 * GAP))
        pen.text(middle, reason, FAINT, _font(BODY), anchor="mm", align="center")
    top += HEIGHT + GAP // 2
    for text, font, colour in _paragraphs(card):
        for line in _wrapped(text, font, width):
            pen.text((left, top), line, colour, font)
            top += _line_height(font)


def _height(card: Card, width: int) -> int:
    lines = [
        _line_height(font)
        for text, font, _ in _paragraphs(card)
        for _ in _wrapped(text, font, width)
    ]
    return HEIGHT + GAP // 2 + sum(lines)


def _paragraphs(card: Card) -> list[tuple[str, Font, str]]:
    title = (card.title, _font(TITLE, bold=True), ACCENT if card.marked else INK)
    return [title, (card.text, _font(BODY), FAINT)] if card.text else [title]


def _line_height(font: Font) -> int:
    return round(LEADING * font.size)


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    """Lines of whole words that fit into `width` pixels; longer words are broken."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _font(size: int, bold: bool = False) -> Font:
    return ImageFont.truetype(chart_font(bold), size, layout_engine=ImageFont.Layout.BASIC)
