"""What a training needs to know of a family of image editors."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from egoactgen_baselines.pipelines.call_recipe import Size
from egoactgen_bench.support.images import resize

Texts = dict[str, Tensor]


class EditorFamily(ABC):
    """How the pipelines of one family encode texts and frames, and call their transformer.

    Everything is encoded by the pipeline's own functions, one sample at a time, as it does for
    generation.
    """

    pipelines: ClassVar[tuple[str, ...]]  # names of classes
    resizes_frame: ClassVar[bool] = False  # to a size of its own, whatever it generates at
    sees_frame: ClassVar[bool] = False  # whether the text encoder does
    # Ends of the names of layers of the last block whose output is discarded, so that they cannot
    # be trained.
    idle_layers: ClassVar[tuple[str, ...]] = ()
    text_tokens: ClassVar[int | None] = None  # that a prompt is padded to; None: it is not padded

    def frame_size(self, frame: Size, generated: Size) -> Size:
        """The (width, height) of the input frame in a pipeline that generates at `generated`."""
        return generated

    def seen_size(self, frame: Size, size: Size) -> Size:
        """The size at which the text encoder sees a frame that is resized to `size` otherwise."""
        return size

    @abstractmethod
    def encode_text(
        self, pipeline: Any, prompt: str, seen: Image.Image | None, tokens: int | None
    ) -> Texts:
        """The embeddings of a prompt by name, without a batch dimension.

        `seen` is the frame if the text encoder sees it; `tokens` are those a prompt is padded to.
        """

    def encode_frame(self, pipeline: Any, frame: Image.Image, size: Size) -> Tensor:
        """The normalised tokens of a frame at `size`: (rows, columns, channels)."""
        pixels = pipeline.image_processor.preprocess(resize(frame, size))
        pixels = pixels.to(pipeline.vae.device, pipeline.vae.dtype)
        return self.encode_pixels(pipeline, pixels)[0]

    @abstractmethod
    def encode_pixels(self, pipeline: Any, pixels: Tensor) -> Tensor:
        """(B, 3, height, width) in [-1, 1] → tokens (B, rows, columns, channels)."""

    @abstractmethod
    def predict(
        self,
        transformer: Any,
        noisy: Tensor,
        frames: Tensor,
        times: Tensor,
        texts: Texts,
        guidance: float,
    ) -> Tensor:
        """The predicted velocity at the tokens `noisy` (B, rows, columns, channels), same shape.

        `frames` are the tokens of the input frames, of which each batch has one size, `times` (B,)
        in [0, 1], where 1 is noise, and `texts` the embeddings with a batch dimension.
        """


def call_transformer(
    transformer: Any, noisy: Tensor, frames: Tensor, times: Tensor, **arguments: Any
) -> Tensor:
    """The velocity at `noisy`, whose tokens and those of the frames enter as one sequence.

    `arguments` are the family's own. Numbers enter in the dtype of the stored frames, which is that
    of the transformer's weights, as they do for generation.
    """
    tokens = noisy.to(frames.dtype).flatten(1, 2)
    (predicted,) = transformer(
        hidden_states=torch.cat([tokens, frames.flatten(1, 2)], dim=1),
        timestep=times.to(frames.dtype),
        return_dict=False,
        **arguments,
    )
    velocity: Tensor = predicted[:, : tokens.shape[1]]
    return velocity.reshape(noisy.shape)
