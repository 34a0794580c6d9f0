"""The published weights of LEGO: the authors' checkpoints, and the vision tower of their VLLM.

The sizes, hashes and commits of the authors' checkpoints are not known here. What the first fetch
of a checkpoint receives is recorded in weights.lock.json and compared from then on.
"""

from egoactgen_bench.api.published_weights import PublishedWeights

CLIP_TOWER = PublishedWeights(
    name="clip-vit-large-patch14",
    about="Vision tower of the VLLM, text tower of Stable Diffusion 1.5",
    licence="MIT (OpenAI CLIP)",
    repository="openai/clip-vit-large-patch14",
    revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
    files=("*.json", "*.txt", "model.safetensors"),
    size=1_714_256_474,
    file_hashes={
        "config.json": "8a09b467700c58138c29d53c605b34ebc69beaadd13274a8a2af8ad2c2f4032a",
        "model.safetensors": "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
    },
)
LEGO_EGO4D = PublishedWeights(
    name="LEGO-Ego4D",
    about="The authors' VLLM and diffusion checkpoints for Ego4D, as released",
    licence="CC BY 4.0",
    repository="bolinlai/LEGO-Ego4D",
    revision="main",
    files=("*",),
)
LEGO_EPIC_KITCHENS = PublishedWeights(
    name="LEGO-EpicKitchens",
    about="The authors' VLLM and diffusion checkpoints for EPIC-KITCHENS, as released",
    licence="CC BY 4.0",
    repository="bolinlai/LEGO-EpicKitchens",
    revision="main",
    files=("*",),
)
