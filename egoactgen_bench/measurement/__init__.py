"""Measuring images sample by sample: what the stages that score have in common."""
