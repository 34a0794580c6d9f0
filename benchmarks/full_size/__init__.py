"""Weights in the published layouts with random values, and every stage on them on the CPU."""
