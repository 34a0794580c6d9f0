"""Helpers that know nothing of the benchmark: files, images, seeds, devices, row store."""
