"""Numbers of bytes as text."""


def byte_text(count: float) -> str:
    """`1.7 GB`, `340 MB` or `232 kB`, in decimal units."""
    if count >= 999.5e6:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 999.5e3 else f"{count / 1e3:.0f} kB"
