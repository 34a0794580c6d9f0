"""Building a method and generating images with it, for the stages `run` and `imagine`."""
