"""The raw replies so far, so that an interrupted curation resumes and no reply is paid twice."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.regular_files import append_regular, read_regular

OK = "ok"
COLUMNS = {"sample_id", "status", "detail", "reply", "tokens_in", "tokens_out"}
Row = dict[str, Any]


class Replies:
    """`replies.jsonl`: one line per reply, appended as it arrives.

    A row has sample_id, status (`ok`, `malformed`, `cut_off`, `no_reply`), detail, reply, tokens_in
    and tokens_out. The last line of a sample counts; an incomplete last line is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = list(self._whole())

    def _whole(self) -> Iterator[Row]:
        if not self.path.is_file():
            return
        data = read_regular(self.path)
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            self.path.write_bytes(whole)
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not (isinstance(row, dict) and row.keys() >= COLUMNS):
                raise BenchError(
                    f"Line {number} of {self.path} is damaged: remove the line, and its "
                    "description is requested again."
                )
            yield row

    def add(self, row: Row) -> None:
        """Append a reply; called from one thread only."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with append_regular(self.path) as stream:
            stream.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())
        self.rows.append(row)

    def latest(self) -> dict[str, Row]:
        """Sample id → its last reply."""
        return {row["sample_id"]: row for row in self.rows}

    def counts(self) -> dict[str, int]:
        """Status → number of replies."""
        return dict(sorted(Counter(row["status"] for row in self.rows).items()))

    def tokens(self) -> tuple[int, int]:
        """The number of input and output tokens of all replies."""
        return (
            sum(row["tokens_in"] for row in self.rows),
            sum(row["tokens_out"] for row in self.rows),
        )
