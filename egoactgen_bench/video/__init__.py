"""Exact video frames: the frame on screen at a given time, by presentation time."""
