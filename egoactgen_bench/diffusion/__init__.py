"""Latent diffusion: sampling and finetuning, shared by LEGO and the baselines."""
