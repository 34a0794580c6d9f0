"""CMMD: the kernel distance of CLIP embeddings (Jayasumana et al. 2024, arXiv 2401.09603)."""

from collections.abc import Mapping

from egoactgen_bench.api.feature_metric import Features, FeatureSetMetric
from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.metrics.kernel_distance import GaussianKernel, biased_distance

FILES = "ViT-L-14-336px.safetensors", "ViT-L-14-336px.pt"  # open_clip's and OpenAI's names
CLIP = PublishedWeights(
    name=FILES[0],
    about="OpenAI CLIP ViT-L/14 for images of 336 × 336, both towers, open_clip's names",
    licence="MIT (OpenAI CLIP)",
    repository="timm/vit_large_patch14_clip_336.openai",
    revision="81e38efc4637de5023b10e75a7f9bd1c6fa6b010",
    file="open_clip_model.safetensors",
    size=1_711_828_444,
    sha256="fbc415c3d0d7b79faed8f5ccfb740c32b7c4f5ffe7283b851f89c6231c01a8e0",
)
KERNEL = GaussianKernel(sigma=10)


# It has no interval: that of KID measures how far halves of the videos are from the whole, and the
# biased estimate of a half is farther off by its own, larger bias.
class Cmmd(FeatureSetMetric[Options]):
    """Kernel distance (CMMD) between the outputs' and the targets' CLIP embeddings, × 1000."""

    name, label, position = "cmmd", "CMMD", 126
    unit, factor = "10⁻³", 1000
    higher_is_better = False
    bounds = (0.0, float("inf"))
    packages = ("open_clip_torch", "pillow", "torch")
    published_weights = (CLIP,)
    advised_samples = 2048

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return (FILES,)

    def facts(self) -> Mapping[str, str]:
        return {"preprocessing": "cropped", "sigma": f"{KERNEL.sigma:g}"}

    def extractor(self) -> Extractor:
        from egoactgen_bench.metrics.clip_network import ClipImages

        path = self.weight_path(*FILES)
        return ClipImages(path, "cropped", "quick_gelu", self.context.device)

    def distance(self, outputs: Features, targets: Features) -> float:
        """The squared distance ≥ 0 of the sets, as published: biased, see `biased_distance`."""
        return biased_distance(KERNEL, outputs, targets)
