"""Synthetic inputs of scoring, generated from seeds: a split, runs of it, and full-size weights."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.splits import Split, fingerprint, frames_fingerprint, load_split
from egoactgen_bench.support.files import read_json, sha256_bytes, write_csv, write_json
from egoactgen_bench.support.images import write_png

SPREAD = 0.05  # standard deviation of random weights: large enough that embeddings of frames differ
WORDS = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]


@dataclass(frozen=True)
class Sizes:
    """Of the networks of CLIP and EgoVLP; by default those of the published ones."""

    clip_layers: int = 24
    clip_width: int = 1024
    clip_text_layers: int = 12
    egovlp_layers: int = 12
    egovlp_width: int = 768
    text_width: int = 768


PUBLISHED = Sizes()
SMALL = Sizes(1, 64, 1, 1, 64, 64)
SIZES = "sizes.json"
HEAD_WIDTH = 64


def write_split(folder: Path, count: int, size: tuple[int, int]) -> Split:
    """A split of `count` samples, four to a video, with descriptions."""
    rows, texts = [], []
    for number in range(count):
        sample_id = f"drawn_{number:06d}"
        row: dict[str, object] = {"sample_id": sample_id, "dataset": "drawn"}
        row |= {"video_id": f"video_{number // 4:06d}", "action": f"take object {number}"}
        row |= {"verb": "take", "noun": f"object {number % 9}", "t_start": 1.0, "t_end": 2.0}
        row |= {"t_input": 0.75, "t_target": 1.6, "width": size[0], "height": size[1]}
        for role in ("input", "target"):
            path = f"frames/{sample_id}/{role}.png"
            data = write_png(folder / path, _picture((number, role == "input"), size))
            row |= {f"{role}_frame": path, f"{role}_sha256": sha256_bytes(data)}
        rows.append(row)
        text = f"The left hand reaches out, grasps object {number} and lifts it off the counter."
        texts.append({"sample_id": sample_id, "description": text})
    samples = pd.DataFrame(rows)
    write_csv(folder / "samples.csv", samples)
    write_csv(folder / "rejected.csv", pd.DataFrame(columns=["row", "reason", "detail"]))
    write_csv(folder / "descriptions" / "drawn.csv", pd.DataFrame(texts))
    manifest = {"name": folder.name, "dataset": "drawn", "subset": "val", "recipe": {}}
    manifest |= {"counts": {"kept": count, "rejected": 0, "by_reason": {}}, "versions": {}}
    manifest |= {"egovlp": "4-frame", "fingerprint": fingerprint(samples)}
    manifest |= {"frames_fingerprint": frames_fingerprint(samples)}
    write_json(folder / "split.json", manifest)
    return load_split(folder)


def write_run(split: Split, folder: Path, seed: int, size: tuple[int, int]) -> Run:
    """A run with a different image for each sample."""
    rows = []
    for number, sample_id in enumerate(split.samples["sample_id"]):
        path = f"images/{sample_id}.png"
        data = write_png(folder / path, _picture((number, 2 + seed), size))
        row = {"sample_id": sample_id, "image": path, "sha256": sha256_bytes(data)}
        rows.append(row | {"seed": seed, "prompt": "", "status": "ok", "seconds": 0.0})
    write_csv(folder / "samples.csv", pd.DataFrame(rows))
    prints = {"fingerprint": split.fingerprint, "frames_fingerprint": split.frames_fingerprint}
    write_json(folder / "run.json", {"method": "drawn", "split": split.name} | prints)
    return load_run(folder)


def _picture(seed: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """Smooth blobs of colour with some noise."""
    noise = np.random.default_rng(seed)
    blobs = Image.fromarray(noise.integers(0, 256, (6, 9, 3), dtype=np.uint8))
    smooth = np.asarray(blobs.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    grained = smooth + noise.integers(-9, 10, smooth.shape)
    return Image.fromarray(np.clip(grained, 0, 255).astype(np.uint8))


def write_weights(folder: Path, sizes: Sizes = PUBLISHED, captions: bool = True) -> None:
    """Write every file that the timed metrics need, with its published name and size (3.6 GB).

    Without `captions`, BLIP is left out (1 GB).
    """
    import torch
    from safetensors.torch import save_file
    from torchvision.models import squeezenet1_1

    from egoactgen_bench.metrics.inception_network import FidInception

    if (folder / "complete").is_file():
        return
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / SIZES, asdict(sizes))
    _write_egovlp(folder, sizes)
    if captions:
        _write_blip(folder / "blip-image-captioning-base")
    save_file(build_clip(sizes).state_dict(), folder / "ViT-L-14.safetensors")
    torch.save(squeezenet1_1().state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    inception = FidInception()
    for module in inception.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    torch.save(inception.state_dict(), folder / "pt_inception-2015-12-05-6726825d.pth")
    (folder / "complete").touch()


def sizes_of(folder: Path) -> Sizes:
    """The sizes of the networks that `write_weights` wrote into a folder."""
    path = folder / SIZES
    return Sizes(**read_json(path)) if path.is_file() else PUBLISHED


def build_clip(sizes: Sizes = PUBLISHED):
    """CLIP ViT-L/14, randomly initialised."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    vision = CLIPVisionCfg(
        layers=sizes.clip_layers, width=sizes.clip_width, patch_size=14, image_size=224
    )
    wide = sizes.text_width
    text = CLIPTextCfg(
        context_length=77,
        vocab_size=49408,
        width=wide,
        heads=wide // HEAD_WIDTH,
        layers=sizes.clip_text_layers,
    )
    return CLIP(768, vision, text, quick_gelu=True)


def build_egovlp(sizes: Sizes = PUBLISHED):
    """EgoVLP's towers for clips of four frames and for sentences, randomly initialised."""
    from egoactgen_bench.metrics.egovlp_network import SpaceTimeTransformer, TextTower, VideoTower

    width, depth = sizes.egovlp_width, sizes.egovlp_layers
    transformer = SpaceTimeTransformer(
        width, 4 * width, depth=depth, patch=16, positions=196, frames=4
    )
    return VideoTower(transformer, 256), TextTower(_distilbert(sizes), 256)


def _distilbert(sizes: Sizes):
    from transformers import DistilBertConfig

    wide, layers = sizes.text_width, sizes.egovlp_layers // 2 or 1
    return DistilBertConfig(
        dim=wide, hidden_dim=4 * wide, n_heads=wide // HEAD_WIDTH, n_layers=layers
    )


def _write_egovlp(folder: Path, sizes: Sizes) -> None:
    import torch

    distilbert = folder / "distilbert-base-uncased"
    distilbert.mkdir(exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (distilbert / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    write_json(distilbert / "config.json", _distilbert(sizes).to_dict())
    state = {
        f"module.{name}": _drawn(p)
        for tower in build_egovlp(sizes)
        for name, p in tower.state_dict().items()
    }
    torch.save({"state_dict": state}, folder / "egovlp.pth")


def _write_blip(folder: Path) -> None:
    from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    folder.mkdir(exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "picture", "of", *WORDS]
    vocabulary += [f"word{number}" for number in range(30522 - len(vocabulary))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    BlipImageProcessorPil(size={"height": 384, "width": 384}).save_pretrained(folder)
    text = {"num_attention_heads": 12, "encoder_hidden_size": 768, "bos_token_id": 30522}
    text |= {"sep_token_id": vocabulary.index("[SEP]"), "pad_token_id": 0}
    model = BlipForConditionalGeneration(
        BlipConfig(vision_config={"image_size": 384}, text_config=text)
    )
    model.load_state_dict({name: _drawn(p) for name, p in model.state_dict().items()})
    model.save_pretrained(folder)


def _drawn(parameter):
    """Random values for weights; integers, biases and norms stay unchanged."""
    wide = parameter.ndim > 1 and parameter.is_floating_point()
    return parameter.normal_(std=SPREAD) if wide else parameter
