"""The VLLM compared with the authors' code: conversion, prompt, tokens, features, text."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.conversion import convert
from egoactgen_lego.vllm import vision_tower
from egoactgen_lego.vllm.prompting import PLACEHOLDER, QUESTION, conversation, token_ids
from egoactgen_lego.vllm.sampling import Sampling
from egoactgen_lego.vllm.text_generation import write
from egoactgen_lego.vllm.vllm_model import load

TOLERANCE = 2e-5
FILES = {"frame_000": "frame_000_384x288.png", "frame_030": "frame_030_456x256.png"}
FRAMES = sorted(FILES)
TRAINING = ("input_ids", "labels", "attention_mask", "images")
GREEDY = Sampling(temperature=0, max_new_tokens=12)


@pytest.fixture(scope="module")
def golden(shared):
    folder = shared / "golden" / "vllm"
    expected = json.loads((folder / "golden.json").read_text())
    frames = {
        name: Image.open(folder.parent / "frames" / file).convert("RGB")
        for name, file in FILES.items()
    }
    questions = {
        name: QUESTION.format(expected["inference"][name]["action_after_cleaning"])
        for name in FRAMES
    }
    return SimpleNamespace(
        folder=folder,
        expected=expected,
        arrays=np.load(folder / "golden.npz"),
        frames=frames,
        questions=questions,
    )


@pytest.fixture(scope="module")
def converted(golden, tmp_path_factory):
    return convert(golden.folder / "tiny_vllm", tmp_path_factory.mktemp("vllm") / "converted")


@pytest.fixture(scope="module")
def vllm(converted):
    return load(converted, "cpu", torch.float32)


def close(found, expected, tolerance=TOLERANCE):
    assert tuple(found.shape) == expected.shape
    worst = np.abs(np.asarray(found) - expected).max()
    assert worst <= tolerance, f"off by {worst}"


def prompts(vllm, golden):
    images = vllm.image_features([golden.frames[name] for name in FRAMES])
    return [
        vllm.embed(vllm.prompt(golden.questions[name]), image)
        for name, image in zip(FRAMES, images, strict=True)
    ]


@pytest.mark.parametrize("name", FRAMES)
def test_prompt_and_tokens(vllm, golden, name):
    expected = golden.expected["inference"][name]
    prompt = vllm.prompt(golden.questions[name])
    assert prompt == expected["prompt"]
    assert token_ids(vllm.tokenizer, prompt) == expected["input_ids"]


@pytest.mark.parametrize("name", FRAMES)
def test_pixels_and_image_features(vllm, golden, name):
    frame = golden.frames[name]
    assert np.array_equal(vllm.pixels([frame]), golden.arrays[f"{name}/pixel_values"])
    close(vllm.image_features([frame]), golden.arrays[f"{name}/image_features_H"])


@pytest.mark.parametrize("name", FRAMES)
@torch.inference_mode()
def test_states_and_logits_of_the_whole_prompt(vllm, golden, name):
    image = torch.from_numpy(golden.arrays[f"{name}/image_features_H"])[0]
    embedded = vllm.embed(vllm.prompt(golden.questions[name]), image)[None]
    states = vllm.model.model.language_model(inputs_embeds=embedded).last_hidden_state
    close(states[0], golden.arrays[f"{name}/last_hidden_prompt"])
    logits = vllm.model.lm_head(states)[0, :, : vllm.words]
    close(logits, golden.arrays[f"{name}/logits_prompt"])


@pytest.mark.parametrize("name", FRAMES)
def test_greedy_text_and_its_states(vllm, golden, name):
    expected = golden.expected["inference"][name]
    images = vllm.image_features([golden.frames[name]])
    (writing,) = vllm.describe([golden.questions[name]], images, GREEDY, [])
    assert writing.ids == expected["generated_ids"]
    assert not writing.ended
    assert vllm.text(writing) == expected["description_saved"]
    close(writing.states, golden.arrays[f"{name}/saved_text_features"])


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_sampled_tokens(vllm, golden, name, temperature):
    images = vllm.image_features([golden.frames[name]])
    generators = [torch.Generator().manual_seed(42)]
    sampling = Sampling(temperature=temperature, max_new_tokens=12)
    (writing,) = vllm.describe([golden.questions[name]], images, sampling, generators)
    assert writing.ids == golden.expected["sampled"][f"{name} T={temperature}"]


@pytest.mark.parametrize("case", ["eos_at_5th", "eos_at_1st"])
@torch.inference_mode()
def test_the_state_that_predicts_the_end_is_kept(vllm, golden, case):
    expected = golden.expected[case]
    ends = frozenset([expected["eos_token_id"]])
    prompt = prompts(vllm, golden)[:1]
    (writing,) = write(vllm.model, prompt, GREEDY, [], vllm.words, ends)
    assert writing.ids == expected["generated_ids"]
    assert writing.ended
    # The authors squeeze a single state into one dimension; ours keeps two.
    close(writing.states, np.atleast_2d(golden.arrays[f"{case}/saved_text_features"]))


@pytest.mark.parametrize("temperature", [0, 0.2, 1.0])
@torch.inference_mode()
def test_a_batch_gives_the_same_as_each_sample_alone(vllm, golden, temperature):
    sampling = Sampling(temperature=temperature, max_new_tokens=12)
    both = prompts(vllm, golden)
    assert len(both[0]) != len(both[1])

    def generators():
        return [torch.Generator().manual_seed(seed) for seed in (1, 2)]

    # The first sample ends early, which must not affect the second.
    ends = frozenset([golden.expected["inference"]["frame_000"]["generated_ids"][2]])
    together = write(vllm.model, both, sampling, generators(), vllm.words, ends)
    for prompt, generator, found in zip(both, generators(), together, strict=True):
        (alone,) = write(vllm.model, [prompt], sampling, [generator], vllm.words, ends)
        assert (found.ids, found.ended) == (alone.ids, alone.ended)
        close(found.states, alone.states.numpy())
    if temperature == 0:
        assert [len(writing.ids) for writing in together] == [3, 12]


def test_transformers_alone_gives_the_same(converted, golden):
    """The folder is a plain transformers folder: its processor and `generate` suffice."""
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    processor = AutoProcessor.from_pretrained(converted)
    model = LlavaForConditionalGeneration.from_pretrained(converted, dtype=torch.float32)
    for name in FRAMES:
        expected = golden.expected["inference"][name]
        inputs = processor(images=golden.frames[name], text=expected["prompt"], return_tensors="pt")
        ids = inputs.input_ids[0].tolist()
        place = expected["input_ids"].index(PLACEHOLDER)
        assert ids[:place] == expected["input_ids"][:place]
        assert ids[place : place + 16] == [model.config.image_token_id] * 16
        assert ids[place + 16 :] == expected["input_ids"][place + 1 :]
        made = model.generate(**inputs, do_sample=False, max_new_tokens=12)
        assert made[0, len(ids) :].tolist() == expected["generated_ids"]


def old_folder(golden, place, config=None, tensors=None):
    """A copy of the old folder with changes to its configuration and to its tensors."""
    folder = place / "old"
    folder.mkdir(parents=True)
    for path in (golden.folder / "tiny_vllm").iterdir():
        shutil.copyfile(path, folder / path.name)
    old = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(old | (config or {})))
    for path in folder.glob("*.bin") if tensors else ():
        state = torch.load(path, weights_only=True)
        tensors(state)
        torch.save(state, path)
    return folder


def without_tower(state):
    for name in [name for name in state if "vision_tower" in name]:
        del state[name]


def same_weights(converted, other):
    from safetensors.torch import load_file

    first, second = (load_file(path / "model.safetensors") for path in (converted, other))
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def test_the_tower_may_be_in_its_own_folder_or_in_the_shards(
    golden, converted, tmp_path, monkeypatch
):
    folder = old_folder(golden, tmp_path, tensors=without_tower)
    with pytest.raises(BenchError, match="lacks a vision tower: put the folder tiny_clip_vision/"):
        convert(folder, tmp_path / "refused")
    stated = tmp_path / "config.json"
    stated.write_text(json.dumps({"vision_tower": str(golden.folder / "tiny_clip_vision")}))
    assert same_weights(converted, convert(folder, tmp_path / "stated", config=stated))
    assert same_weights(converted, convert(folder, tmp_path / "models", models=golden.folder))

    whole = old_folder(golden, tmp_path / "whole")
    with pytest.raises(BenchError, match="lacks the configuration of its vision tower"):
        convert(whole, tmp_path / "refused")
    known = json.loads((golden.folder / "tiny_clip_vision" / "config.json").read_text())
    monkeypatch.setitem(vision_tower.PUBLISHED, "tiny_clip_vision", known)
    inside = convert(whole, tmp_path / "inside")
    assert same_weights(converted, inside)
    assert json.loads((inside / "conversion.json").read_text())["vision_tower"] == {
        "of": "the shards"
    }
    frame = golden.frames["frame_000"]
    pixels = load(inside, "cpu", torch.float32).pixels([frame])
    assert np.array_equal(pixels, golden.arrays["frame_000/pixel_values"])


def test_configurations_of_published_towers():
    large = vision_tower.PUBLISHED["clip-vit-large-patch14"]
    assert (large["image_size"] // large["patch_size"]) ** 2 == 256
    assert (vision_tower.PUBLISHED["clip-vit-large-patch14-336"]["image_size"] // 14) ** 2 == 576


def test_computed_tables_are_dropped_and_additional_rows_kept(golden, converted, tmp_path):
    def change(state):
        state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.full((8,), 7.0)
        positions = "model.vision_tower.vision_tower.vision_model.embeddings.position_ids"
        state[positions] = torch.arange(17)[None]
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            if name in state:
                state[name] = torch.cat([state[name], state[name][:2]])

    folder = old_folder(golden, tmp_path, tensors=change)
    models = golden.folder
    vllm = load(convert(folder, tmp_path / "out", models=models), "cpu", torch.float32)
    assert vllm.words == 514
    assert len(vllm.model.get_input_embeddings().weight) == 515
    assert vllm.tokenizer.convert_tokens_to_ids("<image>") == 514
    name = "frame_000"
    assert (
        token_ids(vllm.tokenizer, vllm.prompt(golden.questions[name]))
        == golden.expected["inference"][name]["input_ids"]
    )
    close(vllm.image_features([golden.frames[name]]), golden.arrays[f"{name}/image_features_H"])


@torch.inference_mode()
def test_the_loss_of_a_training_batch(vllm, golden):
    """The authors' loss for their ids and labels, without the image token."""
    arrays = {name: torch.from_numpy(golden.arrays[f"train/{name}"]) for name in TRAINING}
    pixels = arrays["images"].to(torch.float32)
    images = torch.stack(list(vllm.model.get_image_features(pixels).pooler_output))
    table, losses, counts = vllm.model.get_input_embeddings(), [], []
    for row in range(2):
        ids, labels = (arrays[name][row] for name in ("input_ids", "labels"))
        place = int((ids == PLACEHOLDER).nonzero())
        kept = int(arrays["attention_mask"][row].sum())
        embedded = torch.cat([table(ids[:place]), images[row], table(ids[place + 1 : kept])])
        targets = torch.cat(
            [labels[:place], torch.full((len(images[row]),), -100), labels[place + 1 : kept]]
        )
        states = vllm.model.model.language_model(inputs_embeds=embedded[None]).last_hidden_state
        logits = vllm.model.lm_head(states)[0, :-1, : vllm.words]
        losses.append(torch.nn.functional.cross_entropy(logits, targets[1:], reduction="sum"))
        counts.append(int((targets[1:] != -100).sum()))
    alone = [float(loss) / count for loss, count in zip(losses, counts, strict=True)]
    assert alone == pytest.approx(golden.expected["train"]["loss_each_alone"], abs=2e-5)
    whole = float(sum(losses)) / sum(counts)
    assert whole == pytest.approx(golden.expected["train"]["loss_batch_of_2"], abs=2e-5)


def test_a_conversation_with_its_answer(vllm, golden):
    train = golden.expected["train"]
    for entry, expected in zip(
        train["data_json"], train["conversations_after_template"], strict=True
    ):
        human, gpt = (turn["value"] for turn in entry["conversations"])
        chat = conversation(human.replace("<image>", "").strip(), gpt)
        assert vllm.tokenizer.apply_chat_template(chat, tokenize=False) == expected


class Attack:
    def __reduce__(self):
        import os

        return os.system, ("false",)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda state: state.pop("model.norm.weight", 0), "lacks tensors for: .*norm.weight"),
        (lambda state: state.pop("model.mm_projector.bias", 0), "lacks model.mm_projector"),
        (lambda state: state.pop("model.embed_tokens.weight", 0), "lacks model.embed_tokens"),
        (lambda state: state.update(strange=torch.zeros(1)), "unknown tensors: strange"),
        (lambda state: state.update({"model.x": torch.zeros(1)}), "unknown tensors: .*x"),
        (lambda state: state.update(x=Attack()), "tries to run"),
    ],
)
def test_invalid_shards_are_rejected(golden, tmp_path, change, named):
    folder = old_folder(golden, tmp_path, tensors=change)
    with pytest.raises(BenchError, match=named):
        convert(folder, tmp_path / "out", models=golden.folder)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"mm_projector_type": "mlp2x_gelu"}, "expected a single linear layer"),
        ({"mm_use_im_start_end": True}, "start and end tokens"),
        ({"mm_vision_select_feature": "cls"}, "expected one of patch, cls_patch"),
    ],
)
def test_other_architectures_are_refused(golden, tmp_path, config, named):
    folder = old_folder(golden, tmp_path, config=config)
    with pytest.raises(BenchError, match=named):
        convert(folder, tmp_path / "out", models=golden.folder)


def test_a_missing_shard_is_named(bench, golden, tmp_path):
    folder = old_folder(golden, tmp_path)
    (folder / "pytorch_model-00002-of-00002.bin").unlink()
    models = tmp_path / "workspace" / "models"
    models.mkdir(parents=True)
    (models / "tiny_clip_vision").symlink_to(golden.folder / "tiny_clip_vision")
    result = bench("models", "convert", folder, "--out", tmp_path / "out")
    assert result.status == 2
    assert "pytorch_model-00002-of-00002.bin does not exist" in result.err


def test_an_old_folder_must_be_converted_first(golden):
    with pytest.raises(BenchError, match="bench models convert"):
        load(golden.folder / "tiny_vllm", "cpu", torch.float32)
