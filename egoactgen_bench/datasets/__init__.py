"""Data sets: readers that turn annotation files into action clips."""
