"""Streaming of JSON files that are too large to load."""

import codecs
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.regular_files import NotRegularError, open_regular


def stream_items(path: Path, prefix: str) -> Iterator[Any]:
    """Every value at an ijson `prefix` such as `videos.item`, one in memory at a time.

    Raises `BenchError`, with the position, if the file is truncated or not JSON.
    """
    import ijson

    count = 0
    with _opened(path) as stream:
        try:
            # Floats as `json` reads them; ijson's default is Decimal.
            for item in ijson.items(stream, prefix, use_float=True):
                count += 1
                yield item
        except (ijson.JSONError, ValueError, OverflowError) as error:
            raise BenchError(
                f"{path} is not readable JSON near byte {stream.tell()} of {path.stat().st_size}, "
                f"after {count} complete entries ({_first_line(error)}). "
                "If the file was downloaded, download it again."
            ) from None
    if count == 0:
        raise BenchError(
            f"{path} contains no '{prefix.removesuffix('.item')}': check that it is the right file."
        )


def _opened(path: Path) -> BufferedReader:
    """Open a file behind its byte order mark, which parsers of JSON refuse."""
    try:
        stream = open_regular(path)
    except NotRegularError:
        raise BenchError(f"{path} is not a regular file.") from None
    start = stream.read(len(codecs.BOM_UTF8))
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        stream.close()
        raise BenchError(f"{path} is encoded in UTF-16: save it as UTF-8.")
    if start != codecs.BOM_UTF8:
        stream.seek(0)
    return stream


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    return str(text).strip().partition("\n")[0].rstrip(".")
