"""Measuring images sample by sample, shared by the stages that score."""
