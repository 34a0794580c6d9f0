"""Metrics of regions of the target frame: its hands, its objects, and the background."""
