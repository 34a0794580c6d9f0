"""Pipelines of diffusers as methods, and the checks of their folders."""
