"""Helpers that are independent of the benchmark: files, images, seeds, devices, row store."""
