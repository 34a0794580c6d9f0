"""The stage `train`: trains the weights of a method."""
