"""The captioner through transformers, with a small model and random weights."""

from pathlib import Path

import pytest
import torch

from egoactgen_bench.captioning.captioner import Decoding
from egoactgen_bench.captioning.transformers_blip import TransformersCaptioner, load_blip
from egoactgen_bench.errors import BenchError
from small_blip import drawn_frames, write_small_blip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_blip(tmp_path_factory.mktemp("models") / "blip-image-captioning-base")


def test_a_caption_depends_only_on_its_own_frame(folder: Path) -> None:
    captioner, frames = TransformersCaptioner(folder, Decoding(), "cpu"), drawn_frames(20)
    captions = captioner.caption(frames)
    assert len(set(captions)) > 10
    assert captioner.caption(frames[::-1])[::-1] == captions
    assert [captioner.caption([frame])[0] for frame in frames] == captions


def test_sentences_of_fixed_length_equal_those_of_transformers_beam_search(folder: Path) -> None:
    """If no sentence may end early, dividing scores by the length has no effect."""
    blip, frames = load_blip(folder, "cpu"), drawn_frames(12)
    captions = blip.caption(frames, Decoding(shortest=14, longest=14))
    pixels = blip.processor(frames, return_tensors="pt")["pixel_values"]
    prompt = torch.tensor([blip.tokenizer("a picture of")["input_ids"]] * len(frames))
    sentences = blip.model.generate(
        pixels, prompt, torch.ones_like(prompt), num_beams=3, min_length=14, max_length=14
    )
    texts = [blip._text(sentence) for sentence in sentences.tolist()]
    assert captions == [text.removeprefix("a picture of").strip() for text in texts]


def test_lengths_count_the_prompt(folder: Path) -> None:
    blip, frames = load_blip(folder, "cpu"), drawn_frames(12)
    for caption in blip.caption(frames, Decoding(shortest=5, longest=5)):
        assert len(blip.tokenizer(caption)["input_ids"]) - 2 <= 1
    with torch.inference_mode():
        assert not blip.model.training


def test_a_folder_of_another_model_is_rejected(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(BenchError, match=r"is not a readable safetensors file"):
        load_blip(tmp_path)
