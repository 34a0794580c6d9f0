"""Sentences that say what a frame shows: captioners, and the environment that one of them needs."""
