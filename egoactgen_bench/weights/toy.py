"""The toy weights that come with the package, and what they stand in for."""

from pathlib import Path

FOLDER = Path(__file__).parent / "toy"
