"""LEGO of the toy kitchen: its weights, and how its LLaVA is built, its eyes taught to see."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"  # the denoiser's own in lego/, the VLLM in vllm/
