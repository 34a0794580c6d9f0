"""The metrics, one file each; registered by entry points, as third-party metrics are."""
