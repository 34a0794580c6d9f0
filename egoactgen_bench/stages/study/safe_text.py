"""Escapes untrusted text for HTML, tables and file names."""

import hashlib
import hmac
import html
import re

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def html_cell(text: str) -> str:
    """One cell of batch.csv: ASCII on one line, safe as HTML text or attribute.

    Cells are escaped here, since Mechanical Turk inserts them into the page unescaped. `$` is
    escaped so that a cell cannot contain a placeholder. A first character that would start a
    spreadsheet formula, and all characters beyond ASCII, become character references, which the
    page shows as the original text.
    """
    escaped = html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)).replace("$", "&#36;")
    if escaped.startswith(_FORMULA_STARTS):
        escaped = f"&#{ord(escaped[0])};{escaped[1:]}"
    for character in "\t\r\n":
        escaped = escaped.replace(character, f"&#{ord(character)};")
    return escaped.encode("ascii", "xmlcharrefreplace").decode("ascii")


def csv_cell(text: str) -> str:
    """Text for a table that is opened in a spreadsheet: never a formula (OWASP ASVS 1.2.9)."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def keyed_hash(key: bytes, *names: str) -> str:
    """32 hex digits that only the holder of `key` can compute from `names`."""
    return hmac.digest(key, "\x1f".join(names).encode(), hashlib.sha256).hex()[:32]
