"""LEGO's denoiser: its conditioning, method, trainer and checkpoint converter."""
