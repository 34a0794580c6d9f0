"""The baselines' toy weights, without the networks that all methods share."""

from pathlib import Path

FOLDER = Path(__file__).parent
