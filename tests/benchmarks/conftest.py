"""The benchmarks are scripts of the repository, not part of what is installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
