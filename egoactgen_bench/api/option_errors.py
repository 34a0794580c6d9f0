"""What pydantic says of an invalid option, in plain words."""

import re

RULES = (
    (r"Input should be a valid integer.*", "must be an integer"),
    (r"Input should be a valid number.*", "must be a number"),
    (r"Input should be a valid boolean.*", "must be true or false"),
    (r"Input should be a finite number", "must be finite"),
    (r"Input should be greater than or equal to (\S+)", r"must be at least \1"),
    (r"Input should be greater than (\S+)", r"must be more than \1"),
    (r"Input should be less than or equal to (\S+)", r"must be at most \1"),
    (r"Input should be less than (\S+)", r"must be less than \1"),
    (r"Input should be a valid string", "must be a text"),
    (r"Input should be ", "must be "),
    (r"Value error, ", ""),
)


def in_words(message: str) -> str:
    """`Input should be greater than or equal to 1` → `must be at least 1`; no full stop."""
    for pattern, words in RULES:
        message = re.sub(pattern, words, message)
    return message.rstrip(".")
