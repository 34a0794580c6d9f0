"""The raw replies of endpoints on disk, so that no request is paid twice.

`<folder>/<2 digits>/<sha256 of the request>.reply`: a line of JSON about the reply, then its bytes.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from egoactgen_bench.endpoints.http_exchange import RawReply
from egoactgen_bench.support.files import sha256_bytes, write_bytes
from egoactgen_bench.support.regular_files import open_regular

LONGEST_HEADER = 4096


@dataclass(frozen=True)
class KeptReplies:
    """Replies by the hash of their request; without a folder, none are kept."""

    folder: Path | None

    def find(self, request: str, largest: int) -> RawReply | None:
        """The reply to a request; None if it is missing, or not as it was written."""
        if self.folder is None:
            return None
        try:
            with open_regular(self._path(request)) as stream:
                header = json.loads(stream.readline(LONGEST_HEADER))
                body = stream.read(largest + 1)
            whole = header["request"] == request and header["sha256"] == sha256_bytes(body)
            status = header["status"]
        # A damaged reply counts as missing: it is requested again, and replaced.
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return RawReply(status, {}, body) if whole and isinstance(status, int) else None

    def add(self, request: str, reply: RawReply) -> None:
        """Keep the reply to a request."""
        if self.folder is None:
            return
        about = {"request": request, "status": reply.status, "sha256": sha256_bytes(reply.body)}
        write_bytes(self._path(request), json.dumps(about).encode() + b"\n" + reply.body)

    def _path(self, request: str) -> Path:
        assert self.folder is not None
        return self.folder / request[:2] / f"{request}.reply"
