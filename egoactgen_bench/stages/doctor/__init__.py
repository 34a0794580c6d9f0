"""The stage `doctor`: which metric variant explains a number, and what this machine lacks."""
