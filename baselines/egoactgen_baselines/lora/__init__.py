"""LoRA adapters of today's image editors, trained on the frames of a split."""
