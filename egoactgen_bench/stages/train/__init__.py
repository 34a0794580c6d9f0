"""The stage `train`: the weights of a method."""
