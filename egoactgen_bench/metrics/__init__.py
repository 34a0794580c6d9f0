"""The metrics: one file each, joined by entry points like a stranger's."""
