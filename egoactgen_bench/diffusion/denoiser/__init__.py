"""The latent denoiser of the InstructPix2Pix family: weights, noise schedule, sampler.

It generates an image from a context (embedded tokens) and the latent of an input frame, wherever
the context comes from, so LEGO and InstructPix2Pix share it.
"""
