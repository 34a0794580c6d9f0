"""Baseline methods: plug-ins of the benchmark, one file each, and what several of them share.

LEGO is InstructPix2Pix with a richer conditioning: `lego` builds on `baselines`, never the reverse.
"""
