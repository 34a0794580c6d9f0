"""The text of a PDF that Chromium printed, without spaces, for comparing what is on paper."""

import re
import unicodedata
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\b(.*?)\bendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_MAPPING = re.compile(rb"beginbf(char|range)(.*?)endbf", re.DOTALL)
_TEXT = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>")
_LIGATURE = re.compile("[\ufb00-\ufb06]")


def pdf_text(pdf: bytes) -> str:
    """All characters in drawing order; characters of fonts without a Unicode table are missing."""
    objects = {int(found[1]): found[2] for found in _OBJECT.finditer(pdf)}
    streams = {number: _stream(body) for number, body in objects.items()}
    fonts = {}
    for body in objects.values():
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body):
            table = re.search(rb"/ToUnicode (\d+) 0 R", objects.get(int(number), b""))
            fonts[name] = _characters(streams[int(table[1])]) if table else {}
    pages = [
        int(number)
        for body in objects.values()
        if re.search(rb"/Type\s*/Page\b", body)
        for number in re.findall(rb"/Contents (\d+) 0 R", body)
    ]
    return "".join(_shown(streams[number], fonts) for number in pages)


def _stream(body: bytes) -> bytes:
    found = _STREAM.search(body)
    if found is None:
        return b""
    return zlib.decompress(found[1]) if b"FlateDecode" in body[: found.start()] else found[1]


def _characters(table: bytes) -> dict[int, str]:
    """Glyph → characters, of a ToUnicode table."""
    found = {}
    for kind, lines in _MAPPING.findall(table):
        for line in re.findall(rb"(?:<[0-9A-Fa-f]+>\s*)+", lines):
            codes = re.findall(rb"<([0-9A-Fa-f]+)>", line)
            size = 3 if kind == b"range" else 2
            for place in range(0, len(codes), size):
                first, last = int(codes[place], 16), int(codes[place + size - 2], 16)
                text = bytes.fromhex(codes[place + size - 1].decode()).decode("utf-16-be")
                for glyph in range(first, last + 1):
                    found[glyph] = text[:-1] + chr(ord(text[-1]) + glyph - first)
    return found


def _shown(content: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    characters: dict[int, str] = {}
    text = []
    for name, glyphs in _TEXT.findall(content):
        if name:
            characters = fonts.get(name, {})
        else:
            codes = (int(glyphs[place : place + 4], 16) for place in range(0, len(glyphs), 4))
            text += [characters.get(code, "") for code in codes]
    found = "".join("".join(text).split())
    return _LIGATURE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), found)
