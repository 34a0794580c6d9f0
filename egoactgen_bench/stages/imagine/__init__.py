"""The stage `imagine`: images of several actions in one context, and a grid of them."""
