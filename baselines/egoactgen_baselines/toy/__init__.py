"""The baselines' weights of the toy kitchen: each method's own parts."""

from pathlib import Path

FOLDER = Path(__file__).parent
