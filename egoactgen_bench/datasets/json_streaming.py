"""Streaming of JSON files that are too large to load."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError


def stream_items(path: Path, prefix: str) -> Iterator[Any]:
    """Every value at an ijson `prefix` such as `videos.item`, one in memory at a time.

    Raises `BenchError`, with the position, if the file is truncated or not JSON.
    """
    import ijson

    count = 0
    with path.open("rb") as stream:
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


def _first_line(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    return str(text).strip().partition("\n")[0].rstrip(".")
