"""Data sets: annotation files → action clips."""
