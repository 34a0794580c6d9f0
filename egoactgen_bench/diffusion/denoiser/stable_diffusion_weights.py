"""The published weights that the paper's denoisers start from."""

from egoactgen_bench.api.published_weights import PublishedWeights

STABLE_DIFFUSION = PublishedWeights(
    name="stable-diffusion-v1-5",
    about="Stable Diffusion 1.5, which every denoiser of the paper starts from",
    licence="CreativeML Open RAIL-M",
    repository="stable-diffusion-v1-5/stable-diffusion-v1-5",
    revision="451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    files=(
        "model_index.json",
        "*/*.json",
        "*/*.txt",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    ),
    size=4_266_670_370,
    file_hashes={
        "vae/diffusion_pytorch_model.safetensors": (
            "a2b5134f4dbc140d9c11f11cba3233099e00af40f262f136c691fb7d38d2194c"
        ),
    },
)
