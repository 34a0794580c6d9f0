"""Texts and frames of a split as an editor encodes them, stored on disk by content."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from egoactgen_baselines.lora.editor_family import EditorFamily
from egoactgen_baselines.lora.lora_options import LoraOptions
from egoactgen_baselines.pipelines.call_recipe import ByArea, Size
from egoactgen_bench.diffusion.finetuning.frame_latents import Frame, Pair
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import read_rgb, resize
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.replacing import replacing
from egoactgen_bench.support.row_store import with_revision
from egoactgen_bench.weights.stored_tensors import read_stored

REVISION = 1  # increase it with every change of code that changes a stored tensor
TOKENS = "tokens"
Tensors = dict[str, Tensor]
Compute = Callable[[Any, Any], Tensors]  # of a pipeline and the decoded frame


@dataclass(frozen=True)
class Encoding:
    """The encoding of one text or frame, and the file in which it is stored."""

    file: Path
    frame: Frame | None  # that it is computed from
    compute: Compute


# Not rows of a RowStore, which have one width: those of texts and of frames differ.
class EncodedSamples:
    """The encodings of samples, one file each; `signature` names the networks and their dtype."""

    def __init__(
        self,
        folder: Path,
        signature: str,
        family: EditorFamily,
        size: ByArea,
        options: LoraOptions,
    ) -> None:
        digest = hashlib.sha256(with_revision(signature, REVISION).encode()).hexdigest()
        self.folder = folder / "editors" / digest[:24]
        self.family, self.size, self.options = family, size, options
        self.tokens = options.text_tokens or family.text_tokens

    def read(self, pair: Pair) -> Tensors:
        """A sample's tensors: `target` and `frame`, and those of its prompt, as `text NAME`."""
        target, frame, text = (read_stored(each.file) for each in self._encodings(pair))
        texts = {f"text {name}": tensor for name, tensor in text.items()}
        return {"target": target[TOKENS], "frame": frame[TOKENS], **texts}

    def holds(self, pair: Pair) -> bool:
        return all(each.file.is_file() for each in self._encodings(pair))

    def missing(self, pairs: Sequence[Pair], part: slice) -> list[Encoding]:
        """The encodings of `pairs` that are not stored, of those that `part` selects."""
        every = {each.file: each for pair in pairs for each in self._encodings(pair)}
        return [each for each in list(every.values())[part] if not each.file.is_file()]

    @torch.inference_mode()
    def encode(self, pipeline: Any, missing: Sequence[Encoding], progress: bool) -> None:
        """Compute and store encodings, one at a time, so that none depends on another.

        Frames that cannot be read are skipped.
        """
        from safetensors.torch import save_file

        with report_progress("texts and frames", len(missing), "part", shown=progress) as bar:
            for each in missing:
                bar.update()
                try:
                    frame = read_rgb(each.frame.path) if each.frame else None
                except SampleError:
                    continue
                tensors = each.compute(pipeline, frame)
                with replacing(each.file) as path:
                    save_file({name: t.contiguous().cpu() for name, t in tensors.items()}, path)

    def _encodings(self, pair: Pair) -> tuple[Encoding, Encoding, Encoding]:
        """Those of the target, the input frame and the prompt."""
        sizes = f"{self.options.resolution} {self.options.frame_resolution}"
        seen = pair.input if self.family.sees_frame else None
        shown = f"{pair.input.sha256} {sizes}"
        text = f"text {self.tokens} {shown if seen else None} {pair.prompt}"
        return (
            self._encoding(f"target {pair.target.sha256} {sizes}", pair.target, self._target),
            self._encoding(f"frame {shown}", pair.input, self._input),
            self._encoding(text, seen, partial(self._text, prompt=pair.prompt)),
        )

    def _encoding(self, content: str, frame: Frame | None, compute: Compute) -> Encoding:
        key = hashlib.sha256(content.encode()).hexdigest()
        return Encoding(self.folder / key[:2] / f"{key}.safetensors", frame, compute)

    def _target(self, pipeline: Any, frame: Image.Image) -> Tensors:
        return {TOKENS: self.family.encode_frame(pipeline, frame, self._area(frame.size))}

    def _input(self, pipeline: Any, frame: Image.Image) -> Tensors:
        return {TOKENS: self.family.encode_frame(pipeline, frame, self._shown(frame.size))}

    def _text(self, pipeline: Any, frame: Image.Image | None, prompt: str) -> Tensors:
        seen = None
        if frame is not None:
            size = self.family.seen_size(frame.size, self._shown(frame.size))
            seen = resize(frame, size)
        return self.family.encode_text(pipeline, prompt, seen, self.tokens)

    def _area(self, frame: Size) -> Size:
        """The size of the generated image."""
        return self.size.of(frame, self.options.resolution**2)

    def _shown(self, frame: Size) -> Size:
        """The size of the input frame."""
        if self.options.frame_resolution is not None:
            return self.size.of(frame, self.options.frame_resolution**2)
        return self.family.frame_size(frame, self._area(frame))
