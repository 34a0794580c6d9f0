"""The denoiser of LEGO: what it is told, its method, its trainer, its converter."""
