"""A loaded VLLM: frames and questions → embeddings, descriptions and hidden states."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.model_folders import CONFIG, architectures
from egoactgen_bench.weights.pretrained import (
    check_vocabulary,
    load_model,
    load_processor,
    refusing,
)
from egoactgen_lego.vllm.llava_converter import ARCHITECTURE
from egoactgen_lego.vllm.prompting import (
    IMAGE,
    PLACEHOLDER,
    QUESTION,
    conversation,
    token_ids,
    word_ids,
)
from egoactgen_lego.vllm.sampling import Sampling
from egoactgen_lego.vllm.text_generation import Writing, read, write

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "pillow",
)  # that its results depend on


@dataclass(frozen=True)
class VLLM:
    """A `LlavaForConditionalGeneration` with its tokenizer and image processor."""

    model: Any
    tokenizer: Any
    image_processor: Any

    @cached_property
    def words(self) -> int:
        """The size of the vocabulary that can be generated: the tokens before the image's."""
        return int(self.model.config.image_token_id)

    @property
    def patches(self) -> int:
        """The number of tokens of an image."""
        return image_tokens(self.model.config)

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end a description; as in the authors' code, also the begin token."""
        return frozenset([self.tokenizer.eos_token_id, self.tokenizer.bos_token_id])

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    def prompt(self, question: str) -> str:
        """The whole prompt of a question, with `<image>` in the place of the image's tokens."""
        chat = conversation(question)
        text: str = self.tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return text

    def pixels(self, frames: Sequence[Image.Image]) -> Tensor:
        """(B, 3, S, S): short side resized to S, cropped at the centre, normalised for CLIP."""
        found: Tensor = self.image_processor(list(frames), return_tensors="pt").pixel_values
        return found

    @torch.inference_mode()
    def image_features(self, frames: Sequence[Image.Image]) -> Tensor:
        """H_i, (B, P, D): the image tokens after the projector."""
        pixels = self.pixels(frames).to(self.device, self.model.dtype)
        found = self.model.get_image_features(pixels, return_dict=True).pooler_output
        return torch.stack(list(found))

    def embed(self, prompt: str, image: Tensor) -> Tensor:
        """(N, D): the embeddings of a prompt's tokens, with `image` (P, D) at the placeholder."""
        ids = torch.tensor(token_ids(self.tokenizer, prompt))
        (place,) = (ids == PLACEHOLDER).nonzero().flatten().tolist()
        table = self.model.get_input_embeddings()
        before, after = (table(part.to(self.device)) for part in (ids[:place], ids[place + 1 :]))
        return torch.cat([before, image.to(before), after])

    @torch.inference_mode()
    def describe(
        self,
        questions: Sequence[str],
        images: Tensor,
        sampling: Sampling,
        generators: Sequence[torch.Generator],
    ) -> list[Writing]:
        """The answers to questions, each about the image whose features (P, D) are in `images`."""
        prompts = [
            self.embed(self.prompt(question), image)
            for question, image in zip(questions, images, strict=True)
        ]
        return write(self.model, prompts, sampling, generators, self.words, self.ends)

    @torch.inference_mode()
    def states(
        self, questions: Sequence[str], images: Tensor, answers: Sequence[str]
    ) -> list[Tensor]:
        """H_t, (n, D) each: the states that predict an answer's tokens and its end."""
        prompts, tokens = [], []
        for question, image, answer in zip(questions, images, answers, strict=True):
            ids = word_ids(self.tokenizer, answer)
            tokens.append([*ids, self.tokenizer.eos_token_id])
            prompts.append(self.embed(self.prompt(question), image))
        return read(self.model, prompts, tokens)

    def text(self, writing: Writing) -> str:
        """The text of an answer, without its end token."""
        decoded: str = self.tokenizer.decode(writing.ids, skip_special_tokens=True)
        return decoded.strip()


def load(folder: Path, device: str, dtype: torch.dtype) -> VLLM:
    """Load a LLaVA from a transformers folder, strictly; convert the old format first."""
    from transformers import AutoTokenizer, CLIPImageProcessorPil, LlavaForConditionalGeneration

    check_folder(folder)
    quiet()
    model = load_model(LlavaForConditionalGeneration, folder, dtype=dtype)
    vllm = VLLM(
        model.to(device),
        load_processor(AutoTokenizer, folder),
        # By Pillow, as in the authors' code: the default of transformers 5 resizes with
        # torchvision, to other pixels.
        load_processor(CLIPImageProcessorPil, folder),
    )
    _check_template(vllm, folder)
    check_vocabulary(vllm.tokenizer, model.get_input_embeddings().num_embeddings, folder)
    return vllm


def _check_template(vllm: VLLM, folder: Path) -> None:
    """Raise `BenchError` unless the chat template gives a prompt with one image."""
    with refusing(folder):
        images = vllm.prompt(QUESTION).count(IMAGE)
    if images != 1:
        raise BenchError(
            f"{folder}: its chat template gives a prompt with {images} images, expected one: "
            "download it again."
        )


def tokenizer_of(folder: Path) -> Any:
    """The tokenizer of a LLaVA, without loading the model."""
    from transformers import AutoTokenizer

    return load_processor(AutoTokenizer, folder)


def sizes_of(folder: Path) -> dict[str, int]:
    """The width of a LLaVA's features and the number of tokens per image, without loading it."""
    from transformers import LlavaConfig

    check_folder(folder)
    config = load_processor(LlavaConfig, folder)
    with refusing(folder / CONFIG):
        return {
            "vllm_width": int(config.text_config.hidden_size),
            "image_tokens": image_tokens(config),
        }


def image_tokens(config: Any) -> int:
    """The number of tokens of an image."""
    tower = config.vision_config
    whole = config.vision_feature_select_strategy == "full"
    return int((tower.image_size // tower.patch_size) ** 2 + whole)


def check_folder(folder: Path) -> None:
    """Raise `BenchError` unless a folder contains a LLaVA in transformers' format."""
    found = architectures(folder)
    if ARCHITECTURE in found:
        raise BenchError(
            f"{folder} is in LLaVA's old format: "
            f"convert it once with `bench models convert {folder} --out DIR`."
        )
    if "LlavaForConditionalGeneration" not in found:
        raise BenchError(
            f"{folder} contains {', '.join(found) or 'an unknown model'}, "
            "expected LlavaForConditionalGeneration."
        )
