"""Curation: a language model describes in detail, from labels and boxes, how actions are done."""
