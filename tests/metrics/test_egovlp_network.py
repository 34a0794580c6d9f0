"""EgoVLP's towers, compared with outputs of the released code with the same random weights."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.egovlp_network import SpaceTimeTransformer, TextTower, VideoTower
from egoactgen_bench.metrics.egovlp_text import SentenceEncoder
from egoactgen_bench.metrics.egovlp_weights import (
    VIDEO,
    build_text_tower,
    build_video_tower,
    inflate,
    load_video_tower,
)
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint

State = dict[str, torch.Tensor]
TEXT_SIZES = {"dim": 64, "n_layers": 1, "n_heads": 2, "hidden_dim": 96, "vocab_size": 30522}


def small_state(frames: int = 4) -> State:
    """Random parameters of both towers, small: frames of 16 × 16, embeddings of 24 channels."""
    from transformers import DistilBertConfig

    torch.manual_seed(0)
    transformer = SpaceTimeTransformer(128, 192, depth=2, patch=8, positions=4, frames=frames)
    towers = VideoTower(transformer, 24), TextTower(DistilBertConfig(**TEXT_SIZES), 24)
    state = {name: tensor for tower in towers for name, tensor in tower.state_dict().items()}
    for name in ("cls_token", "pos_embed", "temporal_embed"):
        state[f"video_model.{name}"].normal_()
    return state


def video_part(state: State) -> State:
    return {name: tensor for name, tensor in state.items() if name.startswith(VIDEO)}


def save(path: Path, state: State, prefix: str = "module.") -> Path:
    torch.save({"state_dict": {prefix + name: tensor for name, tensor in state.items()}}, path)
    return path


@pytest.fixture(scope="module")
def golden_text(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "01_egovlp.json").read_text())["text"]


@pytest.fixture(scope="module")
def distilbert(golden_text: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DistilBERT folder with a vocabulary of the sentences' words, under BERT's token ids."""
    words = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    for sentence, ids in zip(golden_text["sentences"], golden_text["input_ids"], strict=True):
        words |= dict(zip(ids[1:-1], re.findall(r"\w+|[^\w\s]", sentence.lower()), strict=True))
    folder = tmp_path_factory.mktemp("distilbert-base-uncased")
    lines = (words.get(index, f"[unused{index}]") for index in range(30522))
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n")
    (folder / "config.json").write_text(json.dumps(TEXT_SIZES))
    return folder


def test_text_tower_reproduces_the_released_embeddings(
    golden: Path,
    golden_text: dict[str, Any],
    distilbert: Path,
    hashed: Callable[..., State],
) -> None:
    state = hashed("egovlp_ego4d_param_shapes.json", 0.02, ("text_model", "txt_proj"))
    tower = build_text_tower(state, golden_text["distilbert_config"])
    tokenizer = SentenceEncoder.load_tokenizer(distilbert)
    sentences = golden_text["sentences"]
    assert tokenizer(sentences)["input_ids"] == golden_text["input_ids"]
    together = SentenceEncoder(tower, tokenizer).encode(sentences)
    reference = np.load(golden / "01_egovlp.npz")
    assert_allclose(together, reference["text/embeddings"], atol=1e-4)
    unit = torch.nn.functional.normalize(together)
    assert_allclose(unit @ unit.T, reference["text/cosine"], atol=1e-5)


def test_sizes_are_read_from_the_checkpoint(golden: Path) -> None:
    for data, frames in (("ego4d", 4), ("epickitchen", 16)):
        shapes = json.loads((golden / f"egovlp_{data}_param_shapes.json").read_text())
        with torch.device("meta"):
            state = {n: torch.empty(s) for n, s in shapes.items() if not n.startswith("t")}
        tower = build_video_tower(state)
        assert (tower.frames, tower.image_size) == (frames, 224)
        assert {name: list(t.shape) for name, t in tower.state_dict().items()} == {
            name: shape for name, shape in shapes.items() if not name.startswith("t")
        }


def test_both_towers_load_from_one_file_with_or_without_prefix(
    tmp_path: Path, distilbert: Path
) -> None:
    state = small_state()
    state["text_model.embeddings.position_ids"] = torch.arange(512)[None]
    clips = torch.randn(2, 4, 3, 16, 16)
    towers = [
        load_video_tower(save(tmp_path / f"{len(prefix)}.pth", state, prefix))
        for prefix in ("module.", "")
    ]
    assert torch.equal(towers[0](clips), towers[1](clips))
    encoder = SentenceEncoder.load(tmp_path / "7.pth", distilbert)
    embeddings = encoder.encode(["open the fridge", "wash the plate in the sink"])
    assert embeddings.shape == (2, 24)
    assert_allclose(encoder.encode(["open the fridge"]), embeddings[:1], atol=1e-6)


def test_clips_of_a_batch_are_independent() -> None:
    tower = build_video_tower(video_part(small_state()))
    clips = torch.randn(5, 4, 3, 16, 16)
    together = tower(clips)
    assert_allclose(torch.cat([tower(clip[None]) for clip in clips]), together, atol=1e-6)
    assert_allclose(tower(clips.flip(0)).flip(0), together, atol=1e-6)
    assert not torch.allclose(tower(clips.flip(1)), together, atol=1e-3)  # time has a direction


def test_divided_attention_is_attention_masked_to_groups() -> None:
    """The same result as attention over all tokens, masked by frame or by position."""
    tower = build_video_tower(video_part(small_state()))
    block, frames, positions = tower.video_model.blocks[0], 4, 4
    tokens = torch.randn(2, 1 + frames * positions, 128)
    time = torch.arange(frames).repeat_interleave(positions)
    for attention, group in (
        (block.attn, time),
        (block.timeattn, torch.arange(positions).repeat(frames)),
    ):
        seen = torch.ones(17, 17, dtype=torch.bool)
        seen[1:, 1:] = group[:, None] == group[None]
        query, key, value = attention.qkv(tokens).view(2, 17, 3, 2, 64).permute(2, 0, 3, 1, 4)
        logits = (query @ key.transpose(-1, -2) / 8).masked_fill(~seen, -torch.inf)
        expected = attention.proj((logits.softmax(-1) @ value).transpose(1, 2).flatten(2))
        assert_allclose(attention(tokens, frames), expected, atol=1e-5)
        assert_allclose(attention.class_token(tokens), expected[:, :1], atol=1e-5)
    assert_allclose(block(tokens, 4, class_token_only=True), block(tokens, 4)[:, :1], atol=1e-5)


def test_temporal_embeddings_are_inflated_as_in_egovlp(tmp_path: Path) -> None:
    stored = torch.arange(4.0)[None, :, None].expand(1, 4, 3)
    zeros = inflate(stored, 16)
    assert zeros[0, :, 0].tolist() == [0, 1, 2, 3] + [0] * 12
    assert_allclose(inflate(stored, 16, "bilinear")[0, :, 2], np.linspace(0, 3, 16), atol=1e-6)
    assert inflate(stored, 2)[0, :, 0].tolist() == [0, 1]
    tower = load_video_tower(save(tmp_path / "four.pth", small_state()), frames=16)
    assert tower.frames == 16
    assert tower(torch.randn(1, 16, 3, 16, 16)).shape == (1, 24)


def test_other_checkpoints_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "egovlp.pth"
    state = small_state()
    with pytest.raises(BenchError, match=r"egovlp.pth is not an EgoVLP checkpoint.*'conv1.weight'"):
        load_video_tower(save(path, state | {"conv1.weight": torch.zeros(1)}))
    lacking = {name: t for name, t in state.items() if name != "video_model.pos_embed"}
    with pytest.raises(BenchError, match=r"it lacks 'video_model.pos_embed'"):
        load_video_tower(save(path, lacking))
    wrong = state | {"video_model.norm.weight": torch.zeros(3)}
    with pytest.raises(BenchError, match=r"does not fit EgoVLP's network.*norm.weight"):
        load_video_tower(save(path, wrong))
    extra = state | {"video_model.head.weight": torch.zeros(3)}
    with pytest.raises(BenchError, match=r"does not fit EgoVLP's network.*head.weight"):
        load_video_tower(save(path, extra))


def test_published_checkpoint_is_read_without_its_config_class(golden: Path) -> None:
    path = golden / "egovlp_pickle_shape.pth"
    names = read_checkpoint(path)["state_dict"]
    assert all(name.startswith("module.") for name in names)
    with pytest.raises(BenchError, match="is not an EgoVLP checkpoint"):
        load_video_tower(path)
