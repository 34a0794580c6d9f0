"""OpenAI's CLIP through open_clip: loads a local file, embeds frames and texts."""

import functools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD, SimpleTokenizer, image_transform
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.api.metric_batch import Extractor, Size
from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.squares import centre_crop
from egoactgen_bench.metrics.tensors import evaluating, normalise, one_by_one_on_cpu, unit_tensor
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.model_folders import check_folder_files
from egoactgen_bench.weights.pretrained import check_vocabulary, refusing
from egoactgen_bench.weights.stored_tensors import check_safetensors, must_fit, read_stored
from egoactgen_bench.weights.torchscript import is_torchscript, load_torchscript

HEAD_WIDTH = 64
CONFIG = "open_clip_config.json"  # of a folder
TOWERS = ("text_cfg", "vision_cfg")
VOCABULARY = 49408  # of open_clip's text towers, unless the configuration names another
NOT_PARAMETERS = ("input_resolution", "context_length", "vocab_size")
# "cropped" is that of CMMD: the centre square of the frame, then a bicubic resize.
Preprocessing = Literal["open_clip", "released", "released-antialias", "cropped"]
Activation = Literal["quick_gelu", "gelu"]


@dataclass(frozen=True)
class ClipImages(Extractor):
    """Embeds a frame with CLIP's image tower."""

    weights: Path
    preprocessing: Preprocessing
    activation: Activation
    device: str

    def signature(self) -> str:
        digest = content_digest(self.weights)
        return f"clip|{digest}|preprocessing:{self.preprocessing}|activation:{self.activation}"

    def fit(self, output: Image.Image, size: Size) -> Image.Image:
        """The released code resizes a frame of any size directly to the network's square."""
        return output if self.preprocessing.startswith("released") else super().fit(output, size)

    @one_by_one_on_cpu
    @evaluating()
    def extract(self, items: Sequence[tuple[Image.Image, ...]]) -> NDArray[np.float32]:
        """(n, d) of norm 1; d is 768 for ViT-L/14, 512 for ViT-B."""
        model = load_clip(self.weights, self.device, self.activation)
        size = int(np.max(model.visual.image_size))
        squares = torch.stack([square(frame, size, self.preprocessing) for (frame,) in items])
        embedded: NDArray[np.float32]
        embedded = model.encode_image(squares.to(self.device), normalize=True).cpu().numpy()
        return embedded


@dataclass(frozen=True)
class ClipTexts(Extractor):
    """Embeds a text with CLIP's text tower, truncated to 77 tokens."""

    weights: Path
    device: str

    def signature(self) -> str:
        return f"clip-text|{content_digest(self.weights)}"

    @one_by_one_on_cpu
    @evaluating()
    def extract(self, items: Sequence[tuple[Any, ...]]) -> NDArray[np.float32]:
        """(n, d) of norm 1; d is 768 for ViT-L/14, 512 for ViT-B."""
        model = load_clip(self.weights, self.device)
        tokenize = _tokenizer(self.weights)
        tokens = tokenize([text for (text,) in items], context_length=model.context_length)
        embedded: NDArray[np.float32]
        embedded = model.encode_text(tokens.to(self.device), normalize=True).cpu().numpy()
        return embedded


def square(frame: Image.Image, size: int, preprocessing: Preprocessing) -> Tensor:
    """An RGB frame as CLIP's input: (3, size, size) float32, normalised."""
    if preprocessing == "open_clip":
        tensor: Tensor = _eval_transform(size)(frame)
        return tensor
    if preprocessing == "cropped":
        cropped = centre_crop(frame).resize((size, size), Image.Resampling.BICUBIC)
        return normalise(unit_tensor(cropped), OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    squashed = nn.functional.interpolate(
        unit_tensor(frame)[None],
        (size, size),
        mode="bicubic",
        align_corners=False,
        antialias=preprocessing == "released-antialias",
    )[0]
    return normalise(squashed, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)


@functools.cache
def _eval_transform(size: int) -> Any:
    return image_transform(size, is_train=False)


@functools.cache
def _tokenizer(weights: Path) -> Any:
    """OpenAI's tokenizer, or that of a folder."""
    if not weights.is_dir():
        return SimpleTokenizer()
    text = _checked_config(weights).get("text_cfg", {})
    untrusted = {"trust_remote_code": False} if text.get("hf_tokenizer_name") else {}
    with refusing(weights / CONFIG):
        tokenize = open_clip.get_tokenizer(_named(weights), **untrusted)
        tokenize(["open drawer"])  # fails without its special tokens
    if hasattr(tokenize, "tokenizer"):
        check_vocabulary(tokenize.tokenizer, text.get("vocab_size", VOCABULARY), weights)
    return tokenize


def _named(folder: Path) -> str:
    return f"local-dir:{folder}"


@functools.cache
def load_clip(weights: Path, device: str = "cpu", activation: Activation = "quick_gelu") -> CLIP:
    """The CLIP model of a `.safetensors` or `.pt` file, float32, in eval mode.

    OpenAI trained with QuickGELU; the other activation only serves to explain numbers computed with
    it. A folder is loaded by open_clip as `local-dir:`, with the activation in its configuration.
    Raises `BenchError` if the file is not an OpenAI CLIP with a vision transformer.
    """
    if weights.is_dir():
        return _load_folder(weights).to(device)
    with must_fit(weights, "OpenAI's CLIP"):
        state = {name: tensor.float() for name, tensor in _read(weights).items()}
        return build_clip(state, activation).to(device)


def _load_folder(folder: Path) -> CLIP:
    config = _checked_config(folder)
    files = [path for path in folder.glob("*.safetensors") if not path.name.startswith(".")]
    if len(files) != 1:
        names = ", ".join(sorted(path.name for path in files)) or "none"
        raise BenchError(
            f"{folder} must contain the weights of one CLIP as a .safetensors file ({names} found)."
        )
    check_safetensors(files[0])
    for part, key in (("text_cfg", "hf_model_name"), ("vision_cfg", "timm_model_name")):
        # open_clip would fetch these towers' configurations from the hub.
        if key in config.get(part, {}):
            raise BenchError(f"{folder}: towers of other libraries ({key}) are not supported.")
    with refusing(folder / CONFIG), torch.device("meta"), _unlogged("No pretrained weights loaded"):
        open_clip.create_model(_named(folder), load_weights=False, device="meta")
    with refusing(folder):
        # Without weights, open_clip would draw a random network.
        model: CLIP = open_clip.create_model(_named(folder), require_pretrained=True)
    return model.requires_grad_(False).eval()


@contextmanager
def _unlogged(text: str) -> Iterator[None]:
    """Hide what open_clip logs about a network that is built without weights on purpose."""
    logger = logging.getLogger()

    def other(record: logging.LogRecord) -> bool:
        return text not in record.getMessage()

    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def _checked_config(folder: Path) -> dict[str, Any]:
    """The sizes in a folder of open_clip; `BenchError` if it is not one, or contains code."""
    path = folder / CONFIG
    if not path.is_file():
        raise BenchError(f"{folder} is not a folder in open_clip's format: it has no {path.name}.")
    check_folder_files(folder)
    config = read_json(path).get("model_cfg")
    if not (isinstance(config, dict) and all(type(config.get(k, {})) is dict for k in TOWERS)):
        raise BenchError(f"{path} has no model_cfg of two towers: download it again.")
    return config


def build_clip(state: dict[str, Tensor], activation: Activation = "quick_gelu") -> CLIP:
    """A CLIP of the sizes of `state`, loaded strictly; see `load_clip`."""
    width, _, _, patch = state["visual.conv1.weight"].shape
    grid = round((len(state["visual.positional_embedding"]) - 1) ** 0.5)
    vocabulary, text_width = state["token_embedding.weight"].shape
    context = len(state["positional_embedding"])
    with torch.device("meta"):
        model = CLIP(
            embed_dim=state["text_projection"].shape[1],
            vision_cfg=CLIPVisionCfg(
                layers=_depth(state, "visual.transformer.resblocks."),
                width=width,
                head_width=HEAD_WIDTH,
                patch_size=patch,
                image_size=grid * patch,
            ),
            text_cfg=CLIPTextCfg(
                context_length=context,
                vocab_size=vocabulary,
                width=text_width,
                heads=text_width // HEAD_WIDTH,
                layers=_depth(state, "transformer.resblocks."),
            ),
            quick_gelu=activation == "quick_gelu",
        )
    model.load_state_dict(state, strict=True, assign=True)
    # The causal mask is the only buffer that files do not contain.
    model.attn_mask = torch.full((context, context), -torch.inf).triu(1)
    last: Any = model.visual.transformer.resblocks[-1]
    last.forward = functools.partial(_class_token, last)
    model.requires_grad_(False)
    return model.eval()


def _class_token(block: Any, tokens: Tensor, attn_mask: None = None) -> Tensor:
    """(n, tokens, width) → (n, 1, width): the last block, only for the token that is embedded."""
    first, normed = tokens[:, :1], block.ln_1(tokens)
    first = first + block.attention(normed[:, :1], normed, normed)
    result: Tensor = first + block.mlp(block.ln_2(first))
    return result


def _depth(state: dict[str, Tensor], prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in state if name.startswith(prefix)})


def _read(weights: Path) -> dict[str, Tensor]:
    if weights.suffix == ".safetensors":
        return read_stored(weights)
    state = load_torchscript(weights).state_dict() if is_torchscript(weights) else None
    if state is None:
        state = read_checkpoint(weights)
    return {name: tensor for name, tensor in state.items() if name not in NOT_PARAMETERS}
