"""A plain loop that scores as the released code does, to time and check the engine against.

For each run it loads each network anew; for each metric it opens the images anew, takes one pair at
a time and encodes the ground truth again. Networks are written as the papers describe them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cosine_similarity, interpolate
from torchvision.transforms import functional as transforms

from egoactgen_bench.runs import Run
from egoactgen_bench.splits import Split

Values = dict[str, float]  # by sample id; a set metric's under ""
Pair = tuple[str, Path, Path, Path]  # sample id, input, target, output
BILINEAR = transforms.InterpolationMode.BILINEAR


def pairs(split: Split, run: Run) -> Iterator[Pair]:
    outputs = run.samples.set_index("sample_id")["image"]
    for row in split.samples.itertuples():
        frames = (split.folder / row.input_frame, split.folder / row.target_frame)
        yield row.sample_id, *frames, run.folder / outputs[row.sample_id]


def opened(path: Path) -> Tensor:
    """(3, height, width) in [0, 1]."""
    return transforms.to_tensor(Image.open(path).convert("RGB"))


def fitted(output: Tensor, like: Tensor) -> Tensor:
    return transforms.resize(output, list(like.shape[1:]), BILINEAR, antialias=False)


@torch.no_grad()
def egovlp(split: Split, run: Run, weights: Path) -> Values:
    tower = _tower(weights)
    values = {}
    for sample_id, _, target, output in pairs(split, run):
        clips = ([opened(path)] * 4 for path in (target, output))
        values[sample_id] = _similarity(*(_embed(tower, clip) for clip in clips))
    return values


@torch.no_grad()
def egovlp_plus(split: Split, run: Run, weights: Path) -> Values:
    tower = _tower(weights)
    values = {}
    for sample_id, before, target, output in pairs(split, run):
        first = opened(before)
        clips = ([first] * 2 + [fitted(opened(path), first)] * 2 for path in (target, output))
        values[sample_id] = _similarity(*(_embed(tower, clip) for clip in clips))
    return values


@torch.no_grad()
def clip(split: Split, run: Run, weights: Path) -> Values:
    from egoactgen_bench.metrics import clip_network

    clip_network.load_clip.cache_clear()
    model = clip_network.load_clip(weights / "ViT-L-14.safetensors")
    mean, deviation = (
        torch.tensor(each)[:, None, None]
        for each in (clip_network.OPENAI_DATASET_MEAN, clip_network.OPENAI_DATASET_STD)
    )

    def embed(path: Path) -> Tensor:
        square = interpolate(opened(path)[None], (224, 224), mode="bicubic", align_corners=False)
        return model.encode_image((square - mean) / deviation)

    return {
        sample_id: _similarity(embed(target), embed(output))
        for sample_id, _, target, output in pairs(split, run)
    }


@torch.no_grad()
def lpips(split: Split, run: Run, weights: Path) -> Values:
    from egoactgen_bench.metrics import lpips_network

    lpips_network.load_lpips.cache_clear()
    network = lpips_network.load_lpips("squeeze", weights / "squeezenet1_1-b8a52dc0.pth")
    values = {}
    for sample_id, _, target, output in pairs(split, run):
        truth = opened(target)
        values[sample_id] = float(network(fitted(opened(output), truth)[None], truth[None]))
    return values


@torch.no_grad()
def fid(split: Split, run: Run, weights: Path) -> Values:
    from scipy.linalg import sqrtm

    from egoactgen_bench.metrics.inception_network import build_fid_inception
    from egoactgen_bench.weights.checkpoints import read_checkpoint

    state = read_checkpoint(weights / "pt_inception-2015-12-05-6726825d.pth")
    network = build_fid_inception(state)

    def embed(path: Path) -> np.ndarray:
        pixels = interpolate(opened(path)[None], (299, 299), mode="bilinear", align_corners=False)
        return network(pixels * 255)[0].numpy()

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
    """Captions by transformers' own beam search, compared in EgoVLP's space of sentences."""
    from transformers import BertTokenizer, BlipForConditionalGeneration
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    from egoactgen_bench.metrics.egovlp_text import SentenceEncoder

    folder = weights / "blip-image-captioning-base"
    model = BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()
    processor = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
    tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
    encoder = SentenceEncoder.load(weights / "egovlp.pth", weights / "distilbert-base-uncased")
    texts = _descriptions(split)
    prompt = torch.tensor([tokenizer("a picture of")["input_ids"]])
    values = {}
    for sample_id, *_, output in pairs(split, run):
        frame = Image.open(output).convert("RGB")
        pixels = processor([frame], return_tensors="pt")["pixel_values"]
        found = model.generate(
            pixels, prompt, torch.ones_like(prompt), num_beams=3, min_length=5, max_length=20
        )
        words = [token for token in found[0].tolist() if token < len(tokenizer)]
        caption = tokenizer.decode(words, skip_special_tokens=True).removeprefix("a picture of")
        sides = encoder.encode([texts[sample_id]]), encoder.encode([caption.strip()])
        values[sample_id] = _similarity(*sides)
    return values


def _descriptions(split: Split) -> dict[str, str]:
    from egoactgen_bench.descriptions import load_descriptions

    return dict(load_descriptions(split.folder, "drawn").texts)


def _similarity(first: Tensor, second: Tensor) -> float:
    return float(cosine_similarity(first.double(), second.double()))


def _tower(weights: Path):
    from egoactgen_bench.metrics.egovlp_weights import load_video_tower

    return load_video_tower(weights / "egovlp.pth", 4)


def _embed(tower, frames: list[Tensor]) -> Tensor:
    clip = torch.stack(frames)
    clip = transforms.resize(clip, [224], BILINEAR, antialias=False)
    clip = transforms.center_crop(clip, [224, 224])
    clip = transforms.normalize(clip, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return tower.vid_proj(_space_time(tower.video_model, clip[None]))


def _space_time(network, clips: Tensor) -> Tensor:
    """The space-time transformer with its attention written out, all blocks on all tokens."""
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
    """Within groups of patches that the class token joins; it attends to all tokens itself."""
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
