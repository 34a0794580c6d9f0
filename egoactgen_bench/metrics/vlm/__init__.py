"""Metrics that a vision-language model judges."""
