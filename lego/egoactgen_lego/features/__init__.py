"""The features that the denoiser is conditioned on: their kinds, files and computation."""
