"""The toy kitchen: its world, its judge, and the small weights that are trained on it."""

from pathlib import Path

# Autoencoder, text encoder and tokenizer, which the toy weights of all denoisers share.
DENOISER_WEIGHTS = Path(__file__).parent / "denoiser_weights"
