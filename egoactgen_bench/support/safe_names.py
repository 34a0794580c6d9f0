"""Names that are safe as file names."""

import re
from typing import Annotated

from pydantic import StringConstraints

SAFE_ID = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,128}")

# Of a field in a manifest; pydantic's regular expressions have no look-ahead.
SafeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$")]


def is_safe_id(text: str) -> bool:
    """Whether `text` can be a sample id: a plain file name, never `..`, hidden or a path."""
    return SAFE_ID.fullmatch(text) is not None
