"""The stage `doctor`: which variant explains a number, and what this machine lacks."""
