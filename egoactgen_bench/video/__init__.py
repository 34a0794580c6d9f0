"""Exact frames of videos: the one on screen at a time, by presentation time."""
