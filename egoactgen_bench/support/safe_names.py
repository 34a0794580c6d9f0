"""Names that are safe as file names."""

import re

SAFE_ID = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,128}")


def is_safe_id(text: str) -> bool:
    """Whether `text` can be a sample id: a plain file name, never `..`, hidden or a path."""
    return SAFE_ID.fullmatch(text) is not None
