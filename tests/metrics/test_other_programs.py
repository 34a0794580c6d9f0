"""Values of whole metrics compared with those of other programs with the same weights."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision import transforms

from egoactgen_bench.api import plugins
from egoactgen_bench.api.feature_metric import cosine
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.diffusion.denoiser.clip_tokenizer import clip_tokenizer
from egoactgen_bench.metrics.frechet import Moments, frechet_distance
from metric_contract import drawn_items
from other_programs import timm_dino, transformers_clip
from small_blip import drawn_frames
from small_networks import small_dino
from small_weights import TEXT_SIZES

Items = dict[Any, list[Any]]
LENGTH = 14  # of captions, so that the programs' different weighting of length has no effect


def built(name: str, weights: Path, workspace: Path, **options: Any) -> Metric[Any]:
    plugin, _ = plugins.load("metrics", name)
    chosen = plugin.variants()["standard"].model_copy(update=options)
    return plugin(chosen, MetricContext(weights=weights, workspace=workspace))


def values(metric: Metric[Any], items: Items) -> NDArray[np.floating]:
    return metric.measure(Batch(items))[:, 0]


@torch.inference_mode()
def test_dino_agrees_with_timm(tmp_path: Path) -> None:
    """At the native size of the positions, since timm interpolates them differently."""
    small_dino(tmp_path / "dinov2-base", image_size=56)
    metric = built("dino", tmp_path, tmp_path)
    items = drawn_items(metric, noise=120)
    model = timm_dino(tmp_path / "dinov2-base")
    prepare = transforms.Compose(
        [
            transforms.Resize(64, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(56),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    outputs, targets = (
        model(torch.stack([prepare(frame) for frame in items[role]])).numpy()
        for role in ("output", "target")
    )
    expected = cosine(outputs, targets)
    assert_allclose(values(metric, items), expected, atol=1e-5)
    assert np.ptp(expected) > 1e-3


class TransformersClip:
    """transformers' CLIPModel, image processor and tokenizer, with open_clip's small weights."""

    def __init__(self, weights: Path) -> None:
        from safetensors.torch import load_file
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        self.model = transformers_clip(load_file(weights / "ViT-L-14.safetensors"))
        self.tokenizer = clip_tokenizer()
        square = {"height": 64, "width": 64}
        self.processor = CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size=square)

    @torch.inference_mode()
    def images(self, frames: list[Image.Image]) -> NDArray[np.float32]:
        pixels = [self.processor(frame, return_tensors="pt")["pixel_values"] for frame in frames]
        return _embedding(self.model.get_image_features(pixel_values=torch.cat(pixels)))

    @torch.inference_mode()
    def texts(self, texts: list[str]) -> NDArray[np.float32]:
        tokens = self.tokenizer(texts, padding="max_length", max_length=77, return_tensors="pt")
        return _embedding(self.model.get_text_features(**tokens))


def _embedding(found: Any) -> NDArray[np.float32]:
    """The projected features, which versions of transformers return in different types."""
    projected: Tensor = getattr(found, "pooler_output", found)
    return projected.numpy()


@pytest.fixture(scope="module")
def clip(small_weights: Path) -> TransformersClip:
    return TransformersClip(small_weights)


def test_clip_agrees_with_transformers(
    small_weights: Path, tmp_path: Path, clip: TransformersClip
) -> None:
    metric = built("clip", small_weights, tmp_path)
    items = drawn_items(metric, noise=120)
    expected = cosine(clip.images(items["output"]), clip.images(items["target"]))
    assert_allclose(values(metric, items), expected, atol=1e-5)
    assert np.ptp(expected) > 1e-3


def test_clip_text_agrees_with_transformers(
    small_weights: Path, tmp_path: Path, clip: TransformersClip
) -> None:
    metric = built("clip_text", small_weights, tmp_path)
    items = drawn_items(metric)
    expected = cosine(clip.images(items["output"]), clip.texts(items["action"]))
    assert_allclose(values(metric, items), expected, atol=1e-5)
    assert np.ptp(expected) > 1e-3


@pytest.fixture(scope="module")
def clean_features(
    small_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Items, dict[str, NDArray[np.float32]]]:
    """Synthetic samples, and their features computed by clean-fid from files."""
    from cleanfid.fid import get_folder_features
    from cleanfid.inception_torchscript import InceptionV3W

    items = drawn_items(built("fid", small_weights, small_weights))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch deprecates the format of this archive
        network = InceptionV3W(str(small_weights), download=False)
    features = {}
    for role in ("output", "target"):
        folder = tmp_path_factory.mktemp(role)
        for number, frame in enumerate(items[role]):
            frame.save(folder / f"{number}.png")
        features[role] = get_folder_features(
            str(folder), network, num_workers=0, device="cpu", mode="clean", verbose=False
        )
    return items, features


def test_fid_agrees_with_clean_fids_features(clean_features, small_weights, tmp_path) -> None:
    """Its distance agrees with four programs in test_distances.py."""
    items, features = clean_features
    metric = built("fid", small_weights, tmp_path)
    rows = metric.measure(Batch(items))
    assert_allclose(rows, np.hstack([features["output"], features["target"]]), atol=1e-5)
    expected = frechet_distance(*(Moments.of(features[role]) for role in ("output", "target")))
    assert metric.summarise(rows) == pytest.approx(expected, rel=1e-4)


def test_kid_agrees_with_clean_fid(clean_features, small_weights, tmp_path) -> None:
    from cleanfid.fid import kernel_distance

    items, features = clean_features
    count = len(items["output"])
    expected = kernel_distance(
        features["output"], features["target"], num_subsets=1, max_subset_size=count
    )
    metric = built("kid", small_weights, tmp_path)
    assert metric.summarise(metric.measure(Batch(items))) == pytest.approx(expected, rel=1e-4)


def captioned_by_transformers(folder: Path, frames: list[Image.Image]) -> list[str]:
    """Captions of `LENGTH` tokens from transformers' beam search."""
    from transformers import BertTokenizer, BlipForConditionalGeneration
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    model = BlipForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = BertTokenizer.from_pretrained(folder)
    pixels = BlipImageProcessorPil.from_pretrained(folder)(frames, return_tensors="pt")
    prompt = torch.tensor([tokenizer("a picture of")["input_ids"]] * len(frames))
    sentences = model.generate(
        pixels["pixel_values"],
        prompt,
        torch.ones_like(prompt),
        num_beams=3,
        min_length=LENGTH,
        max_length=LENGTH,
    )
    words = [[token for token in s if token < len(tokenizer)] for s in sentences.tolist()]
    texts = tokenizer.batch_decode(
        words, skip_special_tokens=True, clean_up_tokenization_spaces=True
    )
    return [text.removeprefix("a picture of").strip() for text in texts]


class TransformersDistilBert:
    """EgoVLP's text tower: transformers' DistilBertModel, ReLU, and a projection."""

    def __init__(self, weights: Path) -> None:
        from transformers import BertTokenizer, DistilBertConfig, DistilBertModel

        state = torch.load(weights / "egovlp.pth")["state_dict"]
        prefix = "module.text_model."
        self.model = DistilBertModel(DistilBertConfig(**TEXT_SIZES)).eval()
        self.model.load_state_dict(
            {name[len(prefix) :]: state[name] for name in state if name.startswith(prefix)}
        )
        self.projection = [state[f"module.txt_proj.1.{kind}"] for kind in ("weight", "bias")]
        self.tokenizer = BertTokenizer.from_pretrained(weights / "distilbert-base-uncased")

    @torch.inference_mode()
    def texts(self, texts: list[str]) -> NDArray[np.float32]:
        """Each text alone, so that no padding is involved."""
        found = []
        for text in texts:
            tokens = self.tokenizer([text], return_tensors="pt")
            first = self.model(tokens["input_ids"]).last_hidden_state[:, 0]
            found.append(torch.nn.functional.linear(first.relu(), *self.projection))
        return torch.cat(found).numpy()


@pytest.mark.parametrize("name", [n for n in plugins.registered("metrics") if n.startswith("blip")])
def test_blip_agrees_with_transformers_captions_and_text_towers(
    name: str, small_weights: Path, tmp_path: Path, clip: TransformersClip
) -> None:
    metric = built(name, small_weights, tmp_path, shortest=LENGTH, longest=LENGTH)
    items: Items = drawn_items(metric)
    items |= {role: drawn_frames(6) for role in ("output", "target")}
    size = "base" if "_b" in name else "large"
    folder = small_weights / f"blip-image-captioning-{size}"
    captions = captioned_by_transformers(folder, items["output"])
    assert len(set(captions)) > 3
    encoder = TransformersDistilBert(small_weights) if "egovlp" in name else clip
    against = "description" if "description" in name else "action"
    expected = cosine(encoder.texts(captions), encoder.texts(items[against]))
    assert_allclose(values(metric, items), expected, atol=1e-5)
    assert np.ptp(expected) > 1e-3
