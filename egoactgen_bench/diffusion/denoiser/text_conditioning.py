"""Conditioning of the denoiser on the embedded prompt only."""

from torch import Tensor, nn


class TextConditioner(nn.Module):
    """InstructPix2Pix' conditioning on text; the base class of conditioners with more inputs."""

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the features, other than the prompt, that `forward` takes for each sample."""
        return ()

    def forward(self, prompt: Tensor, seeds: Tensor | None = None, **features: Tensor) -> Tensor:
        """Embedded prompts (B, 77, width) and further features → context (B, L, width).

        `seeds` (B,) int64, given in training, seed each sample's dropout.
        """
        return prompt

    def null(self, prompt: Tensor) -> Tensor:
        """∅: the context (B, L, width) of the empty prompt's (B, 77, width) embedding."""
        return prompt
