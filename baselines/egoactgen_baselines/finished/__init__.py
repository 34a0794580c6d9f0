"""Images and videos that were generated elsewhere, as methods."""
