"""Training the latent denoisers: one loop, whatever the denoiser and its conditioning.

A `TrainingTask` defines the networks and their loss, `TrainingLoop` minimises it. Every random draw
depends only on the seed, the step and the sample, so that resuming, more processes or smaller
micro-batches change nothing.
"""
