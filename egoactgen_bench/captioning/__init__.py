"""Captioners, which describe a frame in a sentence, and the environment that LAVIS needs."""
