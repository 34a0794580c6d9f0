"""Settings of a small tuning of a VLLM, and its weights."""

from safetensors.torch import load_file

# Prefixes of names as transformers writes them.
TOWER, PROJECTOR, LANGUAGE = "vision_tower.", "multi_modal_projector.", "language_model."
HEAD = "language_model.lm_head.weight"

# 6 instructions, 4 per step, 12 epochs: 18 steps, whose batches span epochs.
SMALL = {
    "precision": "float32",
    "batch_size": 4,
    "epochs": 12,
    "learning_rate": 3e-2,
    "checkpoint_every": 5,
}


def weights_of(folder):
    return load_file(folder / "model.safetensors")
