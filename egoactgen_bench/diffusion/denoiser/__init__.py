"""The latent denoiser of the InstructPix2Pix family: weights, schedule, sampler.

It turns a context (tokens of any origin) and an image latent into a frame, and knows nothing of
where the context comes from: LEGO and InstructPix2Pix share it.
"""
