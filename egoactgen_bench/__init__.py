"""Benchmark and evaluation toolkit for egocentric action frame generation."""

__version__ = "0.1.0"
