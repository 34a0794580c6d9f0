"""What the denoiser is told about the action: the prompt's embedding, and nothing beside it."""

from torch import Tensor, nn


class TextConditioner(nn.Module):
    """InstructPix2Pix' conditioning: the text alone. A richer one derives from it."""

    @property
    def takes(self) -> tuple[str, ...]:
        """The further features, by name, that `forward` wants for each sample."""
        return ()

    def forward(self, prompt: Tensor, seeds: Tensor | None = None, **features: Tensor) -> Tensor:
        """(B, 77, width) embedded prompts, further features → (B, L, width) context.

        In training `seeds` (B,) int64 are those of each sample's dropout.
        """
        return prompt

    def null(self, prompt: Tensor) -> Tensor:
        """∅: the context (B, L, width) of the empty prompt's (B, 77, width) embedding."""
        return prompt
