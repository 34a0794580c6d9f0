"""Simulated coverage of the toolkit's intervals and calibration of its tests."""
