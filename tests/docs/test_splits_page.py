"""docs/splits.md lists every reason with which the core rejects an annotated action."""

import re
from pathlib import Path

from egoactgen_bench.stages.prepare.sample_filters import REASONS

ROOT = Path(__file__).parents[2]
FOLDERS = ("datasets", "video", "stages/prepare", "support")
CODE = re.compile(r"(?:SampleError\(|Rejection\([^,\"]+,)\s*\"(\w+)\"")


def test_every_reason_is_listed():
    sources = (path for name in FOLDERS for path in (ROOT / "egoactgen_bench" / name).rglob("*.py"))
    found = {code for path in sources for code in CODE.findall(path.read_text())}
    assert {"bad_row", "undecodable", "missing_video"} <= found
    # A time outside of the video is reported together with the frame's role.
    outside = found & {"before_start", "after_end"}
    roles = {f"{role}_{code}" for role in ("input", "target") for code in outside}
    page = (ROOT / "docs/splits.md").read_text().partition("## Reasons")[2]
    assert found - outside | roles | set(REASONS) <= set(re.findall(r"`(\w+)`", page))
