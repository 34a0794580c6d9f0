"""The paper's two feature kinds: a VLLM's embeddings of the frame, H_i, and of the text, H_t."""

from collections.abc import Mapping

from torch import Tensor, nn

from egoactgen_lego.features.feature_kind import Array, FeatureKind, Reading, Stored, per_sample


class ImageEmbedding(FeatureKind):
    """H_i, the frame's tokens after the VLLM's projector; σ(H_i) in equation (1)."""

    name = "image"
    tokens, width = 256, 5120  # LLaVA 13B's
    released_folder = "vllm_image_feature"
    width_name = "vllm_width"
    modules = ("projection_img",)  # σ, under its released name
    cache_name = "image"

    def compute(self, reading: Reading) -> Tensor:
        return reading.image_states


class TextEmbedding(FeatureKind):
    """H_t, the states that predict the description's tokens; π(μ(H_t)) in equation (1).

    μ is linear, π two pre-norm transformer encoder layers without mask or positions, so that the
    padding takes part.
    """

    name = "text"
    tokens, width = 77, 5120  # the paper's N
    varies = True
    released_folder = "vllm_text_feature"
    reads_description = True
    width_name = "vllm_width"
    modules = ("projection_txt", "self_attn_mix")  # μ and π, under their released names
    cache_name = "text"

    def compute(self, reading: Reading) -> Tensor:
        return reading.text_states

    def fit(self, stored: Stored, sizes: Mapping[str, int]) -> Array:
        """As every kind; of older files, which contain all layers (n, layers, width), the last."""
        return super().fit(stored[:, -1] if stored.ndim == 3 else stored, sizes)

    def sizes_of_weights(self, weights: Mapping[str, Tensor]) -> dict[str, int]:
        sizes = super().sizes_of_weights(weights)
        mix = {name for name in weights if name.startswith("self_attn_mix.")}
        if "self_attn_mix.layers.0.linear1.weight" in mix:
            sizes["feed_forward"] = len(weights["self_attn_mix.layers.0.linear1.weight"])
            sizes["layers"] = len({name.split(".")[2] for name in mix})
        return sizes

    def build(self, sizes: Mapping[str, int], dropout: float) -> dict[str, nn.Module]:
        layer = nn.TransformerEncoderLayer(
            sizes["width"],
            sizes["heads"],
            sizes["feed_forward"],
            dropout,
            norm_first=True,
            batch_first=True,
        )
        mix = nn.TransformerEncoder(layer, sizes["layers"], enable_nested_tensor=False)
        return {**super().build(sizes, dropout), "self_attn_mix": mix}

    def embed(
        self, modules: Mapping[str, nn.Module], states: Tensor, seeds: Tensor | None
    ) -> Tensor:
        mix = modules["self_attn_mix"]
        projected = super().embed(modules, states, seeds)
        if seeds is not None and any(_active(module) for module in mix.modules()):
            return per_sample(mix, projected, seeds)
        mixed: Tensor = mix(projected)
        return mixed


def _active(module: nn.Module) -> bool:
    return isinstance(module, nn.Dropout) and module.training and module.p > 0
