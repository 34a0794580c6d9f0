"""The raw replies so far, so that an interrupted curation resumes and no reply is paid twice."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egoactgen_bench.endpoints.chat_endpoint import ChatReply
from egoactgen_bench.endpoints.reply_costs import Usage
from egoactgen_bench.endpoints.reply_records import total_usage
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.regular_files import append_regular, read_regular

OK = "ok"
COLUMNS = {"sample_id", "status", "detail", "reply", "tokens_in", "tokens_out"}
# Of rows whose reply the client keeps; the others are of requests that may succeed when repeated.
KEPT = (OK, "cut_off", "empty_description", "malformed", "refused")
Row = dict[str, Any]


class Replies:
    """`replies.jsonl`: one line per reply, appended as it arrives.

    A row has sample_id, status (`ok`, `malformed`, `cut_off`, or the code of a failed request),
    detail, reply, model, and tokens_in and tokens_out, None if they are not reported. The last line
    of a sample counts; an incomplete last line is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = list(self._whole())
        self._counts: Counter[str] = Counter()
        self.usage = Usage(0, 0)  # of all replies; None if one of them does not report it
        for row in self.rows:
            self._count(row)

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
        """Append a reply; not called from two threads at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with append_regular(self.path) as stream:
            stream.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())
        self.rows.append(row)
        self._count(row)

    def _count(self, row: Row) -> None:
        self._counts[row["sample_id"]] += row["status"] in KEPT
        self.usage = total_usage([self.usage, Usage(row["tokens_in"], row["tokens_out"])])

    def count(self, sample_id: str) -> int:
        """The number of replies for a sample, which is the number of the next one."""
        return self._counts[sample_id]

    def latest(self) -> dict[str, Row]:
        """Sample id → its last reply."""
        return {row["sample_id"]: row for row in self.rows}

    def counts(self) -> dict[str, int]:
        """Status → number of replies."""
        return dict(sorted(Counter(row["status"] for row in self.rows).items()))

    def tally(self, host: str) -> dict[str, Any]:
        """The facts for an `endpoint_record`."""
        return {
            "host": host,
            "replies": sum(self._counts.values()),
            "tokens_in": self.usage.tokens_in,
            "tokens_out": self.usage.tokens_out,
            "images": 0,
            "models": sorted({row["model"] for row in self.rows if row.get("model")}),
            "sizes": {},
        }


def reply_row(sample_id: str, status: str, detail: str, reply: ChatReply) -> Row:
    """The row of a reply."""
    return {
        "sample_id": sample_id,
        "status": status,
        "detail": detail,
        "reply": reply.text,
        "model": reply.model,
        "tokens_in": reply.usage.tokens_in,
        "tokens_out": reply.usage.tokens_out,
    }


def failed_row(sample_id: str, error: SampleError) -> Row:
    """The row of a request without a usable reply."""
    return reply_row(sample_id, error.code, error.detail, ChatReply("", False, Usage(0, 0)))
