"""The stage score: metrics of a protocol on runs, with intervals, tests and tables."""
