"""Experiments in worlds of the toy kitchen that are built for one question."""
