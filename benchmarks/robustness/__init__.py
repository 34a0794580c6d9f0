"""Damage, kills and hostile input: what the toolkit must survive, measured."""
