"""A loop that scores like the released code, as a baseline for speed and a reference for values.

For each run it builds and loads each network again, EgoVLP with both towers. For each metric it
opens the images again, processes one pair at a time, and encodes the ground truth again. BLIP's
decoder recomputes the keys and values of the image for every token of every beam, like the decoder
that was released with BLIP. Unlike the released code, it does not compute LPIPS on VGG and AlexNet,
read a second checkpoint for EgoVLP, or use dropout while captioning.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cosine_similarity, interpolate
from torchvision.transforms import functional as transforms

from benchmarks import drawn_inputs
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.splits import Split

Values = dict[str, float]  # by sample id; a set metric's under ""
Pair = tuple[str, Path, Path, Path]  # sample id, input, target, output
BILINEAR = transforms.InterpolationMode.BILINEAR


def pairs(split: Split, run: Run) -> Iterator[Pair]:
    outputs = run.samples.set_index("sample_id")["image"]
    for row in split.samples.itertuples():
        frames = (split.folder / row.input_frame, split.folder / row.target_frame)
        yield row.sample_id, *frames, run.folder / outputs[row.sample_id]


def opened(path: Path, device: str = "cpu") -> Tensor:
    """(3, height, width) in [0, 1]."""
    return transforms.to_tensor(Image.open(path).convert("RGB")).to(device)


def fitted(output: Tensor, like: Tensor) -> Tensor:
    return transforms.resize(output, list(like.shape[1:]), BILINEAR, antialias=False)


@torch.no_grad()
def egovlp(split: Split, run: Run, weights: Path, device: str = "cpu") -> Values:
    tower = _towers(weights)[0].to(device)
    values = {}
    for sample_id, _, target, output in pairs(split, run):
        clips = ([opened(path, device)] * 4 for path in (target, output))
        values[sample_id] = _similarity(*(_embed(tower, clip) for clip in clips))
    return values


@torch.no_grad()
def egovlp_plus(split: Split, run: Run, weights: Path, device: str = "cpu") -> Values:
    tower = _towers(weights)[0].to(device)
    values = {}
    for sample_id, before, target, output in pairs(split, run):
        first = opened(before, device)
        clips = (
            [first] * 2 + [fitted(opened(path, device), first)] * 2 for path in (target, output)
        )
        values[sample_id] = _similarity(*(_embed(tower, clip) for clip in clips))
    return values


@torch.no_grad()
def clip(split: Split, run: Run, weights: Path, device: str = "cpu") -> Values:
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    from safetensors.torch import load_file

    model = drawn_inputs.build_clip(drawn_inputs.sizes_of(weights)).eval()
    model.load_state_dict(load_file(weights / "ViT-L-14.safetensors"))
    model.to(device)
    mean, deviation = (
        torch.tensor(each, device=device)[:, None, None]
        for each in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    )

    def embed(path: Path) -> Tensor:
        frame = opened(path, device)[None]
        square = interpolate(frame, (224, 224), mode="bicubic", align_corners=False)
        return model.encode_image((square - mean) / deviation)

    return {
        sample_id: _similarity(embed(target), embed(output))
        for sample_id, _, target, output in pairs(split, run)
    }


@torch.no_grad()
def lpips(split: Split, run: Run, weights: Path, device: str = "cpu") -> Values:
    from egoactgen_bench.metrics.lpips_network import build_lpips

    network = build_lpips("squeeze", torch.load(weights / "squeezenet1_1-b8a52dc0.pth"))
    network.to(device)
    values = {}
    for sample_id, _, target, output in pairs(split, run):
        truth, image = opened(target, device), opened(output, device)
        values[sample_id] = float(network(fitted(image, truth)[None], truth[None]))
    return values


@torch.no_grad()
def fid(split: Split, run: Run, weights: Path, device: str = "cpu") -> Values:
    from scipy.linalg import sqrtm

    from egoactgen_bench.metrics.inception_network import build_fid_inception

    state = torch.load(weights / "pt_inception-2015-12-05-6726825d.pth")
    network = build_fid_inception(state).to(device)

    def embed(path: Path) -> np.ndarray:
        frame = opened(path, device)[None]
        pixels = interpolate(frame, (299, 299), mode="bilinear", align_corners=False)
        return network(pixels * 255)[0].cpu().numpy()

    paths = list(pairs(split, run))
    sides = [np.stack([embed(each[side]) for each in paths]).astype(float) for side in (2, 3)]
    (mean, cov), (other_mean, other_cov) = (
        (side.mean(axis=0), np.cov(side, rowvar=False)) for side in sides
    )
    product = sqrtm(cov @ other_cov).real
    shift = mean - other_mean
    return {"": float(shift @ shift + np.trace(cov) + np.trace(other_cov) - 2 * np.trace(product))}


@torch.no_grad()
def blip_b(split: Split, run: Run, weights: Path) -> Values:
    """Captions from beam search, compared by EgoVLP's sentence embeddings."""
    from transformers import BertTokenizer, BlipForConditionalGeneration
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    from egoactgen_bench.metrics.egovlp_text import SentenceEncoder

    folder = weights / "blip-image-captioning-base"
    model = BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()
    processor = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
    tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
    captions = {}
    for sample_id, *_, output in pairs(split, run):
        frame = Image.open(output).convert("RGB")
        pixels = processor([frame], return_tensors="pt")["pixel_values"]
        captions[sample_id] = _caption(model, tokenizer, pixels)
    vocabulary = SentenceEncoder.load_tokenizer(weights / "distilbert-base-uncased")
    encoder = SentenceEncoder(_towers(weights)[1], vocabulary)
    texts = _descriptions(split)
    return {
        sample_id: _similarity(encoder.encode([texts[sample_id]]), encoder.encode([caption]))
        for sample_id, caption in captions.items()
    }


def _caption(model, tokenizer, pixels: Tensor) -> str:
    """The best sentence of three beams for one image, without its prompt."""
    from transformers import DynamicCache, EncoderDecoderCache

    from egoactgen_bench.captioning.beam_search import search
    from egoactgen_bench.captioning.captioner import Decoding
    from egoactgen_bench.support.transformers_cache import cache_argument

    decoding, sizes = Decoding(), model.config.text_config
    seen = model.vision_model(pixels).last_hidden_state.repeat_interleave(decoding.beams, dim=0)
    words = DynamicCache()

    def step(tokens: Tensor) -> Tensor:
        cache = EncoderDecoderCache(words, DynamicCache())
        cached = {cache_argument(model.text_decoder): cache}
        decoded = model.text_decoder(tokens, encoder_hidden_states=seen, **cached)
        return decoded.logits[:, -1]

    def prolong(tokens: Tensor, origins: Tensor) -> Tensor:
        words.reorder_cache(origins)
        return step(tokens[:, None])

    prompt = [sizes.bos_token_id, *tokenizer(decoding.prompt)["input_ids"][1:-1]]
    first = step(torch.tensor([prompt] * decoding.beams))[:1]
    (sentence,) = search(first, prolong, prompt, sizes.sep_token_id, decoding)
    known = [token for token in sentence if token < len(tokenizer)]
    return tokenizer.decode(known, skip_special_tokens=True)[len(decoding.prompt) :].strip()


def _descriptions(split: Split) -> dict[str, str]:
    from egoactgen_bench.artifacts.descriptions import load_descriptions

    return dict(load_descriptions(split.folder, "drawn").texts)


def _similarity(first: Tensor, second: Tensor) -> float:
    return float(cosine_similarity(first.double(), second.double()))


def _towers(weights: Path):
    """EgoVLP's video and text towers, in this order."""
    found = torch.load(weights / "egovlp.pth")["state_dict"]
    state = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    towers = drawn_inputs.build_egovlp(drawn_inputs.sizes_of(weights))
    for tower in towers:
        tower.load_state_dict({name: state[name] for name in tower.state_dict()})
        tower.eval()
    return towers


def _embed(tower, frames: list[Tensor]) -> Tensor:
    clip = torch.stack(frames)
    clip = transforms.resize(clip, [224], BILINEAR, antialias=False)
    clip = transforms.center_crop(clip, [224, 224])
    clip = transforms.normalize(clip, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return tower.vid_proj(_space_time(tower.video_model, clip[None]))


def _space_time(network, clips: Tensor) -> Tensor:
    """The space-time transformer with explicit attention, and all blocks on all tokens."""
    frames = clips.shape[1]
    x = network.patch_embed(clips.flatten(0, 1)).unflatten(0, (-1, frames))
    x = x + network.pos_embed[:, None, 1:] + network.temporal_embed[:, :, None]
    first = (network.cls_token + network.pos_embed[:, :1]).expand(len(clips), -1, -1)
    x = torch.cat((first, x.flatten(1, 2)), dim=1)
    for block in network.blocks:
        in_time = x + _attention(block.timeattn, block.norm3(x), frames)
        x = x + _attention(block.attn, block.norm1(in_time), frames)
        x = x + block.mlp(block.norm2(x))
    return network.norm(x)[:, 0]


def _attention(layer, tokens: Tensor, frames: int) -> Tensor:
    """Attention within groups of patches and the class token; the class token attends to all."""
    query, key, value = (
        part.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
        for part in layer.qkv(tokens).chunk(3, dim=-1)
    )
    query = query * query.shape[-1] ** -0.5

    def grouped(heads: Tensor) -> Tensor:
        patches = heads[:, :, 1:].unflatten(2, (frames, -1))
        return patches.transpose(2, 3) if layer.across_time else patches

    def joined(heads: Tensor) -> Tensor:
        groups = grouped(heads)
        first = heads[:, :, None, :1].expand(-1, -1, groups.shape[2], -1, -1)
        return torch.cat((first, groups), dim=3)

    patches = _attend(grouped(query), joined(key), joined(value))
    patches = patches.transpose(2, 3) if layer.across_time else patches
    whole = torch.cat((_attend(query[:, :, :1], key, value), patches.flatten(2, 3)), dim=2)
    return layer.proj(whole.transpose(1, 2).flatten(2))


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.transpose(-1, -2)).softmax(dim=-1) @ value
