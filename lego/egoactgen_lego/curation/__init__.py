"""Curation: a language model tells, from labels and boxes, in detail how actions are done."""
