"""Baseline methods: plug-ins of the benchmark, one file each, and the code they share."""
