"""Reads where the hands and objects of samples are: Ego4D, EPIC-KITCHENS, VISOR, your own file."""
