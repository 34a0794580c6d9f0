"""Training the latent denoisers: one loop, whatever the denoiser and its conditioning.

A `Lesson` says what is learnt, `fit` learns it. Every draw depends on the seed, the step and the
sample alone, so that resuming, more processes or smaller micro-batches change nothing.
"""
