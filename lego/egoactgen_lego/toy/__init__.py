"""LEGO of the toy kitchen: its weights, and how its LLaVA is built and its vision tower trained."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"  # the denoiser in lego/, the VLLM in vllm/
