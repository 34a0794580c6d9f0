"""The stage `score`: metrics of a protocol for runs, with intervals, tests and tables."""
