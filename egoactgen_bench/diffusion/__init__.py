"""Latent diffusion: what LEGO and the baselines share."""
