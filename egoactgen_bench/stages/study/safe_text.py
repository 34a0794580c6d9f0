"""Making untrusted text harmless where it leaves the toolkit: in HTML, in tables, in names."""

import hashlib
import hmac
import html
import re

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def html_cell(text: str) -> str:
    """One cell of batch.csv: ASCII on one line, safe as HTML text or attribute.

    Mechanical Turk pastes cells into the page as they are, so they are escaped here. `$` is escaped
    lest a cell spell a placeholder; a first character that would start a spreadsheet formula and
    all beyond ASCII become character references, which the page shows as the genuine text.
    """
    escaped = html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)).replace("$", "&#36;")
    if escaped.startswith(_FORMULA_STARTS):
        escaped = f"&#{ord(escaped[0])};{escaped[1:]}"
    for character in "\t\r\n":
        escaped = escaped.replace(character, f"&#{ord(character)};")
    return escaped.encode("ascii", "xmlcharrefreplace").decode("ascii")


def csv_cell(text: str) -> str:
    """Text for a table that people open in a spreadsheet: never a formula (OWASP ASVS 1.2.9)."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def keyed_hash(key: bytes, *names: str) -> str:
    """32 hex digits that only the holder of `key` can compute from `names`."""
    return hmac.digest(key, "\x1f".join(names).encode(), hashlib.sha256).hex()[:32]
